"""A row known as ratios to its largest weight, on the scale on which its entries are short floats.

A ratio of two float32 numbers has 48 bits, more than answers in float64 give. But all ratios of a row share their
denominator: of the 2^23 mantissas only one turns them all into numbers of 24 bits.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from flint import fmpq

from precise.arithmetic import rational
from verify.diagnosis.black_box.answers import Floats
from verify.diagnosis.black_box.parameter_fit import Fit

MANTISSA = 24  # bits of the weights that a row is supposed to have, in search of its scale
TOO_COARSE = 2.0**-4  # of an integer: a ratio that is known no better tells nothing
SHARES = (2.0**-8, 2.0**-5, 2.0**-2, 1.0)  # of a radius
ENOUGH_CHOICE = 3  # mantissas that fit: more are no evidence


def exact_rows(values: Floats, pivot: int, found: Fit) -> Iterator[list[fmpq]]:
    """The row as ratios of float32 numbers, if it may be one, on the scale of such a row; then as it is.

    Radii add up the largest errors; errors of many answers nearly cancel, so smaller ones are tried first. What is
    right is for exact arithmetic to say.
    """
    radius = float(np.insert(found.radius[: len(values) - 1], pivot, 0.0).max())
    for share in SHARES:
        mantissa = common_mantissa(np.delete(values, pivot), share * radius)
        if mantissa is not None:
            sign = 1 if values[pivot] > 0 else -1
            row = [_on_grid(value, mantissa) for value in values.tolist()]
            yield [*row[:pivot], fmpq(sign * mantissa, 1 << MANTISSA), *row[pivot + 1 :]]
    yield list(map(rational, values.tolist()))


def common_mantissa(ratios: Floats, radius: float) -> int | None:
    """The mantissa q of a float32 number of which all of these are float32 multiples p / q 2^e; None: there is none.

    One ratio to 2^-44 leaves a few q; each further one is a multiple of 1/q for a wrong q with a chance of 2^-19.
    """
    odd = np.arange(1 << (MANTISSA - 1), 1 << MANTISSA, dtype=np.float64)
    for ratio in sorted((r for r in ratios if abs(r) > 2 * radius), key=lambda r: -abs(r)):
        scaled = odd * abs(ratio) / 2.0 ** np.floor(np.log2(abs(ratio)))  # in [2^23, 2^25): p of 24 or 25 bits
        allowed = 2.0 ** (MANTISSA + 1) * max(radius / abs(ratio), 2.0**-52)
        if allowed > TOO_COARSE:
            continue
        half = np.where(scaled >= 2.0**MANTISSA, scaled / 2, scaled)
        odd = odd[np.abs(half - np.rint(half)) <= allowed]
        if not len(odd):
            return None
    return int(odd[0]) if 0 < len(odd) < ENOUGH_CHOICE else None


def _on_grid(value: float, mantissa: int) -> fmpq:
    """The multiple p / q 2^e of the pivot's mantissa q that is next to a value, times q."""
    if not value:
        return fmpq(0)
    scaled = rational(value) * mantissa
    size = abs(scaled)
    exponent = int(size.p).bit_length() - int(size.q).bit_length()
    exponent -= size < fmpq(2) ** exponent
    unit = fmpq(2) ** (exponent - MANTISSA + 1)
    return fmpq((scaled / unit + fmpq(1, 2)).floor()) * unit / (1 << MANTISSA)
