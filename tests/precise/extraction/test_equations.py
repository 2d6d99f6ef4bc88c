"""Stacked equations, partial rows and the signs that they tell, against direct computation."""

from __future__ import annotations

import pickle
from random import Random

import pytest
from flint import fmpq, fmpq_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from precise.equations.partial_rows import PartialRow, PartialRows, all_but, partial_row
from precise.equations.row_system import RowSystem
from precise.regions.local_map import Known, Row
from precise.signs.below import LayerBelow
from precise.signs.exact import Sign, SignEvidence, acting_unknowns, apply_signs
from precise.signs.lattice import unique_bits
from precise.signs.partial import acting_sides

SMALL = st.integers(-50, 50)


@given(st.integers(1, 6), st.integers(0, 8), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_rank_and_solution_agree_with_direct_elimination(unknowns: int, count: int, random: Random) -> None:
    truth = [fmpq(random.randint(-9, 9), random.randint(1, 9)) for _ in range(unknowns)]
    rows = [[random.choice((0, 0, random.randint(-9, 9))) for _ in range(unknowns)] for _ in range(count)]
    system = RowSystem(unknowns)
    for row in rows:
        system.add([[*row, sum((a * b for a, b in zip(row, truth, strict=True)), fmpq(0))]])
    rank = int(fmpq_mat(len(rows), unknowns, [v for row in rows for v in row]).rank()) if rows else 0
    assert system.rank == rank
    assert system.consistent
    assert system.redundant == sum(any(row) for row in rows) - rank
    assert system.solve() == (truth if rank == unknowns else None)
    assert len(system.equations) == rank


def test_a_contradiction_is_noticed_and_answers_are_withheld() -> None:
    system = RowSystem(2)
    system.add([[1, 1, 3], [1, -1, 1]])
    assert system.accepts([[2, 0, 4]])
    assert not system.accepts([[2, 0, 5]])
    system.add([[2, 0, 5]])
    assert not system.consistent
    assert system.solve() is None


def partial(row: list[int], equations: list[list[int]], scale: fmpq) -> PartialRow:
    """What a walk on the row's surface with these equations leaves, on its own scale."""
    sides = [scale * sum(a * b for a, b in zip(equation, row, strict=True)) for equation in equations]
    system = RowSystem(len(row))
    system.add([[*equation, side] for equation, side in zip(equations, sides, strict=True)])
    found = partial_row(system.equations, [0])
    assert found is not None
    return found


def drawn(random: Random, unknowns: int, count: int) -> list[list[int]]:
    return [[random.randint(-99, 99) for _ in range(unknowns)] for _ in range(count)]


@pytest.mark.parametrize("seed", range(8))
def test_walks_on_one_neuron_are_put_together(seed: int) -> None:
    random = Random(seed)
    row = [random.randint(-1000, 1000) or 1 for _ in range(9)]
    kept = PartialRows(9)
    for factor in (fmpq(2, 3), fmpq(-5), fmpq(7, 11)):
        kept.add(partial(row, drawn(random, 9, 7), factor))
    whole = kept.complete()
    assert len(whole) == 1
    found = whole[0][0]
    lead = fmpq(found[0], row[0])
    assert [lead * v for v in row] == [fmpq(v) for v in found]
    assert kept.rows == []


@given(st.integers(3, 8), st.integers(0, 3), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_all_but_some_weights_of_a_row_leaves_just_these_open(unknowns: int, count: int, random: Random) -> None:
    row = [random.choice((0, random.randint(-99, 99))) for _ in range(unknowns)]
    absent = random.sample(range(unknowns), count)
    found = all_but(row, absent, [0])
    if unknowns - count < 2 or not any(v for c, v in enumerate(row) if c not in absent):
        assert found is None
        return
    assert found is not None
    assert found.open == count
    assert found.met_by([random.randint(-99, 99) if c in absent else v for c, v in enumerate(row)])
    kept = next(c for c, v in enumerate(row) if v and c not in absent)
    if sum(bool(v) for c, v in enumerate(row) if c not in absent) > 1:
        assert not found.met_by([v + (c == kept) for c, v in enumerate(row)])


def test_a_partial_row_that_was_compared_goes_to_other_processes() -> None:
    row = [3, -1, 4, 1, -5]
    part = partial(row, drawn(Random(1), 5, 3), fmpq(2, 3))
    assert part.met_by(row)
    assert not part.contradicts_itself()
    assert pickle.loads(pickle.dumps(part)) == part


@pytest.mark.parametrize("seed", range(8))
def test_walks_on_different_neurons_stay_apart(seed: int) -> None:
    random = Random(seed)
    kept = PartialRows(9)
    for _ in range(4):
        kept.add(partial([random.randint(-1000, 1000) or 1 for _ in range(9)], drawn(random, 9, 7), fmpq(3)))
    assert kept.complete() == []
    assert len(kept.rows) == 4


@pytest.mark.parametrize("seed", range(8))
def test_where_two_inputs_leave_few_equations_walks_are_put_together_all_the_same(seed: int) -> None:
    random = Random(seed)
    row = [random.randint(-1000, 1000) or 1 for _ in range(4)]
    other = [random.randint(-1000, 1000) or 1 for _ in range(4)]
    walks = [partial(of, drawn(random, 4, 3), factor) for of, factor in ((row, fmpq(2, 3)), (other, fmpq(1)))]
    walks.append(partial(row, drawn(random, 4, 3), fmpq(-5)))
    wide, narrow = PartialRows(4), PartialRows(4, narrowest=2)
    for walk in walks:
        wide.add(walk)
        narrow.add(walk)
    assert len(wide.rows) == 3
    ((found, _),) = narrow.complete()
    assert [fmpq(found[0], row[0]) * v for v in row] == [fmpq(v) for v in found]
    assert len(narrow.rows) == 1


@pytest.mark.parametrize("seed", range(8))
def test_a_direction_that_nobody_sees_is_not_taken_for_a_common_row(seed: int) -> None:
    """All equations are blind to one direction, so that they have a common solution which is no row."""
    random = Random(seed)
    blind = [random.randint(1, 9) for _ in range(9)]
    kept = PartialRows(9)
    for _ in range(3):
        equations = drawn(random, 9, 8)
        for equation in equations:
            equation[-1] = 0
        seen = [[blind[-1] * v for v in equation[:-1]] for equation in equations]
        turned = [[*e, -sum(a * b for a, b in zip(e, blind[:-1], strict=True)) // blind[-1]] for e in seen]
        kept.add(partial([random.randint(-1000, 1000) or 1 for _ in range(9)], turned, fmpq(1)))
    assert kept.complete() == []
    assert len(kept.rows) == 3


# -- signs -------------------------------------------------------------------------------------------------------------


def signed_system(random: Random, neurons: int, directions: int) -> tuple[RowSystem, list[bool]]:
    """Equations of a row with known sums plus + minus, but open along some directions (n, -n)."""
    positive = [random.random() < 0.5 for _ in range(neurons)]
    weights = [random.randint(1, 99) * random.choice((-1, 1)) for _ in range(neurons)]
    plus = [w if p else 0 for w, p in zip(weights, positive, strict=True)]
    minus = [0 if p else w for w, p in zip(weights, positive, strict=True)]
    system = RowSystem(2 * neurons + 1)
    for j in range(neurons):
        unit = [int(i == j) for i in range(neurons)]
        system.add([[*unit, *unit, 0, weights[j]]])
    for _ in range(neurons - directions):
        form = [random.randint(-99, 99) for _ in range(neurons)]
        system.add([[*form, *[0] * neurons, 0, sum(a * b for a, b in zip(form, plus, strict=True))]])
    assert minus == [w - p for w, p in zip(weights, plus, strict=True)]
    return system, positive


@pytest.mark.parametrize("directions", [0, 1, 2, 4])
@pytest.mark.parametrize("seed", range(4))
def test_signs_are_told_by_systems_that_leave_directions_open(seed: int, directions: int) -> None:
    system, positive = signed_system(Random(seed), 9, directions)
    assert acting_sides(system, 9) == {j if p else 9 + j for j, p in enumerate(positive)}


@pytest.mark.parametrize("seed", range(4))
def test_signs_are_told_by_very_open_systems(seed: int) -> None:
    system, positive = signed_system(Random(seed), 15, 12)
    assert acting_sides(system, 15) == {j if p else 15 + j for j, p in enumerate(positive)}


def test_what_nothing_checks_tells_no_sign() -> None:
    system, _ = signed_system(Random(1), 4, 4)
    assert acting_sides(system, 4) == frozenset()


@pytest.mark.parametrize("seed", range(4))
def test_signs_are_told_where_directions_of_others_stay_open(seed: int) -> None:
    random = Random(seed)
    positive = [random.random() < 0.5 for _ in range(9)]
    weights = [random.randint(1, 1 << 40) * random.choice((-1, 1)) for _ in range(9)]
    plus = [w if p else 0 for w, p in zip(weights, positive, strict=True)]
    system = RowSystem(19)
    for j in range(9):
        system.add([[*(int(i % 9 == j) for i in range(18)), 0, weights[j]]])
    for _ in range(4):  # of the first six neurons alone: two directions are open, with checks; three have none
        form = [*(random.randint(-99, 99) for _ in range(6)), 0, 0, 0]
        system.add([[*form, *[0] * 9, 0, sum(a * b for a, b in zip(form, plus, strict=True))]])
    assert acting_sides(system, 9) == {j if positive[j] else 9 + j for j in range(6)}


@pytest.mark.parametrize("seed", range(4))
def test_signs_are_told_of_neurons_that_stayed_on_one_side(seed: int) -> None:
    random = Random(seed)
    positive = [random.random() < 0.5 for _ in range(9)]
    weights = [random.randint(1, 1 << 40) * random.choice((-1, 1)) for _ in range(9)]
    acted = [random.random() < 0.5 for _ in range(9)]  # on which side the last three stayed: some hand on nothing there
    system = RowSystem(19)
    for j in range(6):
        system.add([[*(int(i % 9 == j) for i in range(18)), 0, weights[j]]])
    sides = [*range(6), *(j if acted[j] else 9 + j for j in range(6, 9))]
    truth = {j if p else 9 + j: w for j, (p, w) in enumerate(zip(positive, weights, strict=True))}
    for _ in range(7):  # two directions are open
        form = {u: random.randint(-99, 99) for u in sides}
        system.add([[*(form.get(u, 0) for u in range(19)), sum(form[u] * truth.get(u, 0) for u in sides)]])
    assert acting_sides(system, 9) == truth.keys() & {*range(6), *range(9, 15), *sides}
    blind = RowSystem(19)
    blind.add(system.equations[:-1])  # three directions, as many as neurons that nothing checks
    assert acting_sides(blind, 9) <= truth.keys()


@given(st.integers(2, 7), st.integers(0, 12), st.integers(0, 12), st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_no_side_is_told_that_does_not_act(neurons: int, crossed: int, count: int, random: Random) -> None:
    positive = [random.random() < 0.5 for _ in range(neurons)]
    truth = [0] * (2 * neurons + 1)
    for j, plus in enumerate(positive):
        truth[j if plus else neurons + j] = random.choice((0, random.randint(-99, 99)))  # some are 0
    system = RowSystem(2 * neurons + 1)
    for j in random.sample(range(neurons), min(crossed, neurons)):
        system.add([[*(int(u % neurons == j) for u in range(2 * neurons)), 0, truth[j] + truth[neurons + j]]])
    for _ in range(count):
        silent = random.sample(range(2 * neurons), neurons)
        form = [0 if u in silent else random.randint(-99, 99) for u in range(2 * neurons + 1)]
        system.add([[*form, sum(a * b for a, b in zip(form, truth, strict=True))]])
    assert acting_sides(system, neurons) <= {u for u in range(2 * neurons) if truth[u]}


def test_parts_of_rows_tell_signs_of_the_layer_below() -> None:
    random = Random(1)
    system, positive = signed_system(random, 9, 3)
    part = partial_row(system.equations, [0] * 9)
    assert part is not None
    layer = [Row.of([random.randint(-99, 99) for _ in range(10)], 9) for _ in range(9)]
    known = Known(9, [layer, []])
    below = LayerBelow(known, 0, 0, random)
    assert not below.ready([])
    below.learn_part(part)
    assert below.ready([])
    below.decide([], final=False)
    assert below.signs == [Sign.POSITIVE if p else Sign.NEGATIVE for p in positive]
    assert known.layers[0] == [row if p else row.negated() for row, p in zip(layer, positive, strict=True)]


def test_evidence_adds_up_to_signs() -> None:
    evidence = SignEvidence(4)
    evidence.add({0, 4 + 1})
    evidence.add({2, 4 + 2, 8})
    assert evidence.signs() == [Sign.POSITIVE, Sign.NEGATIVE, Sign.BOTH, Sign.UNSEEN]
    assert acting_unknowns(evidence.signs()) == [0, 5, 2, 6, 3, 8]
    assert len(apply_signs([_row(j) for j in range(4)], evidence.signs())) == 5


def _row(j: int):  # type: ignore[no-untyped-def]
    from precise.regions.local_map import Row

    return Row((j, 1), (0, 0), 1)


@pytest.mark.parametrize("seed", range(5))
def test_bits_from_one_long_equation(seed: int) -> None:
    random = Random(seed)
    bits = [random.randint(0, 1) for _ in range(20)]
    weights = [random.getrandbits(120) for _ in bits]
    total = sum(w * b for w, b in zip(weights, bits, strict=True))
    assert unique_bits([[fmpq(v) for v in (*weights, total)]]) == bits


def test_bits_that_are_not_unique_are_not_chosen() -> None:
    assert unique_bits([[fmpq(v) for v in (3, 5, 8, 8)]]) is None


def test_a_row_at_which_a_lead_vanishes_is_another_one() -> None:
    partial = PartialRow(((2, -1, 0, 0), (3, 0, 0, -1)), ((1, 0, 0, 0),), [0])  # (1, 2, ?, 3)
    assert partial.met_by((1, 2, 5, 3))
    assert not partial.met_by((1, 2, 5, 4))
    assert not partial.met_by((0, 0, 1, 0))
