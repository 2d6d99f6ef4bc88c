"""Everything that `verify` raises on purpose; each message is one sentence for the user."""

from precise.errors import InputError


class VerifyError(Exception):
    """Base of the errors that only this package raises."""


__all__ = ["InputError", "VerifyError"]
