"""Numbers: exact rationals (FLINT's fmpq) inside, mpmath at the surface, and every conversion between them.

Precision is always counted in bits. Nothing in this module depends on a process-wide precision setting.
"""

from __future__ import annotations

import numbers
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, TypeAlias

import mpmath
import numpy as np
from flint import fmpq, fmpq_mat, fmpz, fmpz_mat

from precise.errors import InputError

Rational = fmpq
RationalLike: TypeAlias = fmpq | fmpz | int | Fraction | float | str | mpmath.mpf | np.floating[Any] | np.integer[Any]

_RATIONAL_TEXT = re.compile(r"[+-]?[0-9]+(/[0-9]+)?\Z")
_DECIMAL_TEXT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,5})?\Z")


def rational(value: RationalLike) -> fmpq:
    """The exact rational that `value` stands for.

    Floats, numpy scalars and mpf are dyadic and convert exactly; so does text (`p`, `p/q` or a decimal).

    Raises:
        InputError: the value is not finite or is not a number.
    """
    if isinstance(value, fmpq):
        return value
    if isinstance(value, (bool, np.bool_)):
        raise InputError(f"expected a number, not the truth value {value!r}")
    if isinstance(value, fmpz):
        return fmpq(value)
    if isinstance(value, numbers.Rational):  # int, Fraction, numpy and SymPy integers and rationals
        return fmpq(int(value.numerator), int(value.denominator))
    if isinstance(value, str):
        return _from_text(value)
    if hasattr(value, "_mpf_"):  # every mpmath context has an mpf class of its own
        return _from_mpf(value)
    if hasattr(value, "as_integer_ratio"):  # float, Decimal and every numpy float, long doubles included
        return _from_ratio(value)
    if hasattr(value, "item") and getattr(value, "shape", None) == ():  # an array of no dimensions
        return rational(value.item())
    raise InputError(f"expected a number, not {type(value).__name__}")


def _from_ratio(value: Any) -> fmpq:
    try:
        return fmpq(*map(int, value.as_integer_ratio()))
    except (OverflowError, ValueError) as error:
        raise InputError(f"expected a finite number, not {value}") from error


def _from_mpf(value: mpmath.mpf) -> fmpq:
    sign, mantissa, exponent, _ = value._mpf_
    if not mantissa and exponent:
        raise InputError(f"expected a finite number, not {value}")
    signed = -int(mantissa) if sign else int(mantissa)
    return fmpq(signed << exponent, 1) if exponent >= 0 else fmpq(signed, 1 << -exponent)


def _from_text(text: str) -> fmpq:
    stripped = text.strip().lstrip("+")
    try:  # read by FLINT: Python's int refuses more than 4300 digits
        if _RATIONAL_TEXT.match(text.strip()):
            numerator, _, denominator = stripped.partition("/")
            return fmpq(fmpz(numerator), fmpz(denominator or 1))
        if _DECIMAL_TEXT.match(text.strip()):
            mantissa, _, exponent = stripped.lower().partition("e")
            whole, _, decimals = mantissa.partition(".")
            return fmpq(fmpz(whole + decimals)) * fmpq(10) ** (int(exponent or 0) - len(decimals))
    except (ValueError, ZeroDivisionError) as error:
        raise InputError(f"expected a rational such as -3/8 or a decimal, not {text[:40]!r}") from error
    raise InputError(f"expected a rational such as -3/8 or a decimal, not {text[:40]!r}")


def to_fraction(value: fmpq) -> Fraction:
    """The same number as a standard-library Fraction."""
    return Fraction(int(value.p), int(value.q))


def to_text(value: fmpq) -> str:
    """`p` or `p/q` in lowest terms, as the exact file format stores it."""
    try:
        numerator, denominator = int(value.p), int(value.q)
        return f"{numerator}/{denominator}" if denominator != 1 else f"{numerator}"
    except ValueError:  # Python's own digits are faster than FLINT's, but it writes no more than some thousands
        return str(value)


def to_float(value: fmpq) -> float:
    """The nearest float64 (ties to even).

    Raises:
        InputError: the value lies outside the range of float64.
    """
    try:
        return int(value.p) / int(value.q)
    except OverflowError as error:
        raise InputError("a value is too large for float64") from error


def to_mpf(value: fmpq, bits: int) -> mpmath.mpf:
    """The mpf nearest to `value` at `bits` bits (ties to even)."""
    raw = mpmath.libmp.from_rational(int(value.p), int(value.q), bits, "n")
    return mpmath.mp.make_mpf(raw)


def round_to_bits(value: fmpq, bits: int) -> fmpq:
    """`value` rounded to a mantissa of `bits` bits (ties to even): the relative error is at most 2^-bits."""
    return _from_mpf(to_mpf(value, bits))


def sign(value: fmpq | fmpz) -> int:
    """-1, 0 or +1, exactly."""
    return (value > 0) - (value < 0)


def common_denominator(values: Iterable[fmpq]) -> fmpz:
    """The least common multiple of the denominators (1 for no values)."""
    result = fmpz(1)
    for value in values:
        if result % value.q != 0:
            result = result.lcm(value.q)
    return result


def primitive(values: Sequence[fmpq]) -> tuple[fmpq, ...]:
    """The positive multiple of a vector whose entries are integers with greatest common divisor 1.

    A vector of zeros comes back unchanged. Two vectors are positive multiples of each other exactly when
    their primitive forms are equal.
    """
    numerators = fmpq_mat(1, len(values), list(values)).numer_denom()[0].entries()
    divisor = fmpz(0)
    for number in numerators:
        divisor = divisor.gcd(number)
        if divisor == 1:
            break
    if divisor == 0:
        return tuple(values)
    return tuple(fmpq(number // divisor) for number in numerators)


@dataclass(frozen=True)
class Batch:
    """A batch of points or outputs over one common denominator, so that FLINT multiplies integers only."""

    numerators: fmpz_mat  # shape (points, width)
    denominator: fmpz  # positive

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[RationalLike]]) -> Batch:
        """A batch from rows of numbers, each converted exactly.

        Raises:
            InputError: a row is ragged or holds something that is not a finite number.
        """
        exact = [[rational(value) for value in row] for row in rows]
        width = len(exact[0]) if exact else 0
        if any(len(row) != width for row in exact):
            raise InputError("expected rows of one length")
        return cls(*fmpq_mat(len(exact), width, [value for row in exact for value in row]).numer_denom())

    @property
    def size(self) -> int:
        """The number of points."""
        return int(self.numerators.nrows())

    @property
    def width(self) -> int:
        """The number of coordinates of a point."""
        return int(self.numerators.ncols())

    def rows(self) -> list[list[fmpq]]:
        """The points as lists of rationals, in lowest terms."""
        rows: list[list[fmpq]] = (fmpq_mat(self.numerators) / self.denominator).tolist()
        return rows


class SliceBatch(Batch):
    """A batch whose coordinates are 0 outside a few columns; the whole matrix is built only where it is asked for."""

    def __init__(self, inside: fmpz_mat, denominator: fmpz, columns: tuple[int, ...], width: int) -> None:
        """From the numerators in the columns, shape (points, columns), and the number of all coordinates."""
        object.__setattr__(self, "inside", inside)
        object.__setattr__(self, "denominator", denominator)
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "_width", width)

    inside: fmpz_mat
    columns: tuple[int, ...]
    _width: int

    @cached_property
    def numerators(self) -> fmpz_mat:
        """Shape (points, width)."""
        whole = fmpz_mat(self.size, self.width)
        for row, values in enumerate(self.inside.tolist()):
            for column, value in zip(self.columns, values, strict=True):
                whole[row, column] = value
        return whole

    @property
    def size(self) -> int:
        """The number of points."""
        return int(self.inside.nrows())

    @property
    def width(self) -> int:
        """The number of coordinates of a point."""
        return self._width
