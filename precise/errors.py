"""Everything that `precise` raises on purpose; each message is one sentence for the user."""

INTERRUPTED = 130  # the exit status that Ctrl-C leaves


class PreciseError(Exception):
    """Base of all errors raised on purpose by this package."""


class InputError(PreciseError):
    """A file, an argument or a setting is not what it must be; the message names it."""


class OracleError(PreciseError):
    """The oracle failed or answered with something that is not a finite output of the declared width."""


class BudgetExceeded(PreciseError):
    """The next batch of queries would exceed the oracle's budget; nothing of that batch was asked."""


class PrecisionError(PreciseError):
    """The oracle's answers carry too few bits for an exact conclusion."""
