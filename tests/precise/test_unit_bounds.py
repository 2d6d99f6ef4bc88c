"""Exact intervals, bounds by combination, and bounds of units on all of R^n."""

from flint import fmpq, fmpz
from hypothesis import given, settings
from hypothesis import strategies as st

from precise.symmetry.cone import lower_bound
from precise.symmetry.interval import Range, affine_range, at_least_zero
from precise.symmetry.unit_bounds import UnitBounds

NUMBERS = st.integers(-20, 20)


def fractions(*values):
    return [fmpq(value) for value in values]


@settings(deadline=None)
@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, st.integers(0, 8)), max_size=4), NUMBERS)
def test_affine_ranges_hold_and_are_attained(terms, constant):
    ranges = [(fmpq(w), Range(fmpq(min(a, b)), fmpq(max(a, b)))) for w, a, b, _ in terms]
    found = affine_range(fmpq(constant), ranges)
    inside = sum((w * (r.low + (r.high - r.low) * s / 8) for (w, r), (*_, s) in zip(ranges, terms)), constant)
    assert found.low <= inside <= found.high
    for end, picks in ((found.low, min), (found.high, max)):
        assert end == constant + sum(picks(w * r.low, w * r.high) for w, r in ranges)


def test_ranges_may_have_no_bound():
    unbounded = Range(None, fmpq(3))
    assert affine_range(fmpq(1), [(fmpq(-2), unbounded)]) == Range(fmpq(-5), None)
    assert affine_range(fmpq(1), [(fmpq(0), unbounded)]) == Range(fmpq(1), fmpq(1))
    assert at_least_zero(unbounded) == Range(fmpq(0), fmpq(3))
    assert Range(fmpq(1), fmpq(0)).empty


def test_the_best_constant_is_found_exactly():
    # x + y with x >= 1/3, y >= -1/7 and x + y >= 1/8
    known = [[fmpq(-1, 3), fmpq(1), fmpq(0)], [fmpq(1, 7), fmpq(0), fmpq(1)], [fmpq(-1, 8), fmpq(1), fmpq(1)]]
    assert lower_bound(fractions(0, 1, 1), known) == fmpq(1, 3) - fmpq(1, 7)
    assert lower_bound(fractions(0, 1, -1), known) is None
    assert lower_bound(fractions(5, 0, 0), known) == 5
    assert lower_bound(fractions(0, 1, 1), []) is None


def test_rows_over_units_are_bounded_from_below():
    bounds = UnitBounds(2)
    bounds.add([(fmpz(1), fmpz(2), fmpz(0)), (fmpz(-3), fmpz(1), fmpz(1))])  # relu(2x + 1), relu(x + y - 3)
    assert bounds.lower(fractions(5, 0, 0, 1, 1)) == 5
    assert bounds.lower(fractions(5, 0, 0, 1, -1)) is None
    # relu(z) - z / 2 >= 0 with z = 2x + 1
    assert bounds.lower([fmpq(4) - fmpq(1, 2), fmpq(-1), fmpq(0), fmpq(1)]) == 4
    # a unit that is at most 7 lets its negative be bounded
    bounds.add([(fmpz(7), fmpz(0), fmpz(0), fmpz(-1), fmpz(-2))])
    assert bounds.lower(fractions(0, 0, 0, 0, 0, -1)) == -7
    assert bounds.lower(fractions(9, 0, 0, 1, 0, -1)) == 2
