"""Workers end with the process that started them, also when that is killed and can tell them nothing."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.connection import wait
from threading import Thread

ORPHANED = 1  # exit status


def end_with_parent() -> None:
    """Leave this process as soon as its parent is gone; nothing happens in a process that no other one began.

    A worker inherits what its older brothers watch, and they notice once it has left.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        Thread(target=_watch, args=(parent.sentinel,), daemon=True).start()


def _watch(sentinel: int) -> None:
    wait([sentinel])
    os._exit(ORPHANED)
