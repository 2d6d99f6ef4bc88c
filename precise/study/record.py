"""What is kept of an extraction: its score against the true network, layer by layer, as plain data.

A *signature* is recovered if the row is right: it holds one true neuron's row (matching), or is a multiple of it
(walk).
A layer is *exact* if all its rows are right as rationals and all its signs are right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from precise.extract import Extraction
from precise.matching.extract import Matched
from precise.network import Network
from precise.study.attempt import Trial
from precise.study.cells import Cell
from precise.study.enclosures import LayerScore, layer_scores, rest_score
from precise.study.exact_rows import score
from precise.study.whole_network import all_exact, exact_remainder
from precise.symmetry.alignment import align

Record = dict[str, Any]  # see docs/file-formats.md; seconds are the only part that a repetition may change


def extraction_record(cell: Cell, true: Network, trials: Sequence[Trial]) -> Record:
    """The record of a cell's last trial; the others are named with what they cost."""
    trial = trials[-1]
    result = trial.result
    layers = _walked(true, result) if isinstance(result, Extraction) else _matched(true, result)
    exact = _whole_exact(true, result) and all(layer["exact"] for layer in layers)
    return {
        "kind": cell.kind,
        "model": cell.model,
        "precision": cell.precision,
        "seed": cell.seed,
        "engine": trial.engine,
        "complete": trial.complete,
        "exact": trial.complete and exact,
        "recovered": trial.complete and all(layer["recovered"] for layer in layers),
        "wrong": sum(layer["wrong"] for layer in layers) + _rest_wrong(true, result),
        "outcome": result.report.outcome,
        "queries": sum(t.queries for t in trials),
        "seconds": sum(t.seconds for t in trials),
        "layers": layers,
        "trials": [
            {"engine": t.engine, "outcome": t.result.report.outcome, "queries": t.queries, "seconds": t.seconds}
            for t in trials
        ],
    }


def _rest_wrong(true: Network, result: Extraction | Matched) -> int:
    """Claims beside the layers' own: weights outside the slice, and outputs."""
    return rest_score(true, result)[1] if isinstance(result, Matched) else 0


def _whole_exact(true: Network, result: Extraction | Matched) -> bool:
    if isinstance(result, Matched):
        return exact_remainder(true, result)
    return result.network is not None and all_exact(align(true, result.network))


def _matched(true: Network, result: Matched) -> list[Record]:
    scored = layer_scores(true, result)
    return [_matched_layer(true, result, number, scored) for number in range(len(true.layers) - 1)]


def _matched_layer(true: Network, result: Matched, number: int, scored: Sequence[LayerScore]) -> Record:
    width = true.layers[number].neurons
    if number >= len(result.report.layers):
        return _layer(number + 1, width, result.report.stages)
    report = result.report.layers[number]
    found = scored[number] if number < len(scored) else None
    right = min(found.enclosed, found.distinct) if found else 0
    signs = found.signs if found else 0
    claimed = found is not None and not report.provisional
    return _layer(number + 1, width, result.report.stages) | {
        "signatures": right,
        "signs": signs,
        "recovered": right == signs == width,
        "exact": bool(found and found.exact == signs == width),
        "exact_rows": found.exact if found else 0,
        "wrong": _wrong(found) if found and claimed else 0,
        "provisional": report.provisional,
        "partial": report.partial_rows,
        "bits": min(report.bits, default=None),
        "true_bits": None if found is None or not report.bits or math.isinf(found.bits) else found.bits,
    }


def _wrong(found: LayerScore) -> int:
    """Claims that are not true: none, if the engine keeps its word."""
    return found.claimed - min(found.enclosed, found.distinct) + found.wrong_signs + found.wrong_exact


def _walked(true: Network, result: Extraction) -> list[Record]:
    counts = score(true, result)
    found = []
    for number, (rows, signs) in enumerate(zip(counts.rows, counts.signs, strict=True)):
        width = true.layers[number].neurons
        whole = rows == signs == width
        claimed = result.report.layers[number].rows if number < len(result.report.layers) else 0
        found.append(
            _layer(number + 1, width, result.report.stages)
            | {"signatures": rows, "signs": signs, "recovered": whole, "exact": whole, "exact_rows": rows}
            | {"wrong": max(0, claimed - rows) if result.report.complete else 0}
        )
    return found


def _layer(number: int, width: int, stages: dict[str, dict[str, float]]) -> Record:
    """A layer of which nothing is known, but what it cost."""
    record: Record = {
        "layer": number,
        "width": width,
        "signatures": 0,  # rows that are right
        "signs": 0,  # signs that are right
        "recovered": False,
        "exact": False,
        "exact_rows": 0,
        "wrong": 0,  # rows, signs and rationals that were claimed and are not true
        "provisional": False,
        "partial": 0,
        "bits": None,  # proved, of the weakest row; None: no row, or exact
        "true_bits": None,  # of the weakest row's midpoint, from the true weights
    }
    for part, names in (("signatures", ("critical points", "signatures")), ("signs", ("signs",))):
        accounts = [stages.get(f"layer {number}: {name}", {}) for name in names]
        record[f"{part}_queries"] = int(sum(a.get("queries", 0) for a in accounts))
        record[f"{part}_seconds"] = sum(a.get("seconds", 0.0) for a in accounts)
    return record
