"""Text from files and file names, made fit for a message on one line."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text on one line, with control characters and what cannot be encoded as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
