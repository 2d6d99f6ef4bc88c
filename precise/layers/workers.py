"""What is done in this process, in several or on a cluster, with the same outcomes; finished work is kept.

It is following candidates, and reading slopes at points.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from hashlib import blake2b
from typing import cast

from precise.equations.partial_rows import PartialRow
from precise.executors import Crew, Done, Workers, working
from precise.journal.codec import Codec
from precise.journal.file import Journal
from precise.journal.oracle import KEY_BYTES, JournaledOracle
from precise.layers.candidate import Assembled, Follower, Outcome, Task, Unfinished
from precise.layers.columns import Reading, Slopes, read
from precise.oracle import Oracle
from precise.regions.critical_points import CriticalPoint
from precise.regions.local_map import Row
from precise.regions.probe import Calibration, Probe


@dataclass(frozen=True)
class Finished:
    """What a worker hands back."""

    outcome: Outcome | Slopes
    longest_bits: int  # fractional bits of the longest coordinate that it asked


_CODEC = Codec(
    Assembled, Calibration, CriticalPoint, Finished, Outcome, PartialRow, Reading, Row, Slopes, Task, Unfinished
)


class Shared:
    """Work that is handed out; what other processes ask is added to the oracle's counter of this one."""

    def __init__(self, probe: Probe, here: bool, crew: Crew, journal: Journal | None) -> None:
        self._probe = probe
        self._here = here
        self._crew = crew
        self._journal = journal

    def follow(self, tasks: Iterable[Task | None], ahead: Callable[[], int]) -> Iterator[Outcome]:
        """See `precise.layers.hidden_layer.Follow`."""
        return cast(Iterator[Outcome], self._outcomes(tasks, ahead))

    def read(self, readings: Sequence[Reading]) -> Iterator[Slopes]:
        """See `precise.layers.expansion.Read`."""
        return cast(Iterator[Slopes], self._outcomes(readings, lambda: len(readings)))

    def _outcomes(self, tasks: Iterable[Task | Reading | None], ahead: Callable[[], int]) -> Iterator[Outcome | Slopes]:
        kept = _Kept(self._journal)
        source = map(kept.found, tasks)
        for finished in self._crew.in_order(lambda: next(source, None), ahead, self._keep):
            if not self._here or kept.was(finished):
                self._probe.oracle.queries += finished.outcome.queries
            self._probe.longest_bits = max(self._probe.longest_bits, finished.longest_bits)
            yield finished.outcome

    def _keep(self, task: Task | Reading, finished: Finished) -> None:
        if self._journal is not None:
            self._journal.keep_outcome(_key(task), _CODEC.text(finished))


@contextmanager
def shared(probe: Probe, workers: Workers) -> Iterator[Shared]:
    """Workers that follow candidates and read slopes.

    With a `JournaledOracle`, what was finished in an earlier run is not done again.
    """
    journal = probe.oracle.journal if isinstance(probe.oracle, JournaledOracle) else None
    with working(partial(_worker, probe.oracle, probe.coordinates, probe.choice), workers) as crew:
        yield Shared(probe, workers.here, crew, journal)


class _Kept:
    """Outcomes that an earlier run has left in the journal."""

    def __init__(self, journal: Journal | None) -> None:
        self._journal = journal
        self._found: deque[Finished] = deque()

    def found(self, task: Task | Reading | None) -> Task | Reading | Done | None:
        """The task, or its outcome."""
        if task is None or self._journal is None or (text := self._journal.outcome(_key(task))) is None:
            return task
        try:
            finished = _CODEC.value(text)
            wanted = Outcome if isinstance(task, Task) else Slopes
            if not isinstance(finished, Finished) or not isinstance(finished.outcome, wanted):
                raise TypeError("not an outcome")
            self._found.append(finished)
            return Done(finished)
        except (ValueError, AttributeError, TypeError) as error:
            raise self._journal.unreadable() from error

    def was(self, finished: Finished) -> bool:
        """Is the one that is handed out one of them? They come in order."""
        return bool(self._found) and self._found[0] is finished and self._found.popleft() is finished


def _key(task: Task | Reading) -> bytes:
    known = _known_key(task.known) if isinstance(task, Task) else b""
    rest = replace(task, known=()) if isinstance(task, Task) else task
    return blake2b(known + _CODEC.text(rest).encode(), digest_size=KEY_BYTES).digest()


@lru_cache(maxsize=2)  # one after the other, the same for many tasks and far longer than all the rest of them
def _known_key(known: tuple[tuple[Row, ...], ...]) -> bytes:
    return blake2b(_CODEC.text(known).encode(), digest_size=KEY_BYTES).digest()


def _worker(oracle: Oracle, coordinates: Sequence[int], choice: Sequence[int]) -> Callable[[Task | Reading], Finished]:
    """What works on one after the other; what it learned about sizes from one does not reach the next."""
    probe = Probe(oracle, coordinates, choice)
    follower = Follower(probe)

    def outcome(task: Task | Reading) -> Outcome | Slopes:
        return follower(task) if isinstance(task, Task) else read(probe, task)

    def work(task: Task | Reading) -> Finished:
        probe.forget()
        if not isinstance(oracle, JournaledOracle):
            return Finished(outcome(task), probe.longest_bits)
        with oracle.within(_key(task)):
            return Finished(outcome(task), probe.longest_bits)

    return work
