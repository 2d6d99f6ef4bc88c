"""The independent checker of certificates: FLINT's rationals, no solver, nothing of the engine.

These short modules are all that has to be trusted: `joint` (two networks as one), `block` (one pair of
neurons), `weak_duality` (bounds from multipliers), `check` (claims and trees), `encoding` (numbers).
"""

from verify.checker.check import Proved, Refused, check, evaluate

__all__ = ["Proved", "Refused", "check", "evaluate"]
