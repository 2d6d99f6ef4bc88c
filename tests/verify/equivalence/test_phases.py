"""Splits by phase: no certificate of them goes below the truth, and the maximum closes where g is close to f."""

from types import SimpleNamespace

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from precise.arithmetic import rational, to_fraction
from precise.journal.file import Journal
from precise.network import Layer, Network
from precise.random_networks import random_network
from tests.verify.equivalence.pairs import integer_network, perturbed, related
from tests.verify.equivalence.polygons import largest_differences, rectangle
from verify import bounds_decision
from verify.certificate import assemble
from verify.checker import Refused, check, evaluate
from verify.differential import branch_and_bound, ranges
from verify.differential.problem import split_by_phase
from verify.equivalence import Effort, decide, maximum
from verify.properties.claim import same_top1, within
from verify.properties.domain import Domain, box
from verify.verdict import Outcome

SEEDS = st.integers(0, 2**32 - 1)
WIDTHS = st.sampled_from([(2, 3, 1), (2, 3, 2), (2, 2, 2, 1), (2, 3, 3, 2), (2, 2, 2, 2, 1)])
RELATIONS = st.sampled_from(["perturbed", "flipped", "unrelated"])
DOMAIN = Domain((fmpq(-1), fmpq(-1, 2)), (fmpq(1), fmpq(1, 2)))


def random_split(hidden, generator):
    if generator.random() < 0.2:
        return ["input", int(generator.integers(2)), f"{int(generator.integers(-4, 5))}/4"]
    layer = int(generator.integers(1, len(hidden) + 1))
    kind = str(generator.choice(["phase", "phase", "phase", "z", "d"]))
    return [kind, layer, int(generator.integers(hidden[layer - 1]))]


def random_tree(hidden, generator, below, depth=4):
    """A tree of random splits for a row over the layer after the first `below` ones; random multipliers, or none."""
    nodes = []

    def grow(level):
        place = len(nodes)
        nodes.append({})
        if level and generator.random() < 0.8:
            nodes[place] = {"split": random_split(hidden, generator)}
            nodes[place]["children"] = [grow(level - 1), grow(level - 1)]
        else:
            duals = [[f"{int(v)}p-3" for v in generator.integers(-16, 17, 2 * width)] for width in hidden[:below]]
            nodes[place] = {"leaf": {"duals": duals} if generator.random() < 0.3 else {}}
        if len(hidden) > 1 and generator.random() < 0.3:
            nodes[place]["tighten"] = [{"layer": int(generator.integers(2, len(hidden) + 1)), "of": "zd"}]
        return place

    grow(depth)
    return nodes


def random_range(hidden, generator):
    """An entry of "tighten" with trees for some ranges of one layer."""
    layer = int(generator.integers(2, len(hidden) + 1))
    chosen = [
        [int(generator.integers(hidden[layer - 1])), str(generator.choice(["z", "d"])), side]
        for side in ("upper", "lower", "upper")
    ]
    trees = [random_tree(hidden, generator, layer - 1, depth=2) for _ in chosen]
    return {"layer": layer, "targets": chosen, "trees": trees}


@settings(max_examples=60, deadline=None)
@given(WIDTHS, RELATIONS, SEEDS)
def test_no_tree_of_phases_proves_a_bound_below_the_maximum(widths, relation, seed):
    generator = np.random.default_rng(seed)
    first = integer_network(widths, generator)
    second = related(first, relation, generator)
    hidden, outputs = widths[1:-1], widths[-1]
    orders = [generator.permutation(width) for width in hidden]
    pairs = [[(i, int(j), fmpq(int(generator.integers(1, 9)), 4)) for i, j in enumerate(order)] for order in orders]
    tighten = [random_range(hidden, generator) for _ in range(int(generator.integers(0, 3)))] if hidden[1:] else []
    trees = [random_tree(hidden, generator, len(hidden)) for _ in range(2 * outputs)]
    claim, mantissa = within(0, outputs), [None, 8, 48][int(generator.integers(3))]
    certificate = assemble(first, second, DOMAIN, claim, pairs, mantissa, tighten, trees, phases=True)
    bounds = evaluate(certificate, first, second).bounds
    truth = largest_differences(first, second, rectangle(DOMAIN.lower, DOMAIN.upper))
    # None says that no execution is there, which is never so on a whole domain
    assert all(max(to_fraction(up), to_fraction(down)) >= t for up, down, t in zip(bounds[::2], bounds[1::2], truth))


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([(2, 3, 1), (2, 4, 3, 1), (2, 3, 3, 2)]), st.integers(10, 40), SEEDS)
def test_where_g_is_close_the_maximum_is_that_over_all_linear_regions(widths, digits, seed):
    generator = np.random.default_rng(seed)
    first = random_network("-".join(map(str, widths)), seed=seed)
    second = perturbed(first, fmpq(1, 10**digits), generator)
    truth = rational(max(largest_differences(first, second, rectangle([-1, -1], [1, 1]))))
    decision = maximum(first, second, box(-1, 1, 2), Effort(seconds=30))
    attained, proved = (rational(decision.verdict.details[key]) for key in ("attained", "proved"))
    assert attained <= truth <= proved <= attained * fmpq(1_000_001, 1_000_000)
    if decision.verdict.outcome is Outcome.EQUIVALENT:
        assert check(decision.certificate, first, second).holds


def close_pair(shape="12-6-1", tiny="1e-9"):
    """f, and g with all weights of the output layer moved: g - f is a tiny network of its own."""
    first = random_network(shape, seed=5)
    *below, last = first.layers
    moved = Layer((tuple(w + rational(tiny) for w in last.weights[0]),), last.biases)
    return first, Network((*below, moved))


def test_a_planted_difference_is_found_as_the_maximum():
    first, second = close_pair()
    hidden = first.layers[0]
    # g - f = 1e-9 times the sum of the hidden values: its maximum over the cube is at one of the corners
    corners = np.array(np.meshgrid(*[[-1.0, 1.0]] * 12)).reshape(12, -1)
    weights = np.array([[float(to_fraction(v)) for v in row] for row in hidden.weights])
    biases = np.array([float(to_fraction(v)) for v in hidden.biases])
    largest = np.maximum(weights @ corners + biases[:, None], 0).sum(0).max() * 1e-9
    decision = maximum(first, second, box(-1, 1, 12), Effort(seconds=60))
    assert decision.verdict.outcome is Outcome.EQUIVALENT
    assert decision.certificate["phases"] is True
    assert float(to_fraction(rational(decision.verdict.details["proved"]))) == pytest.approx(largest, rel=1e-6)


@pytest.fixture(scope="module")
def deep_pair():
    """Enough neurons for a search for ranges of its own."""
    first = random_network("5-8-8-1", seed=3)
    return first, perturbed(first, fmpq(1, 10**10), np.random.default_rng(0))


@pytest.fixture(scope="module")
def decided(deep_pair):
    return maximum(*deep_pair, box(-1, 1, 5), Effort(seconds=100))


def test_ranges_with_trees_are_part_of_the_certificate(deep_pair, decided):
    assert decided.verdict.outcome is Outcome.EQUIVALENT
    entries = [entry for entry in decided.certificate["tighten"] if "trees" in entry]
    assert any("split" in node for entry in entries for tree in entry["trees"] for node in tree)
    assert any(node.get("split", [""])[0] == "phase" for tree in decided.certificate["trees"] for node in tree)
    assert check(decided.certificate, *deep_pair).holds


def test_a_claim_that_takes_long_is_proved_by_phase(deep_pair, decided, monkeypatch):
    monkeypatch.setattr(bounds_decision, "SHORT", 1)
    epsilon = rational(decided.verdict.details["proved"]) * fmpq(3, 2)
    found = decide(*deep_pair, box(-1, 1, 5), within(epsilon, 1), Effort(seconds=100))
    assert found.verdict.outcome is Outcome.EQUIVALENT
    assert found.certificate["phases"] is True
    assert check(found.certificate, *deep_pair).holds


@settings(max_examples=8, deadline=None)
@given(WIDTHS, st.sampled_from([fmpq(999, 1000), fmpq(1001, 1000), 2]), SEEDS)
def test_claims_are_decided_by_phase_as_brute_force_does(widths, factor, seed):
    generator = np.random.default_rng(seed)
    first = integer_network(widths, generator)
    second = perturbed(first, fmpq(1, 10**9), generator)
    truth = rational(max(largest_differences(first, second, rectangle(DOMAIN.lower, DOMAIN.upper))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounds_decision, "SHORT", 1)
        found = decide(first, second, DOMAIN, within(truth * factor, first.output_width), Effort(seconds=20))
    held = (Outcome.EQUAL, Outcome.EQUIVALENT)
    assert found.verdict.outcome in (held if truth <= truth * factor else (Outcome.DIFFERENT,))


def test_a_witness_that_is_met_in_the_search_by_phase_ends_it(deep_pair, decided, monkeypatch):
    searches = []

    def search(problem, root, goal, *arguments):
        searches.append(split_by_phase(root))
        if not searches[-1]:
            goal = SimpleNamespace(limit=goal.limit, offer=lambda *_: None)
        return branch_and_bound.search(problem, root, goal, *arguments)

    monkeypatch.setattr(bounds_decision, "SHORT", 1)
    monkeypatch.setattr(bounds_decision, "search", search)
    monkeypatch.setattr(bounds_decision._Run, "attack", lambda *_: None)  # all is left to the points of the searches
    attained = rational(decided.verdict.details["attained"])
    found = decide(*deep_pair, box(-1, 1, 5), within(attained * fmpq(1, 2), 1), Effort(seconds=100))
    assert found.verdict.outcome is Outcome.DIFFERENT
    assert searches == [False, True]


def test_processes_and_a_checkpoint_change_nothing(deep_pair, decided, tmp_path):
    efforts = Effort(seconds=100, jobs=2, journal=Journal.create(tmp_path / "run", {}))
    parallel = maximum(*deep_pair, box(-1, 1, 5), efforts)
    resumed = maximum(*deep_pair, box(-1, 1, 5), Effort(seconds=100, journal=Journal.resume(tmp_path / "run", {})))
    assert parallel.certificate == resumed.certificate == decided.certificate


def test_an_interrupt_among_the_ranges_keeps_what_is_proved(deep_pair, decided, monkeypatch):
    offer, count = ranges._Attained.offer, iter(range(100))

    def interrupted(*arguments):
        if next(count) == 40:
            raise KeyboardInterrupt
        offer(*arguments)

    monkeypatch.setattr(ranges._Attained, "offer", interrupted)
    found = maximum(*deep_pair, box(-1, 1, 5), Effort(seconds=100))
    assert found.verdict.outcome is Outcome.UNKNOWN
    attained, proved = (rational(found.verdict.details[key]) for key in ("attained", "proved"))
    assert attained <= rational(decided.verdict.details["proved"])
    assert rational(decided.verdict.details["attained"]) <= proved
    assert check(found.certificate, *deep_pair).holds


def by_phase(first, second, pairs, claim, trees):
    return assemble(first, second, box(0, 1, first.input_width), claim, pairs, 48, [], trees, phases=True)


def test_what_phases_do_not_prove_is_refused():
    first = integer_network((2, 2, 2, 2), np.random.default_rng(1))
    leaves, whole = [[{"leaf": {}}] for _ in range(4)], [[(0, 0, fmpq(1)), (1, 1, fmpq(1))]] * 2
    assert evaluate(by_phase(first, first, whole, within(0, 2), leaves), first, first).leaves == 4
    alone = [whole[0], [(0, 0, fmpq(1))]]
    with pytest.raises(Refused, match="every neuron of g"):
        evaluate(by_phase(first, first, alone, within(0, 2), leaves), first, first)
    with pytest.raises(Refused, match="side conditions"):
        evaluate(by_phase(first, first, whole, same_top1(2), leaves[:2]), first, first)
    for place in (0, 1):
        split = [{"split": ["g", 1, place], "children": [1, 2]}, {"leaf": {}}, {"leaf": {}}]
        with pytest.raises(Refused, match="no value of g"):
            evaluate(by_phase(first, first, whole, within(0, 2), [split, *leaves[1:]]), first, first)
    without = by_phase(first, first, whole, within(0, 2), leaves) | {"phases": 1}
    with pytest.raises(Refused, match="by phase or not"):
        evaluate(without, first, first)
    old = by_phase(first, first, whole, within(0, 2), leaves) | {"version": 2}
    split = [{"split": ["phase", 1, 0], "children": [1, 2]}, {"leaf": {}}, {"leaf": {}}]
    with pytest.raises(Refused, match="no split"):
        evaluate(old | {"trees": [split, *leaves[1:]]}, first, first)
