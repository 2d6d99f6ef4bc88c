"""A layer settled from rows with a free linear part: planted signs, twins, always-active neurons, lacking weights."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from random import Random

import pytest
from flint import fmpq, fmpq_mat, fmpz_mat

from precise.arithmetic import common_denominator, primitive
from precise.equations.open_row import OpenRow, open_row
from precise.equations.partial_rows import PartialRow, partial_row
from precise.regions.local_map import Known, Row
from precise.signs.below import Decision, LayerBelow
from precise.signs.exact import Sign
from precise.signs.least_rank import least_rank, least_rank_jointly
from precise.signs.linear_part import FreeRow, Settled, settle
from precise.signs.open_part import signs_of_part


class Planted:
    """A layer over `features` inputs and rows of the next layer, in the form in which the equations give them."""

    def __init__(self, seed: int, features: int, neurons: int, rows: int, active: int = 0, twins: int = 0) -> None:
        self.random = Random(seed)
        number = lambda: self.random.randint(-99, 99) or 1  # noqa: E731
        self.weights = [[number() for _ in range(features)] for _ in range(neurons)]
        self.biases = [number() for _ in range(neurons)]
        self.negative = [self.random.random() < 0.5 for _ in range(neurons)]
        self.hidden = [[number() for _ in range(features)] for _ in range(active)]  # known to nobody
        self.next = [[number() for _ in range(neurons + active + twins)] for _ in range(rows)]
        self.twins = twins
        self.features = features

    @property
    def layer(self) -> list[Row]:
        return [Row(tuple(w), (0,) * self.features, b) for w, b in zip(self.weights, self.biases, strict=True)]

    @property
    def rows(self) -> list[FreeRow]:
        """relu(-eta) = relu(eta) - eta; a twin of neuron j acts on the other side than j itself."""
        found = []
        neurons = len(self.weights)
        for row in self.next:
            v = [fmpq(w) for w in row[:neurons]]
            linear, bias = [fmpq(0)] * self.features, fmpq(7)
            sides = [(j, row[j], self.negative[j]) for j in range(neurons)]
            for t in range(self.twins):
                u = row[neurons + len(self.hidden) + t]
                v[t] += u
                sides.append((t, u, not self.negative[t]))
            for j, weight, negative in sides:
                if negative:
                    linear = [a - weight * w for a, w in zip(linear, self.weights[j], strict=True)]
                    bias -= weight * self.biases[j]
            for k, weights in enumerate(self.hidden):
                linear = [a + row[neurons + k] * w for a, w in zip(linear, weights, strict=True)]
            found.append(FreeRow(tuple(v), tuple(linear), bias))
        return found

    def value(self, number: int, h: list[fmpq]) -> fmpq:
        """Row `number` of the next layer at outputs h of the layer before."""
        etas = [_dot(w, h) + b for w, b in zip(self.weights, self.biases, strict=True)]
        sided = [max(-e if negative else e, fmpq(0)) for e, negative in zip(etas, self.negative, strict=True)]
        sided += [_dot(w, h) for w in self.hidden]
        sided += [max(etas[t] if self.negative[t] else -etas[t], fmpq(0)) for t in range(self.twins)]
        return _dot(self.next[number], sided) + 7

    def check(self, settled: Settled) -> None:
        """The settled layer computes the next layer's rows, everywhere."""
        for _ in range(20):
            h = [fmpq(self.random.randint(-99, 99), 7) for _ in range(self.features)]
            outputs = []
            for row in settled.layer:
                eta = _dot(row.plus, h) + row.bias
                outputs.append(eta if row.linear else max(eta, fmpq(0)))
            for number, row in enumerate(settled.rows):
                assert _dot(row[:-1], outputs) + row[-1] == self.value(number, h)


def _dot(a, b) -> fmpq:  # type: ignore[no-untyped-def]
    return sum((fmpq(x) * y for x, y in zip(a, b, strict=True)), fmpq(0))


def expected(planted: Planted) -> list[Sign]:
    return [Sign.NEGATIVE if negative else Sign.POSITIVE for negative in planted.negative]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("features", "neurons", "rows"), [(5, 4, 2), (5, 5, 1), (4, 8, 3), (3, 9, 4), (2, 12, 1)])
def test_planted_signs_are_found(seed: int, features: int, neurons: int, rows: int) -> None:
    planted = Planted(seed, features, neurons, rows)
    settled = settle(planted.layer, planted.rows, 0, Random(0))
    if settled is None:
        assert (features, neurons, rows) == (2, 12, 1)  # two short equations do not always fix twelve bits
        return
    assert list(settled.signs) == expected(planted)
    assert settled.twins == settled.always_active == 0
    planted.check(settled)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("active", [1, 2])
def test_always_active_neurons_are_told_from_signs(seed: int, active: int) -> None:
    planted = Planted(seed, 7, 5, 4, active=active)
    assert settle(planted.layer, planted.rows, 0, Random(0)) is None
    settled = settle(planted.layer, planted.rows, active, Random(0))
    assert settled is not None
    assert list(settled.signs) == expected(planted)
    assert settled.always_active == active
    planted.check(settled)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("active", [1, 2])
def test_always_active_neurons_among_the_rows_combinations_are_told_from_signs(seed: int, active: int) -> None:
    planted = Planted(seed, 6, 6, 7, active=active)
    assert settle(planted.layer, planted.rows, active - 1, Random(0)) is None
    settled = settle(planted.layer, planted.rows, active, Random(0))
    assert settled is not None
    assert list(settled.signs) == expected(planted)
    assert settled.always_active == active
    planted.check(settled)


@pytest.mark.parametrize("seed", range(12))
def test_the_least_rank_is_that_of_all_choices_tried(seed: int) -> None:
    random = Random(seed)
    rows, neurons, active = 5, 4, random.choice((1, 2))
    table = lambda a, b: [[fmpq(random.randint(-9, 9)) for _ in range(b)] for _ in range(a)]  # noqa: E731
    values, share = table(rows, neurons), (fmpq_mat(table(rows, active)) * fmpq_mat(table(active, neurons))).tolist()
    turned = [random.random() < 0.5 for _ in range(neurons)]
    coordinates = [
        [s + (v if t else 0) for s, v, t in zip(extra, row, turned, strict=True)]
        for extra, row in zip(share, values, strict=True)
    ]
    ranks = {}
    for choice in product((False, True), repeat=neurons):
        left = [
            [c - (v if t else 0) for c, v, t in zip(a, b, choice, strict=True)]
            for a, b in zip(coordinates, values, strict=True)
        ]
        ranks[choice] = int(fmpq_mat(left).rank())
    best = [choice for choice, rank in ranks.items() if rank == min(ranks.values())]
    signs = least_rank(values, coordinates, [[fmpq(0)]] * rows, active)
    assert signs is not None
    for j, sign in enumerate(signs):
        bits = {choice[j] for choice in best}
        assert sign is (Sign.BOTH if len(bits) > 1 else Sign.NEGATIVE if True in bits else Sign.POSITIVE)


@pytest.mark.parametrize("seed", range(6))
def test_twins_on_one_hyperplane_are_split(seed: int) -> None:
    planted = Planted(seed, 6, 4, 3, twins=1)
    settled = settle(planted.layer, planted.rows, 1, Random(0))
    assert settled is not None
    assert settled.twins == 1
    assert settled.always_active == 0
    planted.check(settled)


def with_lacking_weight(planted: Planted, stand_in: int = 1 << 40) -> tuple[list[Row], list[FreeRow]]:
    """Neuron 0 stands with a weight that is not its own; what is too much of it passes on in the linear part."""
    planted.negative[0] = False
    planted.weights[0][2] = abs(planted.weights[0][2])
    rows = [
        FreeRow(
            row.v,
            tuple(
                v + (row.v[0] * (planted.weights[0][2] - stand_in) if p == 2 else 0) for p, v in enumerate(row.linear)
            ),
            row.bias,
        )
        for row in planted.rows
    ]
    weights = list(planted.layer[0].plus)
    weights[2] = stand_in
    return [Row(tuple(weights), (0,) * planted.features, planted.biases[0]), *planted.layer[1:]], rows


@pytest.mark.parametrize("seed", range(6))
def test_a_weight_that_leaves_nothing_to_read_off_stays_lacking(seed: int) -> None:
    planted = Planted(seed, 6, 4, 3)
    layer, _ = with_lacking_weight(planted)
    settled = settle(layer, planted.rows, 0, Random(0), frozenset({(0, 2)}))
    assert settled is not None
    assert settled.solved == frozenset()
    assert settled.layer[0].plus[2] == layer[0].plus[2]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("stand_in", [0, 1 << 40])
def test_a_weight_that_was_lacking_is_read_off(seed: int, stand_in: int) -> None:
    planted = Planted(seed, 6, 4, 3)
    layer, rows = with_lacking_weight(planted, stand_in)
    settled = settle(layer, rows, 0, Random(0), frozenset({(0, 2)}))
    assert settled is not None
    assert settled.solved == {(0, 2)}
    assert list(settled.signs) == expected(planted)
    planted.check(settled)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("stand_in", [0, 1 << 40])
@pytest.mark.parametrize("active", [1, 2])
def test_a_weight_that_was_lacking_is_read_off_beside_what_never_changes_state(
    seed: int, stand_in: int, active: int
) -> None:
    planted = Planted(seed, 8, 5, active + 2, active=active)
    layer, rows = with_lacking_weight(planted, stand_in)
    settled = settle(layer, rows, active, Random(0), frozenset({(0, 2)}))
    assert settled is not None
    assert settled.solved == {(0, 2)}
    assert settled.always_active == active
    assert list(settled.signs) == expected(planted)
    planted.check(settled)


@pytest.mark.parametrize("seed", range(6))
def test_a_weight_is_not_read_off_where_no_row_is_left_to_check_it(seed: int) -> None:
    """Two rows and two unknowns, the weight and that of what never changes state, always have a solution."""
    planted = Planted(seed, 8, 5, 2, active=1)
    layer, rows = with_lacking_weight(planted)
    settled = settle(layer, rows, 1, Random(0), frozenset({(0, 2)}))
    assert settled is not None
    assert settled.solved == frozenset()


def below_that_saw(
    layer: list[Row], both: int, missing: int = 0, ignored: int = 0, lacking: frozenset[tuple[int, int]] = frozenset()
) -> LayerBelow:
    """That first neurons of a layer act on both sides, from rows of the next one that nothing explains."""
    known = Known(len(layer[0].plus), [layer, []])
    below = LayerBelow(known, 0, missing, Random(0), ignored=ignored, ignored_lacking=lacking)
    below.learn({*range(len(layer)), *(len(layer) + j for j in range(both))})
    return below


@pytest.mark.parametrize(
    ("features", "both", "ignored", "contradictory"),
    [(5, 0, 0, False), (5, 1, 0, True), (4, 4, 0, True), (5, 1, 1, False), (5, 2, 1, True), (4, 4, 1, False)],
)
def test_no_more_neurons_act_on_both_sides_than_further_ones_explain(
    features: int, both: int, ignored: int, contradictory: bool
) -> None:
    """Of four neurons; one that never changes state lets all of them act on both sides where these span everything."""
    layer = Planted(1, features, 4, 1).layer
    random = Random(2)
    rows = [[fmpq(random.randint(1, 99)) for _ in range(4)] + [fmpq(0)] * 5 for _ in range(3)]
    for row in rows:
        row[4 : 4 + both] = [fmpq(random.randint(1, 99)) for _ in range(both)]
    below = below_that_saw(layer, both, ignored=ignored)
    assert below.contradictory is (contradictory and not ignored), "rows may tell what is handed on"
    assert below.ready(rows) is (both <= ignored), "nothing explains all of them"
    assert below.contradictory is contradictory
    if not ignored:
        lacking = below_that_saw(layer, both, lacking=frozenset({(0, 0)}))
        assert not lacking.contradictory
        lacking.ready(rows)
        assert lacking.contradictory is (contradictory and features > 4), "a weight that acts does so on both sides too"
    assert not below_that_saw(layer, both, missing=1).contradictory, "with a free linear part no sides are told apart"


@pytest.mark.parametrize("seed", range(5))
def test_a_weight_of_a_feature_that_acted_nowhere_is_not_read_off(seed: int) -> None:
    """0 stands in the linear part then, which tells nothing."""
    planted = Planted(seed, 6, 4, 3)
    layer, rows = with_lacking_weight(planted, 1 << 40)
    told = [replace(row, linear=tuple(0 if p == 2 else w for p, w in enumerate(row.linear))) for row in rows]
    settled = settle(layer, told, 0, Random(seed), {(0, 2)}, {2})
    assert settled is not None
    assert settled.solved == frozenset()
    assert settled.always_active == settled.twins == 0
    assert list(settled.signs) == expected(planted)
    assert abs(settled.layer[0].plus[2]) == 1 << 40, "what stands for it stays"


def decided(layer: list[Row], rows: list[FreeRow], missing: int, lacking: frozenset[tuple[int, int]]) -> Decision:
    below = LayerBelow(Known(len(layer[0].plus), [layer, []]), 0, missing, Random(0), lacking)
    decision = below.decide(vectors(rows), final=True)
    assert decision is not None
    return decision


def vectors(rows: list[FreeRow]) -> list[list[fmpq]]:
    return [[*row.v, *row.linear, row.bias] for row in rows]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("active", "twins"), [(1, 0), (0, 1), (1, 1)])
def test_what_rows_were_follows_from_what_they_are(seed: int, active: int, twins: int) -> None:
    planted = Planted(seed, 7, 5, 4, active=active, twins=twins)
    decision = decided(planted.layer, planted.rows, active + twins, frozenset())
    assert [[_dot(line, row) for line in decision.substitution] for row in decision.vectors] == vectors(planted.rows)


@pytest.mark.parametrize("seed", range(3))
def test_what_rows_were_follows_also_where_a_weight_was_read_off(seed: int) -> None:
    layer, rows = with_lacking_weight(Planted(seed, 6, 4, 3))
    decision = decided(layer, rows, 0, frozenset({(0, 2)}))
    assert [[_dot(line, row) for line in decision.substitution] for row in decision.vectors] == vectors(rows)


def test_rows_that_no_choice_explains_are_refused() -> None:
    planted = Planted(1, 5, 5, 3)
    rows = planted.rows
    wrong = FreeRow(rows[0].v, (rows[0].linear[0] + 1, *rows[0].linear[1:]), rows[0].bias)
    assert settle(planted.layer, [wrong, *rows[1:]], 0, Random(0)) is None


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    ("features", "neurons", "rows", "active"), [(4, 7, 3, 1), (3, 6, 5, 1), (5, 9, 6, 2), (4, 9, 3, 0)]
)
def test_signs_of_dependent_rows_beside_always_active_neurons(
    seed: int, features: int, neurons: int, rows: int, active: int
) -> None:
    planted = Planted(seed, features, neurons, rows, active)
    settled = settle(planted.layer, planted.rows, active, Random(seed))
    assert settled is not None
    assert [sign is Sign.NEGATIVE for sign in settled.signs] == planted.negative
    assert settled.always_active == active
    planted.check(settled)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("active", "twins"), [(0, 1), (0, 2), (1, 1)])
def test_signs_of_dependent_rows_of_which_some_act_on_both_sides(seed: int, active: int, twins: int) -> None:
    planted = Planted(seed, 5, 8, 7, active=active, twins=twins)
    settled = settle(planted.layer, planted.rows, active + twins, Random(seed))
    assert settled is not None
    both = [Sign.BOTH if j < twins else sign for j, sign in enumerate(expected(planted))]
    assert list(settled.signs) == both
    assert (settled.twins, settled.always_active) == (twins, active)
    planted.check(settled)


def test_missing_neurons_are_ignored_until_the_last_rows_do_not_agree_with_it() -> None:
    planted = Planted(3, 4, 7, 6, active=1)
    known = Known(4, [planted.layer, []])
    below = LayerBelow(known, 0, 0, Random(0), ignored=1)
    assert below.decide(vectors(planted.rows), final=False) is None
    assert below.decide(vectors(planted.rows), final=True) is not None
    assert below.always_active == 1
    assert LayerBelow(Known(4, [planted.layer, []]), 0, 0, Random(0)).decide(vectors(planted.rows), final=True) is None


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("stand_in", [0, 1 << 40])
def test_signs_are_decided_before_the_end_where_an_ignored_weight_is_all_that_does_not_fit(
    seed: int, stand_in: int
) -> None:
    planted = Planted(seed, 5, 7, 4)
    layer, rows = with_lacking_weight(planted, stand_in)
    known = Known(5, [layer, []])
    assert not LayerBelow(known, 0, 0, Random(seed)).ready(vectors(rows))
    known.layers[0] = layer
    below = LayerBelow(known, 0, 0, Random(seed), ignored_lacking={(0, 2)})
    assert below.ready(vectors(rows))
    assert below.decide(vectors(rows), final=False) is not None
    assert below.signs == expected(planted)
    assert below.ignored_lacking == set()


def test_signs_stay_open_before_the_end_where_more_than_an_ignored_weight_does_not_fit() -> None:
    planted = Planted(1, 5, 7, 4, active=1)
    layer, rows = with_lacking_weight(planted)
    assert not LayerBelow(Known(5, [layer, []]), 0, 0, Random(1), ignored_lacking={(0, 2)}).ready(vectors(rows))


def whole_row(row: Row) -> list[fmpq]:
    return [fmpq(v) for v in (*row.plus, row.bias)]


def with_surfaces_that_meet_nothing(planted: Planted, rows: list[FreeRow], apart: list[int]) -> list[FreeRow]:
    """Rows whose surface meets neuron 0 only where it is off, or input 2 nowhere on: that weight passes on nothing."""
    return [
        replace(row, linear=tuple(0 * v if p == 2 else v for p, v in enumerate(row.linear))) if n in apart else row
        for n, row in enumerate(rows)
    ]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("stand_in", [0, 1 << 40])
def test_an_ignored_weight_is_read_off_from_the_rows_that_meet_it(seed: int, stand_in: int) -> None:
    planted = Planted(seed, 5, 7, 6)
    planted.negative = [False] * 7
    layer, rows = with_lacking_weight(planted, stand_in)
    known = Known(5, [layer, []])
    below = LayerBelow(known, 0, 0, Random(seed), ignored_lacking={(0, 2)})
    decision = below.decide(vectors(with_surfaces_that_meet_nothing(planted, rows, [1, 4])), final=False)
    assert decision is not None
    assert (below.loose, below.always_active) == ([7], 1)
    whole = [primitive(vector) for vector in decision.vectors]
    released = below.released([Row.of([int(v.p) for v in vector], 8) for vector in whole])
    assert (below.loose, below.always_active, below.ignored_lacking) == ([], 0, set())
    assert len(known.layers[0]) == 7
    for row, true in zip(known.layers[0], planted.layer, strict=True):
        assert primitive([fmpq(v) for v in (*row.plus, row.bias)]) == primitive(
            [fmpq(v) for v in (*true.plus, true.bias)]
        )
    scale = fmpq(planted.layer[0].bias, known.layers[0][0].bias)
    for row, true in zip(released, planted.rows, strict=True):
        expected_row = [true.v[0] * scale, *true.v[1:], true.bias]
        assert whole_row(row) == list(primitive(expected_row))


def test_an_ignored_weight_on_which_no_two_rows_agree_is_left_out() -> None:
    planted = Planted(2, 5, 7, 4)
    planted.negative = [False] * 7
    layer, rows = with_lacking_weight(planted, 0)
    known = Known(5, [layer, []])
    below = LayerBelow(known, 0, 0, Random(2), ignored_lacking={(0, 2)})
    decision = below.decide(vectors(with_surfaces_that_meet_nothing(planted, rows, [0, 1, 3])), final=False)
    assert decision is not None
    whole = [primitive(vector) for vector in decision.vectors]
    released = below.released([Row.of([int(v.p) for v in vector], 8) for vector in whole])
    assert [len(row.plus) for row in released] == [7] * 4
    assert known.layers[0] == layer
    assert below.ignored_lacking == {(0, 2)}


@pytest.mark.parametrize("seed", range(4))
def test_a_part_tells_no_signs_by_inputs_that_a_neuron_lacks_the_weight_of(seed: int) -> None:
    planted = Planted(seed, 5, 8, 2)
    part = open_row(part_of(planted, planted.rows[0], [2]), 13, 4)
    assert part is not None
    wrong = [replace(row, plus=(0, *row.plus[1:])) for row in planted.layer]
    assert signs_of_part(wrong, part, Random(seed)) == {}
    told = signs_of_part(wrong, part, Random(seed), {0})
    assert told == {j: sign for j, sign in enumerate(expected(planted)) if j != 2}


@pytest.mark.parametrize(("features", "rows", "active"), [(4, 1, 1), (4, 2, 2), (2, 5, 2)])
def test_too_few_rows_or_features_beside_always_active_neurons_leave_signs_open(
    features: int, rows: int, active: int
) -> None:
    planted = Planted(5, features, 7, rows, active)
    weights = [[fmpq(w) for w in row] for row in planted.weights]
    values, linear = ([list(part) for part in parts] for parts in zip(*((r.v, r.linear) for r in planted.rows)))
    assert least_rank_jointly(weights, values, linear, active) is None


def part_of(planted: Planted, row: FreeRow, apart: list[int]) -> PartialRow:
    """A row whose surface never crosses these neurons: their coefficients and multiples of their weights are open."""
    count, features = len(planted.weights), planted.features
    truth = [*row.v, *row.linear, row.bias]
    scale = common_denominator(truth)
    whole = [int((v * scale).p) for v in truth]
    loose = []
    for j in apart:
        unit = [int(c == j) for c in range(count)]
        if j % 2:  # it is on all along, so that v_j relu(eta_j) is as good as v_j eta_j
            loose.append([*unit, *(-w for w in planted.weights[j]), -planted.biases[j]])
        else:
            loose.append([*unit, *[0] * features, 0])
    zeros = fmpz_mat([whole, *loose]).nullspace()
    told = [[int(v) for v in column] for column in zeros[0].transpose().tolist()[: int(zeros[1])]]
    lead = next(c for c in range(count) if c not in apart and whole[c])
    equations = [[*equation, 0] for equation in told] + [[int(c == lead) for c in range(len(whole))] + [whole[lead]]]
    part = partial_row(equations, [0] * features)
    assert part is not None
    return part


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("apart", [[], [1], [2], [1, 4], [0, 2, 3]])
def test_a_row_with_an_open_part_tells_the_signs_of_the_other_neurons(seed: int, apart: list[int]) -> None:
    planted = Planted(seed, 5, 8, 2)
    part = part_of(planted, planted.rows[0], apart) if apart else None
    if part is None:
        row = [int(v.p) for v in primitive([*planted.rows[0].v, *planted.rows[0].linear, planted.rows[0].bias])]
        known = OpenRow(Row.of(row, 13), ())
    else:
        found = open_row(part, 13, 4)
        assert found is not None
        known = found
    told = signs_of_part(planted.layer, known, Random(seed))
    assert told == {j: sign for j, sign in enumerate(expected(planted)) if j not in apart}


def test_an_always_active_neuron_leaves_the_signs_of_a_single_part_open() -> None:
    planted = Planted(2, 5, 8, 2, active=1)
    known = open_row(part_of(planted, planted.rows[0], [1]), 13, 4)
    assert known is not None
    assert signs_of_part(planted.layer, known, Random(0)) == {}


@pytest.mark.parametrize("seed", range(3))
def test_a_layer_is_decided_by_parts_of_rows_and_what_none_tells_keeps_both_sides(seed: int) -> None:
    planted = Planted(seed, 4, 7, 3)
    for row in planted.next:
        row[6] = 0  # the last neuron acts on no row
    known = Known(4, [planted.layer, []])
    below = LayerBelow(known, 0, 0, Random(seed))
    below.learn_part(part_of(planted, planted.rows[0], [1]))
    assert below.decide([], final=False) is None
    below.learn_part(part_of(planted, planted.rows[1], [2]))
    decision = below.decide([], final=True)
    assert decision is not None
    assert below.signs == [*expected(planted)[:6], Sign.UNSEEN]
    assert known.layers[0][7] == known.layers[0][6].negated()
    for row, before in zip(planted.rows, vectors(planted.rows), strict=True):
        turned = sum((v * b for v, b, n in zip(row.v, planted.biases, planted.negative, strict=True) if n), fmpq(0))
        now = [*row.v, fmpq(0), row.bias + turned]
        assert [_dot(line, now) for line in decision.substitution] == before


@pytest.mark.parametrize("seed", range(6))
def test_what_the_first_rows_do_not_tell_keeps_both_sides_for_those_to_come(seed: int) -> None:
    """A weight of 0 leaves a sign open, which another row, not found so far, decides."""
    planted = Planted(seed, 4, 7, 2)
    planted.next[0][6] = 0
    known = Known(4, [planted.layer, []])
    below = LayerBelow(known, 0, 0, Random(seed))
    first, second = vectors(planted.rows)
    decision = below.decide([first], final=False, whole=False)
    assert decision is not None
    assert known.layers[0][7] == known.layers[0][6].negated()
    (row,) = decision.vectors
    assert [_dot(line, row) for line in decision.substitution] == first
    idle = 6 if planted.negative[6] else 7
    now = [fmpq(0 if p == idle else v) for p, v in enumerate([*planted.next[1], planted.next[1][6], 7])]
    assert [_dot(line, now) for line in decision.substitution] == second
    found = [Row.of([int(v) for v in each], 8) for each in ([*row[:7], 0, row[-1]], now)]
    assert below.idle_sides(found) == [idle]
    assert (below.signs or [])[6] is expected(planted)[6]
    assert len(known.layers[0]) == 7


def apart(layer: list[Row], row: FreeRow) -> list[fmpq]:
    """The row with coefficients of its own for both sides of every neuron; their weights span the features."""
    table = fmpq_mat([[fmpq(w) for w in neuron.plus] for neuron in layer]).transpose()
    minus = [-v for v in table.solve(fmpq_mat([[w] for w in row.linear])).entries()]
    bias = row.bias + sum((n * neuron.bias for n, neuron in zip(minus, layer, strict=True)), fmpq(0))
    return [*(v - n for v, n in zip(row.v, minus, strict=True)), *minus, bias]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("neurons", "rows", "active"), [(5, 2, 1), (7, 6, 1), (7, 6, 2)])
def test_a_neuron_that_never_changes_state_is_told_from_rows_with_sides_apart(
    seed: int, neurons: int, rows: int, active: int
) -> None:
    """As many others as features: what it hands on makes all of them act on both sides."""
    planted = Planted(seed, neurons, neurons, rows, active)
    below = LayerBelow(known := Known(neurons, [planted.layer, []]), 0, 0, Random(seed), ignored=active)
    found = [apart(planted.layer, row) for row in planted.rows]
    assert not below.ready(found[:1]), "one row alone may act on all sides"
    assert not below.contradictory
    assert below.ready(found)
    decision = below.decide(found, final=False)
    assert decision is not None
    assert below.signs == expected(planted)
    assert (below.twins, below.always_active) == (0, active)
    new = fmpq_mat(decision.vectors).transpose()
    assert (fmpq_mat(decision.substitution) * new).transpose() == fmpq_mat(found)
    planted.check(
        Settled(tuple(below.signs), tuple(known.layers[0]), tuple(map(tuple, decision.vectors)), frozenset(), 0, active)
    )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("stand_in", [0, 1 << 20])
@pytest.mark.parametrize("read_off", [True, False])
def test_what_an_ignored_weight_passes_on_is_told_from_rows_with_sides_apart(
    seed: int, stand_in: int, read_off: bool
) -> None:
    """A surface that meets the feature off passes on nothing: then the weight stays lacking, and a row is linear."""
    planted = Planted(seed, 6, 6, 5)
    layer, rows = with_lacking_weight(planted, stand_in)
    if not read_off:
        rows = with_surfaces_that_meet_nothing(planted, rows, [1, 2])
    below = LayerBelow(known := Known(6, [layer, []]), 0, 0, Random(seed), ignored_lacking={(0, 2)})
    found = [apart(layer, row) for row in rows]
    assert not LayerBelow(Known(6, [layer, []]), 0, 0, Random(seed)).ready(found), "nothing explains it then"
    assert below.ready(found)
    decision = below.decide(found, final=False)
    assert decision is not None
    assert below.signs == expected(planted)
    assert below.ignored_lacking == (set() if read_off else {(0, 2)})
    assert (below.twins, below.always_active, len(below.loose)) == (0, int(not read_off), int(not read_off))
    new = fmpq_mat(decision.vectors).transpose()
    assert (fmpq_mat(decision.substitution) * new).transpose() == fmpq_mat(found)
    if read_off:
        signed = tuple(below.signs), tuple(known.layers[0]), tuple(map(tuple, decision.vectors))
        planted.check(Settled(*signed, frozenset(), 0, 0))


@pytest.mark.parametrize("acting", [0, 1])
def test_a_side_that_was_kept_keeps_its_place_when_what_ignored_weights_passed_on_is_given_up(acting: int) -> None:
    planted = Planted(1, 5, 7, 6)
    for row in planted.next:
        row[6] = 0  # tells nothing of this neuron
    layer, rows = with_lacking_weight(planted)
    below = LayerBelow(known := Known(5, [layer, []]), 0, 0, Random(1), ignored_lacking={(0, 2)})
    found = vectors(with_surfaces_that_meet_nothing(planted, rows, [0, 1, 3, 4]))
    decision = below.decide(found, final=True, whole=False)
    assert decision is not None
    assert (below.loose, below.features[6]) == ([7], [6, 8])
    below.released([Row.of([int(v.p) for v in primitive(vector)], 9) for vector in decision.vectors])
    assert (below.loose, below.features[6], len(known.layers[0])) == ([], [6, 7], 8)
    later = Row(tuple(int(p == 6 + acting) for p in range(8)), (0,) * 8, 5)
    assert below.idle_sides([later]) == [7 - acting]
    assert (below.signs or [])[6] is (Sign.NEGATIVE if acting else Sign.POSITIVE)
