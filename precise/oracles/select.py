"""Oracles by their name on the command line."""

from __future__ import annotations

import re

from precise.errors import InputError
from precise.network import Network
from precise.oracle import ExactOracle, RoundedOracle
from precise.oracles.decimal import MOST_DECIMALS, DecimalOracle
from precise.oracles.formats import FORMATS
from precise.oracles.hardware import SUMMATIONS, HardwareOracle

PRECISIONS = "exact, bits:P, decimals:D, float16, bfloat16, float32 or float64 (with :sequential or :pairwise)"
MOST_BITS = 1_000_000


def oracle_of(network: Network, precision: str, budget: int | None = None) -> ExactOracle | RoundedOracle:
    """The oracle that evaluates a network with a named precision.

    Raises:
        InputError: there is no such precision.
    """
    if precision == "exact":
        return ExactOracle(network, budget)
    kind, _, detail = precision.partition(":")
    if kind in FORMATS and (detail or "blas") in SUMMATIONS:
        return HardwareOracle(network, kind, detail or "blas", budget)
    if kind in ("bits", "decimals") and re.fullmatch(r"[0-9]{1,7}", detail):
        if kind == "bits" and 2 <= int(detail) <= MOST_BITS:
            return RoundedOracle(network, int(detail), budget)
        if kind == "decimals" and int(detail) <= MOST_DECIMALS:
            return DecimalOracle(network, int(detail), budget)
    raise InputError(f"oracle precision {precision!r}: expected {PRECISIONS}")
