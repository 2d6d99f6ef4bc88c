"""The first step of the commands: from here on Ctrl-C is one sentence, while the rest is imported too.

Imports nothing that takes time.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

from precise.errors import INTERRUPTED


def start(name: str, load: Callable[[], Callable[[], None]]) -> None:
    """Load a command and run it; it ends the process.

    Args:
        name: of the command, in messages.
        load: imports what the command needs and gives what runs it.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda number, frame: _leave(name, number, frame))
    run = load()
    try:
        signal.signal(signal.SIGINT, before)
        try:
            run()
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the work is done, and leaving takes a moment
    except KeyboardInterrupt:  # also one that came just before they were ignored
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print(f"{name}: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


def _leave(name: str, _number: int, _frame: FrameType | None) -> None:
    # There is nothing to tidy up yet, and an exception would pass through imports that may do anything with it.
    os.write(2, f"{name}: interrupted\n".encode())
    os._exit(INTERRUPTED)
