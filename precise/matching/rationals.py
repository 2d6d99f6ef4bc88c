"""Exact ratios of floating-point weights, certified by the radius.

Suppose that a row's entries are floats with mantissas of B bits. An entry divided by the reference entry is 2^k p / q
with p, q < 2^B. Scale it by a power of two into [1/2, 2): two different such numbers there, p/q 2^k and p'/q' 2^k'
with full mantissas 2^(B-1) <= p, q < 2^B and |k| <= 1, differ by at least 1 / (2 q q') > 2^-(2B+1). So a ball of
radius below 2^-(2B+2) holds one of them at most. The fraction with the least denominator in the ball is found by the
Stern-Brocot walk; if its odd parts have at most B bits, it is the only candidate, and the entry is this number *if*
the supposition holds. Otherwise the supposition is refuted, or the radius too large: the entry stays a ball.

A row of layer k is written for normalised neurons below, whose factors are floats of layer 1, products of two floats
of layers 1 and 2, and so on: B is k times the mantissa of the weights.
"""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb, fmpq, fmpz

from precise.rounding.balls import Ball, surely_not_zero

MANTISSAS = (24, 53)  # float32 and float64 targets


def exact_row(entries: Sequence[Ball], bits: int) -> list[fmpq] | None:
    """The entries as rationals with mantissas of `bits` bits above and below; None unless every one is certified."""
    found = [ratio(entry, bits) for entry in entries]
    exact = [value for value in found if value is not None]
    return exact if len(exact) == len(found) else None


def ratio(entry: Ball, bits: int) -> fmpq | None:
    """The only quotient of two floats of `bits` bits in a ball, or None."""
    if not surely_not_zero(entry):
        return fmpq(0) if entry.is_zero() else None
    exponent = _exponent(entry)
    scaled = entry * arb(2) ** -exponent
    if not scaled.rad() < arb(2) ** -(2 * bits + 2):
        return None
    value = simplest(scaled.lower().fmpq(), scaled.upper().fmpq())
    if max(_odd_bits(value.p), _odd_bits(value.q)) > bits:
        return None
    return value * fmpq(2) ** exponent


def _exponent(entry: Ball) -> int:
    """The power of two next below the midpoint's size."""
    mantissa, power = entry.mid().man_exp()
    return int(power) + abs(int(mantissa)).bit_length() - 1


def _odd_bits(number: fmpz) -> int:
    value = abs(int(number))
    return (value // (value & -value)).bit_length() if value else 0


def simplest(low: fmpq, high: fmpq) -> fmpq:
    """The rational of least denominator in a closed interval that does not hold 0."""
    if high < 0:
        return -simplest(-high, -low)
    terms = []
    while True:
        whole = low.floor()
        if fmpq(whole) == low or whole < high.floor():
            terms.append(whole if fmpq(whole) == low else whole + 1)
            break
        terms.append(whole)
        low, high = 1 / (high - whole), 1 / (low - whole)
    value = fmpq(terms[-1])
    for term in reversed(terms[:-1]):
        value = term + 1 / value
    return value
