"""Limits of time in processor seconds: on a shared machine what is done within a limit of elapsed time is chance.

A search of ours gets a clock of its own; any other method a process that the system ends when its time is over.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import process_time
from typing import TypeVar
from unittest.mock import patch

PATIENCE = 20  # times the limit may pass by the clock of the wall, where others use the processor too
T = TypeVar("T")


@contextmanager
def processor_clock() -> Iterator[None]:
    """Let every limit that this process keeps by `time.monotonic` count processor seconds.

    The limits of solvers that read the clock themselves (one linear program of HiGHS, one question to Z3) stay
    limits of elapsed time, which can only end them earlier.
    """
    with patch("time.monotonic", process_time), patch("precise.executors.monotonic", process_time):
        yield


def within_processor_seconds(work: Callable[[], T], seconds: int) -> T | None:
    """What `work` gives in a process of its own, which may use so many seconds of a processor; None: it was ended.

    Each process that it starts may use as much.
    """
    context = multiprocessing.get_context("fork")  # `work` need not be pickled
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_limited, args=(work, seconds, sending))
    process.start()
    sending.close()
    try:
        return receiving.recv() if receiving.poll(PATIENCE * seconds) else None
    except EOFError:
        return None
    finally:
        process.kill()  # by now it has answered, or it is over its time
        process.join()


def _limited(work: Callable[[], object], seconds: int, sending: multiprocessing.connection.Connection) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    sending.send(work())
