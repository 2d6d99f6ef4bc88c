"""One extraction from an oracle alone, by the engine that its precision allows.

From WALK_BITS on the exact walk is tried first: it refuses, after a few queries, an oracle that rounds what it must
read exactly, and then balls are carried (`precise.matching`). What a refused walk asked counts as well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import process_time

from precise.extract import Extraction, extract
from precise.layers.hidden_layer import Patience as WalkPatience
from precise.matching.extract import Matched, extract_by_matching
from precise.matching.layer import Patience as MatchPatience
from precise.oracle import Oracle
from precise.study.cells import Limits

WALK_BITS = 256  # exact answers need the network's mantissas added up over its layers: never fewer


@dataclass(frozen=True)
class Trial:
    """What one engine did."""

    engine: str  # walk or match
    result: Extraction | Matched
    queries: int
    seconds: float  # of the processor

    @property
    def complete(self) -> bool:
        """Whether it recovered everything."""
        return self.result.report.complete


def attempt(oracle: Oracle, widths: tuple[int, ...], seed: int, limits: Limits) -> list[Trial]:
    """The trials at one cell, the last one is its result.

    Raises:
        KeyboardInterrupt: the run was interrupted; a part of a cell is not kept.
    """
    trials = []
    if oracle.precision is not None and oracle.precision >= WALK_BITS:
        trials.append(_trial("walk", oracle, widths, seed, limits))
        if trials[-1].complete:
            return trials
    trials.append(_trial("match", oracle, widths, seed, limits))
    if len(trials) == 2 and _whole_layers(trials[0]) > _whole_layers(trials[1]):
        trials.reverse()
    return trials


def _trial(engine: str, oracle: Oracle, widths: tuple[int, ...], seed: int, limits: Limits) -> Trial:
    asked, start = oracle.queries, process_time()
    result = _walk(oracle, widths, seed, limits) if engine == "walk" else _match(oracle, widths, seed, limits)
    if result.report.interrupted:
        raise KeyboardInterrupt
    return Trial(engine, result, oracle.queries - asked, process_time() - start)


def _walk(oracle: Oracle, widths: tuple[int, ...], seed: int, limits: Limits) -> Extraction:
    oracle.budget = oracle.queries + limits.walk_queries
    return extract(oracle, widths, seed, patience=replace(WalkPatience(), candidates=limits.walk_candidates))


def _match(oracle: Oracle, widths: tuple[int, ...], seed: int, limits: Limits) -> Matched:
    oracle.budget = oracle.queries + limits.match_queries
    patience = MatchPatience(lines=limits.match_lines, idle=limits.match_idle)
    return extract_by_matching(oracle, widths, seed, patience=patience)


def _whole_layers(trial: Trial) -> int:
    """Layers of which every declared row is there."""
    layers = trial.result.report.layers
    return sum(layer.rows == layer.width for layer in layers)
