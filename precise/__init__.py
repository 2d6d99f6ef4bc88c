"""Exact extraction of ReLU networks from queries alone."""

from precise.errors import BudgetExceeded, InputError, OracleError, PreciseError, PrecisionError

TYPE_CHECKING = False  # to a type checker it is true; the real one takes time to import

if TYPE_CHECKING:
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


def __getattr__(name: str) -> object:
    """What takes time to import, when it is asked for: a command answers to Ctrl-C before."""
    if name in ("Layer", "Network"):
        from precise import network

        return getattr(network, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
