"""What is open in a row, told by what its neuron adds to the oracle where it is on.

In few inputs the surface of a neuron crosses few regions of the layers below, and a combination of its weights may act
in none of them. Where the neuron is on, the oracle differs from a copy that lacks it by a multiple of the neuron's
preactivation as long as nothing behind it changes its state. That shows the combination wherever it acts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from flint import fmpq, fmpq_mat

from precise.arithmetic import primitive
from precise.equations.open_row import OpenRow
from precise.equations.row_system import RowSystem
from precise.layers.differing import Seen
from precise.layers.expansion import downstream
from precise.layers.output_layer import OutputRow
from precise.regions.local_map import Known, Pattern, Row
from precise.regions.probe import FRACTION_BITS, Piece, Point, Probe

AGREEING = 3  # points that tell the same: one holds by chance once in 2^60 for every equation beyond the unknowns


def completed_where_on(
    probe: Probe, known: Known, scalar: OutputRow, layer: int, wanted: OpenRow, seen: Seen
) -> tuple[Row | None, bool]:
    """The row with what is open in it as most points tell it at which the neuron is on, and whether they do.

    Where the open combination acts at none of them, the row gets as much of it as keeps it off where the copy is right.

    Args:
        scalar: what the probe would answer if nothing were missing, over the known part.
        layer: of the row, from 0.
        seen: where the copy is wrong, at some points for want of this neuron, and where it is right; 1 query for each
            of the former.

    Raises:
        BudgetExceeded, OracleError, PrecisionError: from the oracle.
    """
    points = seen.surprising
    rows = Known(known.inputs, [*known.layers[:layer], [wanted.row, *wanted.open]])
    told = Counter[tuple[fmpq, ...]]()
    acts = False
    measured = zip(points, known.patterns(points), probe.pieces(points, probe.axes), strict=True)
    for point, pattern, piece in measured:
        rest = _rest(known, scalar, point, pattern, piece)
        forms = [[int(v) for v in form] for form in rows.affine(layer, pattern).tolist()]
        acts = acts or any(any(form) for form in forms[1:])
        system = RowSystem(len(forms))
        system.add([[*coefficients, value] for *coefficients, value in zip(*forms, rest, strict=True)])
        answer = system.solve()
        if answer is not None and answer[0]:
            told[tuple(share / answer[0] for share in answer[1:])] += 1
    ((shares, count),) = told.most_common(1) or [((), 0)]
    if count >= AGREEING:
        return _combined(wanted.row, wanted.open, shares), True
    return None if acts or len(wanted.open) > 1 else _kept_off(rows, wanted, seen), False


def _kept_off(rows: Known, wanted: OpenRow, seen: Seen) -> Row | None:
    """The row with so much of its only open combination that it is off where the copy is right, if that can be.

    Args:
        rows: the layers below, and then the row and the combination.
    """
    signs = {value > 0 for value, _ in rows.preactivations(seen.surprising)[-1] if value}
    if len(signs) != 1:
        return None
    row, turned = (wanted.row, 1) if signs == {True} else (wanted.row.negated(), -1)
    lowest, highest = list[fmpq](), list[fmpq]()  # bounds of the multiple
    for value, part in rows.preactivations(seen.fitting)[-1]:
        if part:
            (highest if part > 0 else lowest).append(fmpq(-turned * value, part))
    low, high = max(lowest, default=None), min(highest, default=None)
    if low is not None and high is not None:
        return _combined(row, wanted.open, [(low + high) / 2]) if low <= high else None
    return _combined(row, wanted.open, [high - 1 if high is not None else low + 1 if low is not None else fmpq(0)])


def _rest(known: Known, scalar: OutputRow, point: Point, pattern: Pattern, piece: Piece) -> list[fmpq]:
    """The affine form (slopes ..., constant) by which the oracle differs from the copy around a point."""
    last = len(known.layers) - 1
    behind = downstream(known, pattern, scalar, last)
    (copy,) = (fmpq_mat([behind]) * fmpq_mat(known.affine(last, pattern))).tolist()
    constant = piece.value - sum((s * c for s, c in zip(piece.slopes, point, strict=True)), fmpq(0)) / (
        1 << FRACTION_BITS
    )
    return [a - b for a, b in zip((*piece.slopes, constant - scalar.bias), copy, strict=True)]


def _combined(row: Row, others: Sequence[Row], shares: Sequence[fmpq]) -> Row:
    vectors = [[*each.plus, *each.minus, each.bias] for each in (row, *others)]
    columns = zip(*vectors, strict=True)
    sums = [sum((s * v for s, v in zip((1, *shares), entries, strict=True)), fmpq(0)) for entries in columns]
    return Row.of([int(v.p) for v in primitive(sums)], len(row.plus))
