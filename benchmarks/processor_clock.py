"""A clock for limits of time that counts this process's processor time: on a shared machine nothing else spends it.

Searches stop by the clock of the wall; where others take turns on the same cores, what they get done until then
is chance. With this clock a limit of so many seconds means so many of a processor, with one process.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import process_time
from unittest.mock import patch


@contextmanager
def processor_clock() -> Iterator[None]:
    """Let every limit that this process keeps by `time.monotonic` count processor seconds.

    The limits of solvers that read the clock themselves (one linear program of HiGHS, one question to Z3) stay
    limits of elapsed time, which can only end them earlier.
    """
    with patch("time.monotonic", process_time), patch("precise.executors.monotonic", process_time):
        yield
