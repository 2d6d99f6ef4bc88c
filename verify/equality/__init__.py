"""The same function everywhere: proof by canonical form, or an exact witness against it."""

from verify.equality.structural import prove_equal

__all__ = ["prove_equal"]
