"""The same function everywhere, or where what differs is silent: proof by exact weights, or a witness against it."""

from verify.equality.silence import prove_equal_where_silent, silent_domain
from verify.equality.structural import prove_equal

__all__ = ["prove_equal", "prove_equal_where_silent", "silent_domain"]
