"""Proof that two ReLU networks are the same function, or a point where they are not."""

from verify.verdict import Outcome, Verdict, Witness

__all__ = ["Outcome", "Verdict", "Witness"]
