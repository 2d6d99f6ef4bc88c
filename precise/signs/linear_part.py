"""Signs, opposite pairs and always-active neurons of a layer, from rows of the next one with a free linear part.

Behind a layer with neurons that are still missing, or with more neurons than their inputs can tell apart, a row of the
next layer is solved as sum_j v_j relu(eta_j) + l . h + b, with h the outputs two layers back. Since relu(eta) =
relu(-eta) + eta, a neuron that is active on its negative side leaves -v_j W_j in l. What no choice of signs explains
comes from neurons that never change state (their preactivation goes on as it is) or share a hyperplane with another.

A row may lack the weight of a neuron p below that is off all along its surface. It then stands with a weight so large
that p decides its side alone, or with 0; what is too much or too little of it goes on to the next layer through p,
where it can be read off.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from itertools import product
from random import Random

from flint import fmpq, fmpq_mat

from precise.arithmetic import common_denominator, primitive
from precise.equations.row_system import RowSystem
from precise.regions.local_map import Row
from precise.signs.exact import Sign
from precise.signs.lattice import unique_bits
from precise.signs.least_rank import least_rank, least_rank_jointly

Matrix = list[list[fmpq]]


@dataclass(frozen=True)
class FreeRow:
    """A row of the next layer: v . relu(eta) + linear . h + bias."""

    v: tuple[fmpq, ...]
    linear: tuple[fmpq, ...]
    bias: fmpq


@dataclass(frozen=True)
class Settled:
    """A layer with its signs applied, and the next layer's rows over it."""

    signs: tuple[Sign, ...]  # one a neuron that was found; UNSEEN where the rows do not tell
    layer: tuple[Row, ...]  # the neurons, then opposite twins, then always-active neurons
    rows: tuple[tuple[fmpq, ...], ...]  # coefficients over `layer`, then the bias
    solved: frozenset[tuple[int, int]]  # (neuron, feature) of the weights that were lacking and were read off
    twins: int  # neurons that share their hyperplane with another, active on the other side
    always_active: int


def settle(
    layer: Sequence[Row],
    rows: Sequence[FreeRow],
    missing: int,
    random: Random,
    lacking: Set[tuple[int, int]] = frozenset(),
    untold: Set[int] = frozenset(),
) -> Settled | None:
    """Decide the signs of a layer so that at most `missing` further neurons explain the next layer's rows.

    Args:
        lacking: (neuron, feature) of weights that are not known: so large that they decide the neuron's side, or 0.
        untold: features that acted nowhere, so that the linear part tells nothing of them.

    Returns:
        None while the signs are not unique, or if no choice explains the rows.
    """
    blurred = untold | {p for _, p in lacking}
    sharp = [p for p in range(len(layer[0].plus) if layer else 0) if p not in blurred]
    weights = [[fmpq(row.plus[p]) for p in sharp] for row in layer]
    values = [list(row.v) for row in rows]
    linear = [[row.linear[p] for p in sharp] for row in rows]
    missing += sum(not any(column) for column in zip(*values, strict=True))  # which may be on at all places that tell
    signs = _signs(weights, values, linear, missing, random)
    if signs is None:
        return None
    result = _applied(layer, rows, signs, lacking, untold)
    unsolved = {p for i, p in lacking - result.solved}
    return result if result.twins + result.always_active <= missing + len(unsolved) else None


def with_signs(layer: Sequence[Row], rows: Sequence[FreeRow], signs: Sequence[Sign]) -> Settled | None:
    """The layer with signs that are known, UNSEEN standing for either side; None unless they explain the rows."""
    settled = _applied(layer, rows, signs, frozenset(), frozenset())
    return None if settled.twins or settled.always_active else with_both_sides(settled)


def with_both_sides(settled: Settled) -> Settled:
    """The same with a row for either side of the neurons whose signs the rows do not tell."""
    both = [row.negated() for row, sign in zip(settled.layer, settled.signs, strict=False) if sign is Sign.UNSEEN]
    wider = tuple((*row[:-1], *[fmpq(0)] * len(both), row[-1]) for row in settled.rows)
    return replace(settled, layer=(*settled.layer, *both), rows=wider)


# -- signs -------------------------------------------------------------------------------------------------------------


def _signs(weights: Matrix, values: Matrix, linear: Matrix, missing: int, random: Random) -> list[Sign] | None:
    if not weights or not weights[0]:
        return [Sign.UNSEEN] * len(weights)
    columns = _pivots(weights)
    coordinates, outside = _split(weights, columns, linear)
    blind = _left_kernel(outside)  # combinations of rows in which no always-active neuron from outside acts
    if len(columns) == len(weights):
        signs = [_one_by_one(j, values, coordinates, blind) for j in range(len(weights))]
        return signs if signs.count(Sign.BOTH) <= missing else least_rank(values, coordinates, outside, missing)
    return jointly(weights, values, linear, blind, random) or least_rank_jointly(weights, values, linear, missing)


def _pivots(matrix: Matrix) -> list[int]:
    """Columns that are independent, as many as the rank."""
    reduced, rank = fmpq_mat(matrix).rref()
    return [next(c for c, v in enumerate(row) if v) for row in reduced.tolist()[: int(rank)]]


def _split(weights: Matrix, columns: Sequence[int], linear: Matrix) -> tuple[Matrix, Matrix]:
    """(c, o) with -linear = c . weights + o; o is 0 at the columns. c uses independent weight rows only."""
    rows = _pivots([list(column) for column in zip(*weights, strict=True)])
    square = fmpq_mat([[weights[r][c] for c in columns] for r in rows])
    wanted = fmpq_mat([[-row[c] for c in columns] for row in linear])
    coordinates = (wanted * square.inv()).tolist()
    spread = [[fmpq(0)] * len(weights) for _ in linear]
    for target, source in zip(spread, coordinates, strict=True):
        for r, value in zip(rows, source, strict=True):
            target[r] = value
    explained = (fmpq_mat(spread) * fmpq_mat(weights)).tolist()
    outside = [[-a - b for a, b in zip(row, e, strict=True)] for row, e in zip(linear, explained, strict=True)]
    return spread, outside


def _left_kernel(matrix: Matrix) -> Matrix:
    """A basis of all n with n . matrix = 0."""
    count = len(matrix)
    reduced, rank = fmpq_mat([list(column) for column in zip(*matrix, strict=True)]).rref()
    table = reduced.tolist()[: int(rank)]
    pivots = [next(c for c, v in enumerate(row) if v) for row in table]
    basis = []
    for loose in (c for c in range(count) if c not in set(pivots)):
        vector = [fmpq(int(c == loose)) for c in range(count)]
        for pivot, row in zip(pivots, table, strict=True):
            vector[pivot] = -row[loose]
        basis.append(vector)
    return basis


def _one_by_one(j: int, values: Matrix, coordinates: Matrix, blind: Matrix) -> Sign:
    """With independent weight rows every neuron is decided by itself: c_j = 0 or c_j = v_j in every blind row."""
    ours = [sum((n * row[j] for n, row in zip(mix, values, strict=True)), fmpq(0)) for mix in blind]
    theirs = [sum((n * row[j] for n, row in zip(mix, coordinates, strict=True)), fmpq(0)) for mix in blind]
    if not any(ours):
        return Sign.UNSEEN
    if not any(theirs):
        return Sign.POSITIVE
    return Sign.NEGATIVE if ours == theirs else Sign.BOTH


def jointly(weights: Matrix, values: Matrix, linear: Matrix, blind: Matrix, random: Random) -> list[Sign] | None:
    """With dependent weight rows: bits u_j with sum_j u_j v_j W_j = -linear in all blind rows at once."""
    if not blind:
        return [Sign.UNSEEN] * len(weights)
    mixed = (fmpq_mat(blind) * fmpq_mat(values)).tolist()
    right = (fmpq_mat(blind) * fmpq_mat(linear)).tolist()
    seen = [j for j in range(len(weights)) if any(row[j] for row in mixed)]
    if not seen:
        return [Sign.UNSEEN] * len(weights)
    equations = []
    for row, sides in zip(mixed, right, strict=True):
        for p, side in enumerate(sides):
            equations.append([*(row[j] * weights[j][p] for j in seen), -side])
    bits = _bits(equations, random)
    if bits is None:
        return None
    signs = [Sign.UNSEEN] * len(weights)
    for j, bit in zip(seen, bits, strict=True):
        signs[j] = Sign.NEGATIVE if bit else Sign.POSITIVE
    return signs


def _bits(equations: Matrix, random: Random) -> list[fmpq] | None:
    system = RowSystem(len(equations[0]) - 1)
    system.add([_scaled(equation) for equation in equations])
    if not system.consistent:
        return None
    bits = system.solve() if system.complete else unique_bits(equations)
    return bits if bits is not None and all(bit in (0, 1) for bit in bits) else None


def _scaled(equation: Sequence[fmpq]) -> list[fmpq | int]:
    denominator = common_denominator(equation[:-1])
    return [*(int((c * denominator).p) for c in equation[:-1]), equation[-1] * denominator]


# -- applying them -----------------------------------------------------------------------------------------------------


def _applied(
    layer: Sequence[Row],
    rows: Sequence[FreeRow],
    signs: Sequence[Sign],
    lacking: Set[tuple[int, int]],
    untold: Set[int],
) -> Settled:
    turned = [row.negated() if sign is Sign.NEGATIVE else row for row, sign in zip(layer, signs, strict=True)]
    rest, biases = [], []
    for row in rows:
        linear, bias = list(row.linear), row.bias
        for v, neuron, sign in zip(row.v, layer, signs, strict=True):
            if sign is Sign.NEGATIVE and v:
                linear = [a + v * w for a, w in zip(linear, neuron.plus, strict=True)]
                bias += v * neuron.bias
        rest.append(linear)
        biases.append(bias)
    coefficients = [list(row.v) for row in rows]
    solved = _read_off(turned, coefficients, rest, lacking, untold)
    twins = _twins(turned, rest)
    basis = _basis(rest, [turned[j].plus for j in twins])
    given = shares(rest, [*([fmpq(w) for w in turned[j].plus] for j in twins), *basis])
    for number, share in enumerate(given):
        for j, u in zip(twins, share, strict=False):  # W_j h = relu(eta_j) - relu(-eta_j) - bias_j
            coefficients[number][j] += u
            biases[number] -= u * turned[j].bias
        coefficients[number] += [-u for u in share[: len(twins)]] + share[len(twins) :]
    added = [turned[j].negated() for j in twins]
    active = [Row(tuple(int(w.p) for w in b), (0,) * len(b), 0, linear=True) for b in basis]
    neurons = [*turned, *added, *active]
    if not neurons:  # a layer that hands nothing on: one row of zeros keeps its place
        features = len(rows[0].linear)
        neurons = [Row((0,) * features, (0,) * features, 0, linear=True)]
        coefficients = [[fmpq(0)] for _ in rows]
    found = tuple((*c, b) for c, b in zip(coefficients, biases, strict=True))
    return Settled(tuple(signs), tuple(neurons), found, solved, len(twins), len(active))


def _read_off(
    turned: list[Row], coefficients: Matrix, rest: Matrix, lacking: Set[tuple[int, int]], untold: Set[int]
) -> frozenset[tuple[int, int]]:
    """Weights that were lacking, from the linear part rest_p = sum over neurons i of v_i (true - assumed weight)_ip.

    What never changes state adds multiples of one column each, which features that no weight is lacking of tell.
    Corrects the neurons' rows, the coefficients (a row is rescaled to integers) and the rest in place.
    """
    solved: set[tuple[int, int]] = set()
    for row, p in product(rest, untold):
        row[p] = fmpq(0)
    blurred = {p for _, p in lacking}
    passed = _independent_columns(rest, [p for p in range(len(rest[0]) if rest else 0) if p not in blurred])
    for p in sorted(blurred - untold):
        acting = [i for i, q in sorted(lacking) if q == p and turned[i].plus[p] >= 0]
        table = [[*(row[i] for i in acting), *others] for row, others in zip(coefficients, passed, strict=True)]
        right, unknowns = [row[p] for row in rest], len(acting) + len(passed[0])
        checked = len(rest) > unknowns or not passed[0]
        if not acting or not checked or _rank(table) < unknowns or _rank(_joined(table, right)) > unknowns:
            continue
        for i, delta in zip(acting, _solve(table, right), strict=False):
            if not delta:  # the true weight is not the assumed one: the neuron is off where p is on
                continue
            for row, left in zip(coefficients, rest, strict=True):
                left[p] -= row[i] * delta
            turned[i], factor = with_weight(turned[i], p, delta)
            for row in coefficients:
                row[i] /= factor
            solved.add((i, p))
    return frozenset(solved)


def _independent_columns(matrix: Matrix, among: Sequence[int]) -> Matrix:
    """Columns that span those at these places, shape (rows, rank)."""
    part = [[row[p] for p in among] for row in matrix]
    chosen = _pivots(part) if part and among else []
    return [[row[c] for c in chosen] for row in part]


def _joined(table: Matrix, right: Sequence[fmpq]) -> Matrix:
    return [[*row, value] for row, value in zip(table, right, strict=True)]


def _solve(table: Matrix, right: Sequence[fmpq]) -> list[fmpq]:
    """The unique solution of a consistent system."""
    rows = _pivots([list(column) for column in zip(*table, strict=True)])
    matrix = fmpq_mat([table[r] for r in rows])
    return list(matrix.solve(fmpq_mat([[right[r]] for r in rows])).entries())


def agreed_weight(pairs: Sequence[tuple[fmpq, fmpq]]) -> fmpq | None:
    """What several rows agree on: the quotient of what each of them passes on by its coefficient of the neuron.

    Where a row's surface meets the neuron off, it passes on nothing, so that not all of them need to agree.
    """
    quotients = Counter(passed / v for v, passed in pairs if v and passed)
    best = quotients.most_common(1)
    return best[0][0] if best and best[0][1] > 1 else None


def with_weight(row: Row, p: int, delta: fmpq) -> tuple[Row, fmpq]:
    """(the row with weight p changed by delta, in integers again; the positive factor by which it grew)."""
    weights = [fmpq(w) for w in row.plus]
    weights[p] += delta
    whole = primitive([*weights, fmpq(row.bias)])
    lead = next(k for k, w in enumerate((*weights, fmpq(row.bias))) if w)
    factor = whole[lead] / (*weights, fmpq(row.bias))[lead]
    return replace(row, plus=tuple(int(w.p) for w in whole[:-1]), bias=int(whole[-1].p)), factor


def _twins(layer: Sequence[Row], rest: Matrix) -> list[int]:
    """Neurons whose own weights lie in the span of what is left unexplained."""
    found: list[int] = []
    rank = _rank(rest)
    for j, row in enumerate(layer):
        own = [[fmpq(w) for w in row.plus]]
        chosen = [[fmpq(w) for w in layer[i].plus] for i in found]
        if rank and any(row.plus) and _rank([*rest, *own]) == rank and _rank([*chosen, *own]) > len(chosen):
            found.append(j)
    return found


def _basis(rest: Matrix, first: Sequence[Sequence[int]]) -> Matrix:
    """Primitive integer vectors that, with the first ones, span what is left."""
    chosen: Matrix = [[fmpq(w) for w in row] for row in first]
    start = len(chosen)
    for row in rest:
        if any(row) and _rank([*chosen, row]) > len(chosen):
            chosen.append(list(primitive(row)))
    return chosen[start:]


def _rank(matrix: Matrix) -> int:
    return int(fmpq_mat(matrix).rank()) if matrix and matrix[0] else 0


def shares(rest: Matrix, basis: Matrix) -> Matrix:
    """The coordinates of every rest in the basis."""
    if not basis:
        return [[] for _ in rest]
    columns = _pivots(basis)
    square = fmpq_mat([[row[c] for c in columns] for row in basis])
    wanted = fmpq_mat([[row[c] for c in columns] for row in rest])
    found: Matrix = (wanted * square.inv()).tolist()
    return found
