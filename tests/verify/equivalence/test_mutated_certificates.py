"""Certificates of real proofs, changed anywhere: the seal shows it, and without the seal no false claim passes."""

import copy
from functools import cache

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from precise.arithmetic import rational, to_fraction
from tests.verify.equivalence.pairs import integer_network, perturbed
from tests.verify.equivalence.polygons import largest_differences, rectangle
from verify.certificate import claim_of, domain_of
from verify.checker import Refused, check
from verify.checker.encoding import number, seal
from verify.equivalence import Effort, decide, maximum
from verify.properties.claim import within
from verify.properties.domain import box

KINDS = ("unrelated", "perturbed", "by phase")
REPLACEMENTS = (-1, 0, 1, 2, "0", "1", "-1", "1/3", "1p-40", "z", "g", "phase", True, None, [], {}, 0.5)


@cache
def proved(kind):
    """(certificate of a tree with splits, f, g)."""
    generator = np.random.default_rng(4)
    first = integer_network((2, 4, 3, 1), generator)
    second = (
        perturbed(first, fmpq(1, 10**30), generator)
        if kind != "unrelated"
        else integer_network((2, 4, 3, 1), generator)
    )
    truth = max(largest_differences(first, second, rectangle([-1, -1], [1, 1])))
    claim = within(rational(truth) * fmpq(101, 100), 1)
    if kind == "by phase":
        return maximum(first, second, box(-1, 1, 2), Effort(seconds=30)).certificate, first, second
    return decide(first, second, box(-1, 1, 2), claim, Effort(seconds=30)).certificate, first, second


def places(value, path=()):
    """The paths to all numbers and texts of a JSON value."""
    if isinstance(value, (dict, list)):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for key, entry in entries:
            yield from places(entry, (*path, key))
    else:
        yield path


def changed(certificate, path, value):
    found = copy.deepcopy(certificate)
    place = found
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_certificates_have_something_to_change(kind):
    certificate, first, second = proved(kind)
    assert check(certificate, first, second).leaves > 2
    assert any("split" in node for tree in certificate["trees"] for node in tree)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(KINDS), st.randoms(use_true_random=False), st.sampled_from(REPLACEMENTS))
def test_no_change_passes_and_no_false_claim_passes_when_sealed_anew(kind, random, value):
    certificate, first, second = proved(kind)
    path = random.choice(list(places(certificate)))
    old = certificate
    for key in path:
        old = old[key]
    if type(old) is type(value) and old == value:
        return
    mutant = changed(certificate, path, value)
    with pytest.raises(Refused):
        check(mutant, first, second)
    mutant["seal"] = seal(mutant)
    try:
        check(mutant, first, second)
    except Refused:
        return
    # accepted: then it is another proof, and what it claims is true
    domain = domain_of(mutant)
    truth = largest_differences(first, second, rectangle(domain.lower, domain.upper))
    assert all(most <= to_fraction(e) for most, e in zip(truth, claim_of(mutant).epsilon, strict=True))


def test_swapped_children_and_dropped_leaves_are_refused():
    certificate, first, second = proved("unrelated")
    number_of_tree, tree = max(enumerate(certificate["trees"]), key=lambda entry: len(entry[1]))
    for node in (n for n, entry in enumerate(tree) if "split" in entry):
        low, high = tree[node]["children"]
        for children in ([high, low], [low, low], [low]):
            mutant = changed(certificate, ("trees", number_of_tree, node, "children"), children)
            mutant["seal"] = seal(mutant)
            try:
                assert max(check(mutant, first, second).bounds) <= number(certificate["claim"]["epsilon"][0])
                assert children == [high, low]
            except Refused:
                continue
