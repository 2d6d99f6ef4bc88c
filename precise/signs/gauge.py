"""Signs behind an expanding layer: what the linear equations of one row leave open, and how several rows close it.

If sum_j n_j eta_j is constant on the whole input space (more neurons than inputs, for instance), then adding n_j to the
coefficient of relu(eta_j) and taking it from that of relu(-eta_j) changes nothing but a bias: the equations of a row
determine its coefficients up to such n. Rows are solved with as many minus coefficients set to 0 as there are
independent n; the 0/1 signs, which all rows of a layer share, are then solved for exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from flint import fmpq, fmpq_mat, fmpz_mat, nmod_mat

from precise.aim import random_line
from precise.arithmetic import common_denominator
from precise.local_map import Known
from precise.row_system import PRIME, RowSystem
from precise.signs.exact import Coefficients, Sign
from precise.signs.lattice import unique_bits

SAMPLES = 64  # random regions whose gradients are stacked; looking at them costs no query


@dataclass(frozen=True)
class Gauge:
    """A basis of all n: n_f = 1 for one fixed neuron f each, n_j = dependence[j] at the others."""

    neurons: int
    fixed: tuple[int, ...]  # the neurons whose minus coefficient is set to 0
    dependence: tuple[tuple[fmpq, ...], ...]  # one basis vector a fixed neuron, shape (fixed, neurons)

    @property
    def open(self) -> list[int]:
        """The neurons whose minus coefficient is an unknown."""
        return [j for j in range(self.neurons) if j not in set(self.fixed)]


def find_gauge(known: Known, layer: int, random: Random) -> Gauge:
    """The relations between the preactivations of a known layer (from 0), from the gradients in random regions."""
    generator = np.random.default_rng(random.getrandbits(64))
    points = [random_line(known, generator)[0].origin for _ in range(SAMPLES)]
    count = len(known.layers[layer])
    kept: list[list[int]] = []
    rank = 0
    for pattern in dict.fromkeys(pattern[:layer] for pattern in known.patterns(points)):
        columns = list(zip(*known.affine(layer, pattern).tolist(), strict=True))[:-1]
        stacked = [*kept, *([int(v) for v in column] for column in columns)]
        gained = int(nmod_mat(fmpz_mat(stacked), PRIME).rank())
        if gained > rank:
            kept, rank = stacked, gained
        if rank == count:
            return Gauge(count, (), ())
    return _null_space(kept, count)


def _null_space(equations: Sequence[Sequence[int]], count: int) -> Gauge:
    reduced, rank = fmpq_mat(fmpz_mat([list(row) for row in equations])).rref()
    table = reduced.tolist()[: int(rank)]
    pivots = [next(c for c, v in enumerate(row) if v) for row in table]
    fixed = tuple(c for c in range(count) if c not in set(pivots))
    basis = []
    for f in fixed:
        vector = [fmpq(int(c == f)) for c in range(count)]
        for pivot, row in zip(pivots, table, strict=True):
            vector[pivot] = -row[f]
        basis.append(tuple(vector))
    return Gauge(count, fixed, tuple(basis))


def gauged_signs(rows: Sequence[Coefficients], gauge: Gauge, random: Random) -> list[Sign] | None:
    """The signs that explain all rows at once, or None as long as they are not proved unique.

    With u_j = 1 for positive: u_j v_j = plus_j - sum over fixed f of dependence[f][j] (1 - u_f) v_f, where v = plus +
    minus does not depend on the gauge.
    """
    equations = [equation for row in rows for equation in _bit_equations(row, gauge)]
    seen = [j for j in range(gauge.neurons) if any(row.plus[j] + row.minus[j] for row in rows)]
    if not equations or not seen:
        return None
    system = RowSystem(len(seen), random)
    system.add([_scaled([equation[j] for j in seen], equation[-1]) for equation in equations])
    bits = system.solve() if system.complete else None
    if bits is None and system.consistent:
        bits = unique_bits([[equation[j] for j in seen] + [equation[-1]] for equation in equations])
    if bits is None or any(bit not in (0, 1) for bit in bits):
        return None
    signs = [Sign.UNSEEN] * gauge.neurons
    for j, bit in zip(seen, bits, strict=True):
        signs[j] = Sign.POSITIVE if bit == 1 else Sign.NEGATIVE
    return signs


def _bit_equations(row: Coefficients, gauge: Gauge) -> list[list[fmpq]]:
    """One equation in the bits for every neuron that is not fixed: (coefficients ..., right-hand side)."""
    totals = [fmpq(p) + m for p, m in zip(row.plus, row.minus, strict=True)]
    equations = []
    for j in gauge.open:
        coefficients = [fmpq(0)] * gauge.neurons
        coefficients[j] = totals[j]
        right = fmpq(row.plus[j])
        for f, vector in zip(gauge.fixed, gauge.dependence, strict=True):
            coefficients[f] -= vector[j] * totals[f]
            right -= vector[j] * totals[f]
        equations.append([*coefficients, right])
    return equations


def _scaled(coefficients: Sequence[fmpq], right: fmpq) -> list[fmpq | int]:
    denominator = common_denominator(coefficients)
    return [*(int((c * denominator).p) for c in coefficients), fmpq(right) * denominator]
