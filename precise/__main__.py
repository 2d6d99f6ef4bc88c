"""The entry point of `precise`."""

from __future__ import annotations

from collections.abc import Callable

from precise.start import start


def main() -> None:
    """Run the command and end the process."""
    start("precise", _load)


def _load() -> Callable[[], None]:
    from precise.cli import main as run

    return run


if __name__ == "__main__":
    main()
