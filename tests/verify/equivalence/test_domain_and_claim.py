"""Domains and claims: what belongs to them, what refutes them, and what is refused."""

import pytest
from flint import fmpq
from hypothesis import given
from hypothesis import strategies as st

from precise import InputError, Network
from precise.arithmetic import rational
from verify.properties.claim import Within, replay, same_top1, short, within
from verify.properties.domain import Domain, ball, box


def test_the_border_belongs_to_a_domain():
    domain = Domain((fmpq(0),) * 2, (fmpq(1),) * 2, (((fmpq(1), fmpq(1)), fmpq(1)),))
    assert domain.contains([fmpq(0), fmpq(1)])
    assert not domain.contains([fmpq(1), fmpq(1, 10**30)])
    assert not domain.contains([fmpq(-1, 10**30), fmpq(0)])


@given(st.lists(st.fractions(-2, 2), min_size=3, max_size=3), st.fractions(0, 2))
def test_a_clipped_ball_is_the_ball_met_with_the_box(centre, radius):
    clip = (-3, 3)
    domain = ball([rational(v) for v in centre], rational(radius), clip)
    corner = [rational(max(v - radius, -3)) for v in centre]
    assert domain.contains(corner)
    assert not domain.contains([corner[0] - fmpq(1, 10**20), *corner[1:]])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: box(1, 0, 2), "lower bound first, not 1 and 0"),
        (lambda: ball([0, 0], "-1/2"), "radius of at least 0, not -1/2"),
        (lambda: ball([0, 9], 1, clip=(0, 1)), "no point inside the clip"),
        (lambda: box(float("nan"), 0, 1), "finite number"),
        (lambda: Domain((fmpq(0),), (fmpq(1),), (((fmpq(1), fmpq(1)), fmpq(1)),)), "half-spaces of 1 coeff"),
        (lambda: within(-1, 1), "epsilon of at least 0"),
        (lambda: same_top1(1), "at least two outputs"),
        (lambda: same_top1(2, -1), "margin of at least 0"),
    ],
)
def test_what_makes_no_sense_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_a_claim_is_refuted_beyond_its_border_only():
    claim = within("1/8", 2)
    one = [fmpq(0), fmpq(0)]
    assert not claim.refuted_by(one, [fmpq(1, 8), fmpq(-1, 8)])
    assert claim.refuted_by(one, [fmpq(0), fmpq(-1, 8) - fmpq(1, 10**40)])
    assert Within((fmpq(1), fmpq(0))).refuted_by(one, [fmpq(0), fmpq(1, 10**40)])


@pytest.mark.parametrize(
    ("first", "second", "margin", "refuted"),
    [
        ([1, 0, 0], [1, 0, 0], 0, False),
        ([1, 0, 0], [0, 1, 0], 0, True),
        ([1, 0, 0], [1, 1, 0], 0, False),  # a tie that includes f's class
        ([1, 1, 0], [0, 1, 0], 0, False),  # f has no class
        ([1, 0, 0], [0, 1, 0], 2, False),  # f leads by less than the margin
        ([2, 0, 0], [0, 1, 0], 2, True),
    ],
)
def test_top_classes_agree_up_to_ties_and_margins(first, second, margin, refuted):
    assert same_top1(3, margin).refuted_by([fmpq(v) for v in first], [fmpq(v) for v in second]) is refuted


def test_a_witness_lies_in_the_domain_and_is_replayed():
    line = Network.from_rows([([[1]], [0])])
    twice = Network.from_rows([([[2]], [0])])
    claim = within(0, 1)
    witness = replay(claim, box(0, 1, 1), line, twice, [fmpq(1)])
    assert (witness.first, witness.second) == ((fmpq(1),), (fmpq(2),))
    assert replay(claim, box(0, 1, 1), line, twice, [fmpq(2)]) is None
    assert replay(claim, box(0, 1, 1), line, twice, [fmpq(0)]) is None


def test_descriptions_name_numbers_shortly():
    assert short(fmpq(1, 3)) == "1/3"
    assert short(fmpq(10**20 + 1, 10**40 * 3)) == "3.333e-21"
    assert box(0, 1, 784).describe() == "[0, 1]^784"
    assert same_top1(3).describe() == "f and g have the same top class"
    assert within("1/8", 2).describe() == "|g(x) - f(x)| <= 1/8"
