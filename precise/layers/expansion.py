"""The columns of the first layer outside the slice, read off without any search once the rest is known.

At a point of the slice the oracle's gradient is C W, with W the first layer's weights and C the known gradient with
respect to its neurons. Points with d_1 independent rows C determine every missing column of W.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

import numpy as np
from flint import fmpq, fmpq_mat, fmpz_mat

from precise.arithmetic import common_denominator
from precise.equations.row_system import rank_modulo_prime
from precise.layers.columns import Reading, Slopes
from precise.layers.output_layer import OutputRow
from precise.regions.aim import random_line
from precise.regions.local_map import Known, Pattern
from precise.regions.probe import Point, Probe

DRAWS = 4000  # random points looked at for independent rows; looking costs no query

Read = Callable[[Sequence[Reading]], Iterator[Slopes]]  # in order


def downstream(known: Known, pattern: Pattern, output: OutputRow, to: int = 0) -> list[fmpq]:
    """The gradient of one output with respect to a layer's preactivations (signs known), shape (neurons,).

    Args:
        to: the layer, from 0.
    """
    row = [[w if on else fmpq(0) for w, on in zip(output.weights, pattern[-1], strict=True)]]
    current = fmpq_mat(row)
    for layer in range(len(known.layers) - 1, to, -1):
        weights = fmpz_mat([list(r.plus) for r in known.layers[layer]])
        current = current * fmpq_mat(weights)
        entries = current.tolist()[0]
        current = fmpq_mat([[v if on else fmpq(0) for v, on in zip(entries, pattern[layer - 1], strict=True)]])
    return list(current.tolist()[0])


def missing_columns(
    probe: Probe,
    known: Known,
    outputs: Sequence[OutputRow],
    random: Random,
    read: Read,
    progress: Callable[[int, int], None],
) -> tuple[list[list[fmpq]], list[int]] | None:
    """The weights of every first-layer neuron on the inputs outside the slice, shape (d_1, inputs - slice).

    Returns the columns and the indices of the rows whose own columns no points tell, or None when a visible neuron is
    among these. Of always-active rows it is enough that what is told of them together is right.
    """
    outside = [c for c in range(probe.oracle.input_width) if c not in set(probe.coordinates)]
    count = len(known.layers[0])
    if not outside:
        return [[] for _ in range(count)], []
    chosen, rows = _independent(known, outputs, random)
    told = {} if not rows else _pivots(rows)
    seen = {j for j in range(count) if any(row[j] for row in rows)}
    alone = {j for j, together in told.items() if not together}
    if any(not known.layers[0][j].linear for j in seen - alone):
        return None
    calibration = probe.calibration
    measured = []
    for slopes in read([Reading(point, output, tuple(outside), calibration) for point, output in chosen]):
        measured.append(slopes.values)
        progress(len(measured), len(chosen))
    system = fmpq_mat([[row[j] for j in told] for row in rows])
    solved = system.solve(fmpq_mat(measured)).tolist() if rows else []
    columns = [[fmpq(0)] * len(outside) for _ in range(count)]
    for j, entries in zip(told, solved, strict=True):
        columns[j] = entries
    return columns, [j for j in range(count) if j not in alone]


def _pivots(rows: Sequence[Sequence[fmpq]]) -> dict[int, bool]:
    """As many columns as independent rows that determine all: is what they tell mixed with other columns?"""
    table = fmpq_mat([list(row) for row in rows]).rref()[0].tolist()
    return {next(j for j, v in enumerate(row) if v): sum(v != 0 for v in row) > 1 for row in table}


def _independent(
    known: Known, outputs: Sequence[OutputRow], random: Random
) -> tuple[list[tuple[Point, int]], list[list[fmpq]]]:
    """Points (with the output to read there) whose downstream gradients are independent, as many as there are."""
    generator = np.random.default_rng(random.getrandbits(64))
    chosen: list[tuple[Point, int]] = []
    rows: list[list[fmpq]] = []
    integers: list[list[int]] = []
    for _ in range(DRAWS // 16):
        points = [random_line(known, generator)[0].origin for _ in range(16)]
        for point, pattern in zip(points, known.patterns(points), strict=True):
            for number, output in enumerate(outputs):
                row = downstream(known, pattern, output)
                scale = common_denominator(row)
                candidate = [*integers, [int((v * scale).p) for v in row]]
                if rank_modulo_prime(candidate) == len(candidate):
                    chosen, rows, integers = [*chosen, (point, number)], [*rows, row], candidate
        if len(rows) == len(known.layers[0]):
            break
    return chosen, rows
