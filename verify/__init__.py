"""Proof that two ReLU networks are the same function, or a point where they are not."""

TYPE_CHECKING = False  # to a type checker it is true; the real one takes time to import

if TYPE_CHECKING:
    from verify.verdict import Outcome, Verdict, Witness

__all__ = ["Outcome", "Verdict", "Witness"]


def __getattr__(name: str) -> object:
    """What takes time to import, when it is asked for: a command answers to Ctrl-C before."""
    if name in __all__:
        from verify import verdict

        return getattr(verdict, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
