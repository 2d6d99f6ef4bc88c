"""Exact extraction of ReLU networks from queries alone."""

from precise.errors import BudgetExceeded, InputError, OracleError, PreciseError, PrecisionError
from precise.network import Layer, Network

__all__ = [
    "BudgetExceeded",
    "InputError",
    "Layer",
    "Network",
    "OracleError",
    "PreciseError",
    "PrecisionError",
]
