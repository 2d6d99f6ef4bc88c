"""The checker alone: whatever stands in a certificate, a proved bound is never below the truth."""

import ast
import copy
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from flint import fmpq, fmpz_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures import mutants
from precise.arithmetic import rational, to_fraction
from tests.verify.equivalence.pairs import RELATIONS, integer_network, related
from tests.verify.equivalence.polygons import largest_differences, rectangle
from verify.certificate import assemble, sealed
from verify.checker import Refused, check, evaluate
from verify.checker.encoding import number, rounded, seal
from verify.checker.weak_duality import Box
from verify.properties.claim import same_top1, within
from verify.properties.domain import Domain, box

CHECKER = Path(__file__).parents[3] / "verify" / "checker"
SEEDS = st.integers(0, 2**32 - 1)
BOX_ENDS = st.fractions(-8, 8, max_denominator=99)
WIDTHS = st.sampled_from([(2, 2, 1), (2, 3, 2), (2, 2, 2, 1), (2, 3, 2, 2)])


def random_pairing(first, second, generator):
    """Any pairing of the hidden neurons, with any factors."""
    depth = max(len(first.layers), len(second.layers)) - 1
    widths = [[*network.widths[1:-1]] for network in (first, second)]
    for own in widths:
        own += [own[-1]] * (depth - len(own))
    pairs = []
    for ours, theirs in zip(*widths):
        count = int(generator.integers(0, min(ours, theirs) + 1))
        chosen = zip(generator.permutation(ours)[:count], generator.permutation(theirs)[:count])
        pairs.append([(int(i), int(j), fmpq(int(generator.integers(1, 9)), 4)) for i, j in chosen])
    return pairs


def random_tree(pairs, widths, targets_inputs, generator, depth=3):
    """A tree of random splits whose leaves have random multipliers, or none."""
    nodes = []

    def grow(level):
        place = len(nodes)
        nodes.append({})
        if level and generator.random() < 0.7:
            nodes[place] = {"split": random_split(widths, targets_inputs, generator)}
            nodes[place]["children"] = [grow(level - 1), grow(level - 1)]
        else:
            duals = [[f"{int(v)}p-3" for v in generator.integers(-16, 17, 2 * width)] for width in widths]
            nodes[place] = {"leaf": {"duals": duals} if generator.random() < 0.3 else {}}
        if len(widths) > 1 and generator.random() < 0.5:
            nodes[place]["tighten"] = [{"layer": int(generator.integers(2, len(widths) + 1)), "of": "zdg"}]
        return place

    grow(depth)
    return nodes


def random_split(widths, inputs, generator):
    if generator.random() < 0.3:
        return ["input", int(generator.integers(inputs)), f"{int(generator.integers(-4, 5))}/4"]
    layer = int(generator.integers(1, len(widths) + 1))
    return [str(generator.choice(["z", "d", "g"])), layer, int(generator.integers(widths[layer - 1]))]


def random_certificate(widths, relation, seed, domain):
    """(certificate of the claim g = f, both networks): its trees may prove anything or nothing."""
    generator = np.random.default_rng(seed)
    first = integer_network(widths, generator)
    second = related(first, relation, generator)
    pairs = random_pairing(first, second, generator)
    counts = []
    for layer, here in enumerate(pairs):
        # a shallower network is deepened by identity layers of its last hidden width
        neurons = [(*n.widths[1:-1], *[n.widths[-2]] * len(pairs))[layer] for n in (first, second)]
        counts.append(sum(neurons) - len(here))
    trees = [random_tree(pairs, counts, 2, generator) for _ in range(2 * first.output_width)]
    mantissa = [None, 8, 48][int(generator.integers(3))]
    claim = within(0, first.output_width)
    return assemble(first, second, domain, claim, pairs, mantissa, [], trees), first, second


@settings(max_examples=80, deadline=None)
@given(WIDTHS, st.sampled_from(RELATIONS), SEEDS)
def test_no_tree_of_splits_and_multipliers_proves_a_bound_below_the_maximum(widths, relation, seed):
    domain = Domain((fmpq(-1), fmpq(-1, 2)), (fmpq(1), fmpq(1, 2)))
    certificate, first, second = random_certificate(widths, relation, seed, domain)
    bounds = evaluate(certificate, first, second).bounds
    truth = largest_differences(first, second, rectangle(domain.lower, domain.upper))
    pairs = zip(bounds[0::2], bounds[1::2], truth, strict=True)
    assert all(max(to_fraction(up), to_fraction(down)) >= most for up, down, most in pairs)


def simple_certificate():
    """(certificate, f, g) where interval reasoning suffices: a bias moved by 1/8."""
    first = integer_network((2, 3, 2), np.random.default_rng(2))
    second = mutants.shift_bias(first, 2, 1, "1/8")
    claim = within("1/4", 2)
    pairs = [[(i, i, fmpq(1)) for i in range(3)]]
    trees = [[{"leaf": {}}] for _ in range(4)]
    certificate = assemble(first, second, box(0, 1, 2), claim, pairs, 48, [], trees)
    return sealed(certificate, claim, evaluate(certificate, first, second)), first, second


def test_a_certificate_is_accepted_and_says_what_it_proves():
    certificate, first, second = simple_certificate()
    proved = check(certificate, first, second)
    assert proved.holds
    assert proved.leaves == 4
    assert max(proved.bounds) == fmpq(1, 8)
    assert proved.thresholds == (fmpq(1, 4),) * 4


def test_a_certificate_of_version_2_is_read_too():
    certificate, first, second = simple_certificate()
    old = {key: value for key, value in certificate.items() if key != "phases"} | {"version": 2}
    assert check(old | {"seal": seal(old)}, first, second).holds


TAMPERINGS = {
    "format": "another certificate",
    "version": 1,
    "networks": ["0" * 64, "0" * 64],
    "domain": box(0, 1, 3).to_json(),
    "claim": within("1/16", 2).to_json(),
    "pairs": [[[0, 0, "1"], [1, 1, "1"], [2, 1, "1"]]],
    "mantissa": 0,
    "phases": "no",
    "tighten": [{"layer": 1, "of": "zd"}],
    "trees": [[{"leaf": {}}]] * 3,
    "bounds": ["1/8", "1/8", "0", "0"],
    "seal": "0" * 64,
}


def test_every_field_is_tampered_with():
    assert set(TAMPERINGS) == set(simple_certificate()[0])


@pytest.mark.parametrize("field", TAMPERINGS)
@pytest.mark.parametrize("resealed", [False, True])
def test_a_tampered_field_is_refused(field, resealed):
    certificate, first, second = simple_certificate()
    tampered = {**certificate, field: TAMPERINGS[field]}
    if resealed and field != "seal":
        tampered["seal"] = seal(tampered)
    with pytest.raises(Refused):
        check(tampered, first, second)
    missing = {key: value for key, value in certificate.items() if key != field}
    missing |= {"seal": seal(missing)} if resealed and field != "seal" else {}
    with pytest.raises(Refused):
        check(missing, first, second)


@pytest.mark.parametrize(
    "tree",
    [
        [],
        [{}],
        [{"leaf": []}],
        [{"split": ["z", 1, 0], "children": [0, 0]}],  # a circle
        [{"split": ["z", 1, 0], "children": [1, 1]}, {"leaf": {}}, {"leaf": {}}],  # one half twice
        [{"split": ["z", 1, 0], "children": [1]}, {"leaf": {}}],  # one half only
        [{"split": ["z", 1, 7], "children": [1, 2]}, {"leaf": {}}, {"leaf": {}}],
        [{"split": ["z", 2, 0], "children": [1, 2]}, {"leaf": {}}, {"leaf": {}}],
        [{"split": ["q", 1, 0], "children": [1, 2]}, {"leaf": {}}, {"leaf": {}}],
        [{"split": ["input", -1, "0"], "children": [1, 2]}, {"leaf": {}}, {"leaf": {}}],
        [{"leaf": {"duals": [["0"] * 5]}}],
        [{"leaf": {"duals": [["0"] * 6], "facets": ["1"]}}],
        [{"leaf": {"duals": [[0.5] * 6]}}],
        [{"leaf": {}, "tighten": [{"layer": 2, "of": "z"}]}],
        [{"leaf": {"duals": [["1p9999999999"] * 6]}}],
        [{"leaf": {"duals": [["1/0"] * 6]}}],
    ],
)
def test_a_malformed_tree_is_refused(tree):
    certificate, first, second = simple_certificate()
    damaged = copy.deepcopy(certificate)
    damaged["trees"][0] = tree
    damaged["seal"] = seal(damaged)
    with pytest.raises(Refused):
        check(damaged, first, second)


def test_a_negative_multiplier_of_a_half_space_or_a_side_condition_is_refused():
    first = integer_network((2, 2, 2), np.random.default_rng(3))
    domain = Domain((fmpq(0),) * 2, (fmpq(1),) * 2, (((fmpq(1), fmpq(1)), fmpq(1)),))
    pairs = [[(0, 0, fmpq(1)), (1, 1, fmpq(1))]]
    for claim, leaf, count in (
        (within(9, 2), {"facets": ["-1"]}, 4),
        (same_top1(2), {"side": ["-1"]}, 2),
    ):
        trees = [[{"leaf": {}}] for _ in range(count)]
        trees[0] = [{"leaf": leaf}]
        certificate = assemble(first, first, domain, claim, pairs, None, [], trees)
        with pytest.raises(Refused, match="negative"):
            evaluate(certificate, first, first)


def test_a_leaf_that_is_wrongly_said_to_be_empty_proves_no_more_than_the_rule():
    certificate, first, second = simple_certificate()
    claimed = copy.deepcopy(certificate)
    claimed["trees"][0] = [{"leaf": {"empty": True, "duals": [["0"] * 6]}}]
    assert evaluate(claimed, first, second).bounds == evaluate(certificate, first, second).bounds


def test_certificates_of_other_networks_are_refused():
    certificate, first, second = simple_certificate()
    with pytest.raises(Refused, match="other networks"):
        check(certificate, second, first)
    with pytest.raises(Refused, match="other networks"):
        check(certificate, first, mutants.one_ulp(second, 1, 1, 1, bits=200))


@given(st.fractions(), st.integers(1, 80))
def test_rounding_goes_down_and_loses_one_unit_in_the_last_place_at_most(value, bits):
    exact = rational(value)
    down = rounded(exact, bits)
    assert down <= exact <= down + abs(exact) / fmpq(2) ** (bits - 1)


@given(st.integers(-(2**70), 2**70), st.integers(-200, 200))
def test_dyadic_numbers_are_read_exactly(mantissa, exponent):
    assert number(f"{mantissa}p{exponent}") == fmpq(mantissa) * fmpq(2) ** exponent


@pytest.mark.parametrize("path", sorted(CHECKER.glob("*.py")), ids=lambda path: path.name)
def test_the_checker_imports_nothing_of_the_engine(path):
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level
            modules.add(node.module)
    allowed = {"__future__", "collections.abc", "dataclasses", "functools", "hashlib", "json", "typing", "flint"}
    assert {m for m in modules if not m.startswith("verify.checker")} <= allowed


@given(st.lists(st.tuples(BOX_ENDS, BOX_ENDS, st.integers(-(2**70), 2**70)), min_size=1, max_size=5))
def test_the_greatest_value_on_a_box_is_that_of_its_best_corner(columns):
    lower, upper = ([fmpq(*f(a, b).as_integer_ratio()) for a, b, _ in columns] for f in (min, max))
    row = [v for _, _, v in columns]
    found = Box(tuple(lower), tuple(upper)).greatest(fmpz_mat(2, len(row), [*row, *(-v for v in row)]))
    for sign, value in zip((1, -1), found, strict=True):
        corners = product(*zip(lower, upper, strict=True))
        assert value == max(sum((sign * v * x for v, x in zip(row, corner)), fmpq(0)) for corner in corners)
