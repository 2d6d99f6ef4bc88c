"""Neurons that seemed to be always active and are not: a row stood for them that hands its preactivation on as it is.

Where such a neuron was taken to be always active, it acts as v eta. Found at last in the few places where it is off, it
first counts as another neuron, which acts as v relu(-eta). The two are one: v eta + v relu(-eta) = v relu(eta).
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace

from flint import fmpq, fmpq_mat

from precise.arithmetic import primitive
from precise.equations.row_system import RowSystem
from precise.layers.output_layer import OutputRow
from precise.layers.postponed import vectors, with_rows
from precise.regions.local_map import Known, Row


def joined_with_linear(
    known: Known, outputs: Sequence[OutputRow], layer: int, lacking: Set[int], unseen: Set[int]
) -> tuple[int, tuple[OutputRow, ...]] | None:
    """Make the last neuron of a layer and a linear row that stands for it one neuron, if one does.

    It has all weights that the linear rows have, so that it lacks none; the function stays as it is.

    Args:
        known: changed in place.
        layer: from 0; its last row is the neuron.
        lacking: features whose weight the neuron lacks.
        unseen: neurons of the next layer whose weight for the neuron is not known.

    Returns:
        (the number of the neuron then, the outputs over the known part then), or None.
    """
    *rows, found = known.layers[layer]
    linear = handing_on(rows)
    shares = _shares([rows[n] for n in linear], found, lacking)
    if shares is None or (unseen and len(linear) > 1):
        return None
    following = vectors(known, outputs, layer + 1)
    acting = [vector.pop(len(rows)) for vector in following]
    rank_before = int(fmpq_mat([[vector[n] for n in linear] for vector in following]).rank())
    for number in unseen:  # all that the linear row does there is the neuron's
        acting[number] = -following[number][linear[0]] / shares[0]
    for vector, weight in zip(following, acting, strict=True):
        for n, share in zip(linear, shares, strict=True):
            vector[n] += weight * share
        vector[-1] += weight * found.bias
    left, rank = fmpq_mat([[vector[n] for n in linear] for vector in following]).rref()
    if int(rank) >= rank_before:
        return None
    before, (*kept, free) = [rows[n] for n in linear], linear
    table = left.tolist()[: int(rank)]
    pivots = [next(linear[c] for c, v in enumerate(line) if v) for line in table]
    coordinates = [[vector[c] for c in pivots] for vector in following]
    for place, slot in enumerate(kept):
        rows[slot], scale = _mixed(before, table[place]) if place < len(table) else (_nothing(found), fmpq(1))
        for vector, own in zip(following, coordinates, strict=True):
            vector[slot] = own[place] / scale if place < len(table) else fmpq(0)
    whole, scale = _mixed(before, shares, found.bias)
    rows[free] = replace(whole.negated(), linear=False)
    for vector, weight in zip(following, acting, strict=True):
        vector[free] = weight / scale
    known.layers[layer] = rows
    return free, with_rows(known, outputs, layer + 1, following)


def handed_through(outputs: Sequence[OutputRow]) -> tuple[list[Row], tuple[OutputRow, ...]]:
    """One more layer, which changes nothing: linear rows for what the outputs need, and the outputs over these."""
    features = len(outputs[0].weights)
    table, rank = fmpq_mat([list(output.weights) for output in outputs]).rref()
    rows, columns = list[Row](), list[list[fmpq]]()
    for line in table.tolist()[: max(1, int(rank))]:  # a row of zeros keeps the place of a layer that hands nothing on
        lead = next((n for n, v in enumerate(line) if v), 0)
        whole = [int(v.p) for v in primitive(line)]
        rows.append(Row(tuple(whole), (0,) * features, 0, linear=True))
        columns.append([output.weights[lead] / (whole[lead] or 1) for output in outputs])
    weights = zip(*columns, strict=True)
    return rows, tuple(OutputRow(own, output.bias) for own, output in zip(weights, outputs, strict=True))


def without_idle(known: Known, outputs: Sequence[OutputRow], layer: int) -> Sequence[OutputRow]:
    """Leave out the last rows of a layer (from 0) that hand nothing on; the outputs over the known part then."""
    rows, following = known.layers[layer], vectors(known, outputs, layer + 1)
    while len(rows) > 1 and rows[-1].linear and not any(rows[-1].plus):
        rows = rows[:-1]
        for vector in following:
            del vector[len(rows)]
    if len(rows) == len(known.layers[layer]):
        return outputs
    known.layers[layer] = rows
    return with_rows(known, outputs, layer + 1, following)


def handing_on(rows: Sequence[Row]) -> list[int]:
    """Which rows of a layer stand for neurons that seem to be always active."""
    return [number for number, row in enumerate(rows) if row.linear and any(row.plus)]


def _shares(linear: Sequence[Row], found: Row, lacking: Set[int]) -> list[fmpq] | None:
    """The combination of these rows that is a neuron's but for its bias and what it lacks, if there is just one."""
    if not linear:
        return None
    system = RowSystem(len(linear))
    told = [p for p in range(len(found.plus)) if p not in lacking]
    system.add([[*(row.plus[p] for row in linear), fmpq(found.plus[p])] for p in told])
    shares = system.solve()
    return shares if shares is not None and any(shares) else None


def _mixed(rows: Sequence[Row], shares: Sequence[fmpq], bias: int = 0) -> tuple[Row, fmpq]:
    """A combination of rows, in integers without a common factor, and by which it was multiplied for that."""
    features = range(len(rows[0].plus))
    exact = [sum((s * row.plus[p] for s, row in zip(shares, rows, strict=True)), fmpq(0)) for p in features]
    exact.append(fmpq(bias))
    whole = [int(v.p) for v in primitive(exact)]
    lead = next(n for n, v in enumerate(exact) if v)
    return replace(rows[0], plus=tuple(whole[:-1]), bias=whole[-1]), whole[lead] / exact[lead]


def _nothing(row: Row) -> Row:
    return Row((0,) * len(row.plus), (0,) * len(row.minus), 0, linear=True)
