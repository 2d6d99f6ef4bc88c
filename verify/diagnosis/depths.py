"""Networks of different depth: which layers of the one are layers of the other, and what the verdict on the whole is.

From the first layer upwards a layer is read like in networks of one depth, in whatever order and on whatever scales its
inputs come. Behind a layer without counterpart the orders are not known, and layers are compared as they stand. Of all
ways to pair layers in order, the one with the most agreeing neurons is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from precise.arithmetic import primitive
from precise.network import Network
from precise.symmetry.merging import Rows, merge_copies, rows_of
from verify.diagnosis.fault import Certainty, Diagnosis, Fault, Kind
from verify.diagnosis.layer_fit import LayerFit
from verify.diagnosis.sides import inputs_as_they_are
from verify.equality.structural import prove_equal
from verify.verdict import Outcome

Progress = Callable[[str], None]


@dataclass(frozen=True)
class LayerPair:
    """A layer of the original and one of the recovered network, counted from 1."""

    original: int
    recovered: int
    agree: int  # neurons of the recovered one that are the original's up to a positive factor
    neurons: int  # of the recovered one

    @property
    def text(self) -> str:
        """For a sentence."""
        share = "all" if self.agree == self.neurons else f"{self.agree} of"
        return f"layer {self.recovered} is the original's layer {self.original} in {share} {self.neurons} neurons"


def compare_depths(original: Network, recovered: Network, seconds: float, progress: Progress) -> Diagnosis:
    """The diagnosis of networks that are not the same by canonical form and have different numbers of layers.

    Args:
        original: what was to be recovered.
        recovered: what came out.
        seconds: for the search of an input on which they differ.
        progress: is told each step in a few words.
    """
    progress("layers of different depths paired")
    pairs = paired_layers(original, recovered)
    verdict = prove_equal(original, recovered, timeout=seconds, progress=progress)
    if verdict.outcome is Outcome.EQUAL:
        return Diagnosis((), True, f"No fault: {verdict.reason}.", recovered, verdict)
    counts = f"The recovered network has {len(recovered.layers)} layers, and the original has {len(original.layers)}"
    shown = "; ".join(pair.text for pair in pairs) or "no layer is recognised as one of the original's"
    lacking = _without(pairs, len(original.layers), len(recovered.layers))
    differ = "Outputs differ" if verdict.witness is not None else "No input was found on which outputs differ"
    fault = Fault(
        Kind.DEPTH,
        lacking,
        (),
        f"{counts}: {shown}. Order of neurons and scales are followed from the first layer; behind a layer without "
        "counterpart, layers are compared as they stand.",
        Certainty.LIKELY,
        witness=verdict.witness,
    )
    outcome = (
        f"{counts}: {shown}. {differ}. No repair is made across depths: extract again with --widths "
        f"{'-'.join(map(str, original.widths))}."
    )
    details = {
        "shown": verdict.witness is not None,
        "paired_layers": [
            {"original": p.original, "recovered": p.recovered, "agree": p.agree, "neurons": p.neurons} for p in pairs
        ],
    }
    return Diagnosis((fault,), False, outcome, None, verdict, details=details)


def paired_layers(original: Network, recovered: Network) -> list[LayerPair]:
    """Layers in order, paired so that most neurons agree; only pairs in which at least half of them do.

    Args:
        original, recovered: with the same inputs and outputs.
    """
    first, second = merge_copies(original).network, merge_copies(recovered).network
    ours, theirs = rows_of(first), rows_of(second)
    scores = {
        (a, b): _as_they_stand(ours[a], theirs[b], a == len(ours) - 1, b == len(theirs) - 1)
        for a in range(len(ours))
        for b in range(len(theirs))
    }
    for n, count in enumerate(_from_below(ours, theirs)):
        scores[n, n] = max(scores[n, n], count)
    scores = {(a, b): count for (a, b), count in scores.items() if 2 * count >= len(theirs[b])}
    return [
        LayerPair(a + 1, b + 1, scores[a, b], len(theirs[b])) for a, b in _best_chain(scores, len(ours), len(theirs))
    ]


def _from_below(original: list[Rows], recovered: list[Rows]) -> list[int]:
    """By layer, from the first: how many rows agree; up to the layer at which less than half of them do."""
    before = inputs_as_they_are(len(original[0][0]) - 1)
    found: list[int] = []
    for number in range(min(len(original), len(recovered)) - 1):
        fit = LayerFit(original[number], recovered[number], before, number == 0, False)
        reading = fit.readings()[0][0]
        agree = sum(
            side is not None and side.slack is not None and side.scale > 0 and not wrong
            for side, wrong in zip(reading.rows, reading.wrong, strict=True)
        )
        found.append(agree)
        if 2 * agree < len(recovered[number]):
            break
        before = reading.rows
    return found


def _as_they_stand(original: Rows, recovered: Rows, last: bool, output: bool) -> int:
    """How many recovered rows are rows of the original up to a positive factor, their inputs as they are."""
    if last != output or len(original[0]) != len(recovered[0]):
        return 0
    if last:
        return sum(a == b for a, b in zip(original, recovered, strict=True))
    known = {primitive(row) for row in original if any(row)}
    return sum(any(row) and primitive(row) in known for row in recovered)


def _best_chain(scores: dict[tuple[int, int], int], most: int, others: int) -> list[tuple[int, int]]:
    """Pairs in order on both sides with the largest sum of scores."""
    best: dict[tuple[int, int], tuple[int, list[tuple[int, int]]]] = {}
    for a in range(most, -1, -1):
        for b in range(others, -1, -1):
            choices = [best[place] for place in ((a + 1, b), (a, b + 1)) if place in best]
            if (a, b) in scores and a < most and b < others:
                total, chain = best.get((a + 1, b + 1), (0, []))
                choices.append((total + scores[a, b], [(a, b), *chain]))
            best[a, b] = max(choices, key=lambda choice: choice[0], default=(0, []))
    return best[0, 0][1]


def _without(pairs: Sequence[LayerPair], original: int, recovered: int) -> int:
    """The first layer without counterpart: of the original, if that is deeper, else of the recovered network."""
    deeper = original > recovered
    taken = {pair.original if deeper else pair.recovered for pair in pairs}
    return next((n for n in range(1, max(original, recovered) + 1) if n not in taken), max(original, recovered))
