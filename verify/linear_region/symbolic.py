"""The affine functions of a region as SymPy formulas: exact ones to compute with, short ones to read."""

from __future__ import annotations

from collections.abc import Sequence

import sympy
from flint import fmpq

from precise.arithmetic import to_text
from verify.linear_region.region import HalfSpace, Region

SHORT = 8  # characters of a number that is shown exactly
DIGITS = 6  # of a number that is not


def symbols(inputs: int) -> list[sympy.Symbol]:
    """x1, x2, ..., real."""
    return [sympy.Symbol(f"x{number}", real=True) for number in range(1, inputs + 1)]


def output_formulas(region: Region) -> list[sympy.Expr]:
    """The outputs on the region as exact expressions in x1, x2, ..."""
    return [expression(row) for row in region.outputs]


def inequalities(region: Region) -> list[sympy.Rel]:
    """The half-spaces that bound the region, exactly: expression >= 0 or expression <= 0."""
    return [inequality(space, expression(space.row)) for space in region.bounding]


def expression(row: Sequence[fmpq]) -> sympy.Expr:
    """(constant, weights ...) as an exact expression in x1, x2, ..."""
    terms = [number(w) * x for w, x in zip(row[1:], symbols(len(row) - 1), strict=True) if w]
    return sympy.Add(number(row[0]), *terms)


def inequality(space: HalfSpace, left: sympy.Expr) -> sympy.Rel:
    """`left`, some form of the half-space's row, with the relation that holds in the region."""
    relation = sympy.Ge if space.active else sympy.Le
    return relation(left, 0, evaluate=False)


def number(value: fmpq) -> sympy.Rational:
    """The exact SymPy number."""
    return sympy.Rational(int(value.p), int(value.q))


def readable(row: Sequence[fmpq], terms: int | None = None) -> str:
    """A formula for people: the largest terms in the inputs' order, then how many are left out, then the constant.

    Args:
        row: (constant, weights ...).
        terms: at most so many; None shows all of them.

    Long numbers are rounded to DIGITS digits and have a decimal point; short ones are exact and have none.
    """
    present = [n for n, value in enumerate(row) if n and value]
    shown = sorted(sorted(present, key=lambda n: -abs(row[n]))[:terms])
    names = symbols(len(row) - 1)
    left = len(present) - len(shown)
    parts = [about(row[n]) * names[n - 1] for n in shown]
    if left:
        parts.append(sympy.Symbol(f"({left} smaller terms)"))
    if row[0] or not parts:
        parts.append(about(row[0]))
    return str(sympy.sstr(sympy.Add(*parts, evaluate=False), order="none"))


def about(value: fmpq) -> sympy.Rational | sympy.Float:
    """The number exactly if it is short, else rounded to DIGITS digits."""
    if value.p.bit_length() + value.q.bit_length() <= 4 * SHORT and len(to_text(value)) <= SHORT:
        return number(value)
    return number(value).evalf(DIGITS)
