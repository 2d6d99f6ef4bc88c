"""What an oracle may be instead, when an extraction ends without a network: said beside the outcome, no verdict."""

from __future__ import annotations

from precise.layers.candidate import PREDICTION_FAILED
from precise.layers.hidden_layer import FIRST_DOUBT
from precise.layers.layer_result import LayerResult
from precise.regions.probe import Probe
from precise.regions.walk import NO_END
from precise.report import LayerReport, Report

FRUITLESS_LINES = 4  # without a candidate, after which a layer may have no further neuron
_QUESTION = "is the oracle a ReLU network of these widths?"


def suspicion(report: Report, probe: Probe, latest: LayerResult | None) -> str:
    """A sentence from what was seen, with a space before it; empty if there is nothing to say.

    Args:
        report: of the run.
        probe: through which the oracle was asked.
        latest: the search that went on, or went on last.
    """
    if report.oracle_precision is None and probe.floats():
        return (
            " The latest answers all fit into float64: an oracle that computes in floats is no exact one, give its "
            "precision in bits (53) and take --signatures match."
        )
    for layer in report.layers:
        # In a network of these widths more rows hold their prediction than deeper surfaces fail one, or seem endless.
        failed = layer.ends.get(PREDICTION_FAILED, 0) + layer.ends.get(NO_END, 0)
        if failed > layer.rows:
            seen = f"{failed} candidates were not as predicted and {layer.rows} rows held their predictions"
            return f" In layer {layer.layer}, {seen}: {_QUESTION}"
    return _short(report.layers[-1], latest) if report.layers and latest else ""


def _short(layer: LayerReport, latest: LayerResult) -> str:
    """If the search for more neurons had long met nothing new."""
    found, tried = len(latest.rows), latest.candidates_since
    if layer.width is None or found >= layer.width:
        return ""
    if tried < FIRST_DOUBT and (tried or latest.lines_since < FRUITLESS_LINES):
        return ""
    since = "since the last one" if found else "so far"
    seen = f"{tried} candidates on {latest.lines_since} lines {since} led to no other"
    return f" In layer {layer.layer}, {found} of {layer.width} neurons were found, and {seen}: {_QUESTION}"
