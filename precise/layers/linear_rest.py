"""What the last hidden layer hands on linearly, told apart once all its neurons are found.

Until then the output is known as the sum of v relu(eta) over the neurons, on whichever side, and of a linear function
of the layer below. For a neuron that acts on its other side, v relu(-eta) = v relu(eta) - v eta: when nothing else is
handed on, the linear function is the sum of -v eta over these neurons. That tells which they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import product

from flint import fmpq, fmpq_mat

from precise.layers.always_active import handing_on
from precise.layers.output_layer import OutputRow, handed_on
from precise.layers.postponed import with_rows
from precise.regions.local_map import Known, Row
from precise.signatures.reach import closed_row

MOST_FREE = 10  # neurons whose sides are tried one way and the other


@dataclass(frozen=True)
class ToldApart:
    """The last layer without linear rows; the function is the same as before wherever no lacking weight acts."""

    rows: list[Row]
    outputs: tuple[OutputRow, ...]
    negative: list[bool]  # of each row: does it act on the other side than before?
    lacking: dict[int, frozenset[int]]  # features whose weight a row lacks
    supposed: bool  # are some of them taken to keep rows off that nothing but their sides tells of?


def sides_told(known: Known, outputs: Sequence[OutputRow], lacking: Mapping[int, Set[int]]) -> list[bool] | None:
    """Which neurons of the last layer act on their other sides, if what it hands on linearly has one explanation.

    It may tell them though weights cannot be shared out: it is looked at in features of which no row lacks the weight,
    nor what is handed on linearly.
    """
    rows = known.layers[-1]
    neurons = [n for n, row in enumerate(rows) if not row.linear]
    if not handing_on(rows):
        return None
    told = [p for p in range(len(rows[0].plus)) if not any(p in absent for absent in lacking.values())]
    return _turned(rows, neurons, told, outputs, [handed_on(rows, output.weights) for output in outputs])


def told_apart(known: Known, outputs: Sequence[OutputRow], lacking: Mapping[int, Set[int]]) -> ToldApart | None:
    """The last layer's neurons on their sides, if these explain all that it hands on linearly; else None.

    Args:
        known: all hidden layers.
        lacking: features whose weight a row of the last layer lacks. A row that acts on its other side gets them from
            the linear function, unless that lacks them too: then they are taken to keep it off.
    """
    rows, below = known.layers[-1], Known(known.inputs, known.layers[:-1])
    neurons = [n for n, row in enumerate(rows) if not row.linear]
    turned = sides_told(known, outputs, lacking)
    if turned is None:
        return None
    rest = [handed_on(rows, output.weights) for output in outputs]
    given = [[o.weights[n] * turn for n, turn in zip(neurons, turned, strict=True)] for o in outputs]
    blurred = frozenset[int]().union(*(absent for n, absent in lacking.items() if rows[n].linear))
    completed = _completed(rows, neurons, given, rest, lacking, blurred)
    if completed is None:
        return None
    alone = Known(known.inputs, [*below.layers, [rows[n] for n in neurons]])
    found = [
        OutputRow(
            tuple(output.weights[n] for n in neurons),
            output.bias + sum((v * rows[n].bias for v, n in zip(own, neurons, strict=True)), fmpq(0)),
        )
        for output, own in zip(outputs, given, strict=True)
    ]
    whole = [[*weights, fmpq(rows[n].bias)] for n, weights in zip(neurons, completed, strict=True)]
    scaled = with_rows(alone, found, len(alone.layers) - 1, whole)
    left = [
        frozenset(lacking.get(n, ())).intersection(blurred) if turn else frozenset(lacking.get(n, ()))
        for n, turn in zip(neurons, turned, strict=True)
    ]
    return ToldApart(
        [
            _off(row.negated(), absent, below) if turn else row
            for row, absent, turn in zip(alone.layers[-1], left, turned, strict=True)
        ],
        scaled,
        turned,
        {place: absent for place, absent in enumerate(left) if absent},
        any(absent and turn for absent, turn in zip(left, turned, strict=True)),
    )


def _off(row: Row, lacking: Set[int], below: Known) -> Row:
    """The row with weights for these features with which it is off wherever one of them is not 0."""
    if not lacking:
        return row
    closed = closed_row(row.without(sorted(lacking)), dict.fromkeys(lacking, frozenset({False})), below)
    assert closed is not None  # it has one side at each of them
    return closed


def _turned(
    rows: Sequence[Row],
    neurons: Sequence[int],
    told: Sequence[int],
    outputs: Sequence[OutputRow],
    rest: Sequence[Sequence[fmpq]],
) -> list[bool] | None:
    """Which neurons act on their other sides, if only one choice explains what is handed on in these features."""
    table = [[*(fmpq(rows[n].plus[p]) for n in neurons), *(handed[p] for handed in rest)] for p in told]
    reduced, rank = fmpq_mat(table).rref() if table else (fmpq_mat(0, 0), 0)
    lines = [list(line) for line in reduced.tolist()[: int(rank)]]
    pivots = [next(c for c, v in enumerate(line) if v) for line in lines]
    count = len(neurons)
    free = [c for c in range(count) if c not in pivots]
    if len(free) > MOST_FREE or any(c >= count for c in pivots):
        return None
    found: list[list[bool]] = []
    for choice in product((False, True), repeat=len(free)):
        turned = dict(zip(free, choice, strict=True))
        for number, output in enumerate(outputs):
            weights = [output.weights[n] for n in neurons]
            for pivot, line in zip(pivots, lines, strict=True):
                share = line[count + number] + sum((line[c] * weights[c] for c in free if turned[c]), fmpq(0))
                if share not in (0, -weights[pivot]) or turned.setdefault(pivot, bool(share)) != bool(share):
                    break
            else:
                continue
            break
        else:
            found.append([turned[c] for c in range(count)])
    return found[0] if len(found) == 1 else None


def _completed(
    rows: Sequence[Row],
    neurons: Sequence[int],
    given: Sequence[Sequence[fmpq]],
    rest: Sequence[Sequence[fmpq]],
    lacking: Mapping[int, Set[int]],
    blurred: Set[int],
) -> list[list[fmpq]] | None:
    """The neurons' weights with which -given . weights is the rest, for every output; None if there are no such.

    A feature whose weight more than one neuron lacks that is given away cannot be shared out.

    Args:
        blurred: features of which the rest is not known.
    """
    found = [[fmpq(w) for w in rows[n].plus] for n in neurons]
    sharp = [p for p in range(len(rows[0].plus)) if p not in blurred]
    for p in sharp:
        open_ones = [
            place for place, n in enumerate(neurons) if p in lacking.get(n, ()) and any(own[place] for own in given)
        ]
        if len(open_ones) > 1:
            return None
        for own, handed in zip(given, rest, strict=True):
            others = (v * w[p] for place, (v, w) in enumerate(zip(own, found, strict=True)) if place not in open_ones)
            missing = -handed[p] - sum(others, fmpq(0))
            if not open_ones:
                if missing:
                    return None
            elif own[open_ones[0]]:
                found[open_ones[0]][p] = missing / own[open_ones[0]]
    for own, handed in zip(given, rest, strict=True):
        for p in sharp:
            if sum((v * w[p] for v, w in zip(own, found, strict=True)), handed[p]):
                return None
    return found
