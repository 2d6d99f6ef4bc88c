"""The entry point of `verify`."""

from __future__ import annotations

from collections.abc import Callable

from precise.start import start


def main() -> None:
    """Run the command and end the process."""
    start("verify", _load)


def _load() -> Callable[[], None]:
    from verify.cli import main as run

    return run


if __name__ == "__main__":
    main()
