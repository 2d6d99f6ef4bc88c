"""The number conversions, against Fraction, mpmath and float64 values written as hexadecimals."""

import math
from decimal import Decimal
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy
from flint import fmpq, fmpz, fmpz_mat
from hypothesis import given
from hypothesis import strategies as st

from precise.arithmetic import (
    Batch,
    common_denominator,
    primitive,
    rational,
    round_to_bits,
    sign,
    to_float,
    to_fraction,
    to_mpf,
    to_text,
)
from precise.errors import InputError

big = st.integers(min_value=-(2**400), max_value=2**400)
fractions = st.builds(Fraction, big, st.integers(min_value=1, max_value=2**300))
floats = st.floats(allow_nan=False, allow_infinity=False)


def exact(value: Fraction) -> fmpq:
    return fmpq(value.numerator, value.denominator)


def half_even(value: Fraction, bits: int) -> Fraction:
    """Round-half-even to a mantissa of `bits` bits, by integer division only."""
    if value == 0:
        return value
    scale = Fraction(1)
    while abs(value) / scale >= 2**bits:
        scale *= 2
    while abs(value) / scale < 2 ** (bits - 1):
        scale /= 2
    return round(value / scale) * scale  # Fraction's round is half to even


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, Fraction(3)),
        (-(2**200), Fraction(-(2**200))),
        (fmpz(7), Fraction(7)),
        (fmpq(-3, 8), Fraction(-3, 8)),
        (Fraction(22, 7), Fraction(22, 7)),
        (0.1, Fraction(0x1999999999999A, 2**56)),
        (float.fromhex("0x1.fffffffffffffp+1023"), Fraction(2**1024 - 2**971)),
        (float.fromhex("0x0.0000000000001p-1022"), Fraction(1, 2**1074)),
        (-0.0, Fraction(0)),
        (np.float32(0.1), Fraction(13421773, 2**27)),
        (np.float16(0.1), Fraction(1638, 2**14)),
        (np.float64(-2.5), Fraction(-5, 2)),
        (np.longdouble(1) + np.finfo(np.longdouble).eps, 1 + Fraction(float(np.finfo(np.longdouble).eps))),
        (np.int64(-9), Fraction(-9)),
        (np.uint8(200), Fraction(200)),
        (np.array(0.75), Fraction(3, 4)),
        (mpmath.mpf("0.375"), Fraction(3, 8)),
        (mpmath.MPContext().mpf(2) ** 300, Fraction(2**300)),
        (Decimal("0.1"), Fraction(1, 10)),
        (sympy.Rational(-5, 7), Fraction(-5, 7)),
        (sympy.Integer(12), Fraction(12)),
    ],
    ids=lambda value: f"{type(value).__name__}",
)
def test_rational_is_exact(value, expected):
    assert to_fraction(rational(value)) == expected


@pytest.mark.parametrize(
    "text",
    ["0", "-0", "+7", "-3/8", "6/4", " 12 ", "0.1", "-.5", "5.", "+.5E+2", "1e-30", "1E400", "-12.50e-1"],
)
def test_text_reads_as_fraction_does(text):
    assert to_fraction(rational(text)) == Fraction(text.strip())


@pytest.mark.parametrize("digits", [4301, 20_000])
def test_text_may_be_longer_than_python_allows_an_integer(digits):
    nines, power = "9" * digits, fmpz(10) ** digits
    assert rational(f"-{nines}/7") == fmpq(1 - power, 7)
    assert rational(f"0.{nines}") == 1 - fmpq(1, power)
    assert rational(to_text(fmpq(power - 1, power))) == 1 - fmpq(1, power)


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        ".",
        "1/0",
        "1/-2",
        "--3",
        "+-3",
        "1e",
        "nan",
        "inf",
        "1 2",
        "0x10",
        "1_000",
        "1e999999",
        "٣",
        "1/2/3",
    ],
)
def test_text_that_is_no_number_is_refused(value):
    with pytest.raises(InputError, match="expected a rational"):
        rational(value)


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        np.float32("nan"),
        np.longdouble("inf"),
        np.array(math.nan),
        mpmath.mpf("nan"),
        mpmath.inf,
        Decimal("NaN"),
        Decimal("-Infinity"),
    ],
    ids=repr,
)
def test_values_that_are_not_finite_are_refused(value):
    with pytest.raises(InputError, match="expected a finite number"):
        rational(value)


@pytest.mark.parametrize(
    "value",
    [
        True,
        np.bool_(False),
        None,
        1j,
        mpmath.mpc(1),
        b"1",
        [1],
        np.array([1.0]),
        sympy.oo,
        sympy.sqrt(2),
        object(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_number_is_refused(value):
    with pytest.raises(InputError, match="expected a number"):
        rational(value)


@given(floats)
def test_a_float_survives_the_round_trip(value):
    assert to_fraction(rational(value)) == Fraction(value)
    assert to_float(rational(value)) == value


@given(fractions)
def test_a_fraction_survives_the_round_trip(value):
    assert to_fraction(rational(value)) == value
    assert rational(to_text(rational(value))) == rational(value)


@given(fractions)
def test_to_float_rounds_as_python_divides(value):
    try:
        expected = value.numerator / value.denominator
    except OverflowError:
        with pytest.raises(InputError, match="too large"):
            to_float(exact(value))
    else:
        assert to_float(exact(value)).hex() == expected.hex()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Fraction(1, 3), "0x1.5555555555555p-2"),
        (Fraction(2, 3), "0x1.5555555555555p-1"),
        (1 + Fraction(1, 2**53), "0x1.0000000000000p+0"),  # a tie goes to the even neighbour: down
        (1 + Fraction(3, 2**53), "0x1.0000000000002p+0"),  # and here up
        (1 + Fraction(1, 2**53) + Fraction(1, 2**900), "0x1.0000000000001p+0"),
        (Fraction(1, 2**1074), "0x0.0000000000001p-1022"),
        (Fraction(1, 2**1075), "0x0.0p+0"),
        (-Fraction(22, 7), "-0x1.9249249249249p+1"),
    ],
)
def test_to_float_gives_these_hexadecimals(value, expected):
    assert to_float(exact(value)).hex() == expected


def test_to_float_refuses_what_float64_cannot_hold():
    with pytest.raises(InputError, match="too large for float64"):
        to_float(fmpq(2) ** 1024)


@given(fractions, st.integers(min_value=2, max_value=300))
def test_rounding_is_half_even(value, bits):
    assert to_fraction(round_to_bits(exact(value), bits)) == half_even(value, bits)


@given(st.integers(1, 2**30), st.integers(2, 40), st.integers(-200, 200), st.integers(-1, 1))
def test_rounding_at_and_beside_ties(high, bits, exponent, nudge):
    mantissa = (1 << (bits - 1)) | (high % (1 << (bits - 1)))
    value = (Fraction(2 * mantissa + 1, 2) + Fraction(nudge, 2**500)) * Fraction(2) ** exponent
    assert to_fraction(round_to_bits(exact(value), bits)) == half_even(value, bits)


@given(fractions, st.integers(min_value=2, max_value=300))
def test_rounding_is_the_division_of_mpmath(value, bits):
    with mpmath.workprec(bits):
        expected = mpmath.fdiv(value.numerator, value.denominator)
        assert to_mpf(exact(value), bits) == expected
    assert round_to_bits(exact(value), bits) == rational(expected)


@given(fractions, st.integers(min_value=2, max_value=300))
def test_rounding_is_idempotent_and_within_its_bound(value, bits):
    once = round_to_bits(exact(value), bits)
    assert round_to_bits(once, bits) == once
    assert abs(once - exact(value)) * 2**bits <= abs(exact(value))


def test_rounding_ignores_the_working_precision():
    third = fmpq(1, 3)
    with mpmath.workprec(10):
        rough = round_to_bits(third, 200)
    assert rough == round_to_bits(third, 200)
    assert to_mpf(third, 53) == mpmath.mpf(1 / 3)


@given(fractions)
def test_sign(value):
    assert sign(exact(value)) == (value > 0) - (value < 0)
    assert sign(fmpz(value.numerator)) == (value > 0) - (value < 0)


@given(st.lists(fractions, max_size=8))
def test_common_denominator_is_the_least(values):
    expected = math.lcm(*(value.denominator for value in values))
    assert common_denominator(map(exact, values)) == expected


@given(st.lists(fractions, max_size=8), fractions.filter(lambda value: value > 0))
def test_primitive_is_a_positive_multiple_with_coprime_integers(values, factor):
    vector = [exact(value) for value in values]
    found = primitive(vector)
    if any(vector):
        assert all(entry.q == 1 for entry in found)
        assert math.gcd(*(int(entry.p) for entry in found)) == 1
        first = next(place for place, entry in enumerate(vector) if entry)
        scale = found[first] / vector[first]
        assert scale > 0
        assert [entry * scale for entry in vector] == list(found)
    else:
        assert found == tuple(vector)
    assert primitive([entry * exact(factor) for entry in vector]) == found
    assert primitive(found) == found


def test_primitive_keeps_opposite_vectors_apart():
    row = [fmpq(2, 3), fmpq(-4, 9)]
    assert primitive(row) == (3, -2)
    assert primitive([-entry for entry in row]) == (-3, 2)


@given(st.integers(0, 4).flatmap(lambda width: st.lists(st.lists(fractions, min_size=width, max_size=width))))
def test_a_batch_holds_its_rows_exactly(rows):
    batch = Batch.from_rows(rows)
    assert (batch.size, batch.width) == (len(rows), len(rows[0]) if rows else 0)
    assert [[to_fraction(value) for value in row] for row in batch.rows()] == rows
    assert batch.denominator == math.lcm(*(value.denominator for row in rows for value in row))


def test_a_batch_over_a_larger_denominator_has_rows_in_lowest_terms():
    batch = Batch(fmpz_mat(1, 3, [2, -4, 0]), fmpz(8))
    assert batch.rows() == [[fmpq(1, 4), fmpq(-1, 2), fmpq(0)]]
    assert [value.q for value in batch.rows()[0]] == [4, 2, 1]


def test_a_batch_mixes_kinds_of_numbers():
    batch = Batch.from_rows([[1, "1/3", 0.25], [np.float32(0.5), mpmath.mpf(2), Fraction(1, 7)]])
    assert batch.rows() == [[fmpq(1), fmpq(1, 3), fmpq(1, 4)], [fmpq(1, 2), fmpq(2), fmpq(1, 7)]]


def test_a_batch_refuses_ragged_rows_and_values_that_are_not_finite():
    with pytest.raises(InputError, match="rows of one length"):
        Batch.from_rows([[1, 2], [3]])
    with pytest.raises(InputError, match="finite"):
        Batch.from_rows([[1.0, math.nan]])
