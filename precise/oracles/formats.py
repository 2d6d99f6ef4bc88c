"""The floating-point formats of hardware, and how a framework rounds in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Format:
    """One format. Half-width formats are added up in float32 and rounded once a dot product, as frameworks do."""

    name: str
    bits: int  # of the mantissa, the leading one included: the unit roundoff is 2^-bits
    accumulator: type[np.floating]  # numpy's type that products are added in
    accumulator_bits: int
    tiny: float  # an upper bound of the absolute error of one operation that underflows, flushing to 0 included
    stored_tiny: float  # the same for the rounding from the accumulator to the format

    def store(self, values: Array) -> Array:
        """The values rounded to the format, to nearest, ties to even; in an array of the accumulator's type."""
        if self.name == "bfloat16":
            return _bfloat16(values.astype(np.float32))
        kind = np.float16 if self.name == "float16" else self.accumulator
        with np.errstate(over="ignore"):
            return values.astype(kind).astype(self.accumulator)


def _bfloat16(values: NDArray[np.float32]) -> Array:
    """Round float32 to its upper 16 bits; what is not finite stays so."""
    raw = values.view(np.uint32)
    even = ((raw >> 16) & 1) + np.uint32(0x7FFF)
    rounded = ((raw + even) & np.uint32(0xFFFF0000)).view(np.float32)
    return np.where(np.isfinite(values), rounded, values)


FORMATS = {
    f.name: f
    for f in (
        Format("float16", 11, np.float32, 24, 2.0**-126, 2.0**-25),
        Format("bfloat16", 8, np.float32, 24, 2.0**-126, 2.0**-126),
        Format("float32", 24, np.float32, 24, 2.0**-126, 2.0**-126),
        Format("float64", 53, np.float64, 53, 2.0**-1022, 2.0**-1022),
    )
}
