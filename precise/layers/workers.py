"""Following candidates in this process, in several or on a cluster, with the same outcomes; finished ones are kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b

from precise.equations.partial_rows import PartialRow
from precise.executors import Done, Workers, working
from precise.journal.codec import Codec
from precise.journal.file import Journal
from precise.journal.oracle import KEY_BYTES, JournaledOracle
from precise.layers.candidate import Assembled, Follower, Outcome, Task, Unfinished
from precise.layers.hidden_layer import Follow
from precise.oracle import Oracle
from precise.regions.critical_points import CriticalPoint
from precise.regions.local_map import Row
from precise.regions.probe import Calibration, Probe


@dataclass(frozen=True)
class Followed:
    """What a worker hands back."""

    outcome: Outcome
    longest_bits: int  # fractional bits of the longest coordinate that it asked


_CODEC = Codec(Assembled, Calibration, CriticalPoint, Followed, Outcome, PartialRow, Row, Task, Unfinished)


@contextmanager
def following(probe: Probe, workers: Workers) -> Iterator[Follow]:
    """A function that follows candidates; what other processes ask is added to this one's counter.

    With a `JournaledOracle`, a task that was finished in an earlier run is not done again.
    """
    journal = probe.oracle.journal if isinstance(probe.oracle, JournaledOracle) else None
    with working(partial(_worker, probe.oracle, probe.coordinates, probe.choice), workers) as crew:

        def keep(task: Task, followed: Followed) -> None:
            if journal is not None:
                journal.keep_outcome(_key(task), _CODEC.text(followed))

        def follow(tasks: Iterable[Task | None], ahead: Callable[[], int]) -> Iterator[Outcome]:
            kept = _Kept(journal)
            source = map(kept.found, tasks)
            for followed in crew.in_order(lambda: next(source, None), ahead, keep):
                if not workers.here or kept.was(followed):
                    probe.oracle.queries += followed.outcome.queries
                probe.longest_bits = max(probe.longest_bits, followed.longest_bits)
                yield followed.outcome

        yield follow


class _Kept:
    """Outcomes that an earlier run has left in the journal."""

    def __init__(self, journal: Journal | None) -> None:
        self._journal = journal
        self._found: deque[Followed] = deque()

    def found(self, task: Task | None) -> Task | Done | None:
        """The task, or its outcome."""
        if task is None or self._journal is None or (text := self._journal.outcome(_key(task))) is None:
            return task
        try:
            followed = _CODEC.value(text)
            if not isinstance(followed, Followed) or not isinstance(followed.outcome, Outcome):
                raise TypeError("not an outcome")
            self._found.append(followed)
            return Done(followed)
        except (ValueError, AttributeError, TypeError) as error:
            raise self._journal.unreadable() from error

    def was(self, followed: Followed) -> bool:
        """Is the one that is handed out one of them? They come in order."""
        return bool(self._found) and self._found[0] is followed and self._found.popleft() is followed


def _key(task: Task) -> bytes:
    return blake2b(_CODEC.text(task).encode(), digest_size=KEY_BYTES).digest()


def _worker(oracle: Oracle, coordinates: Sequence[int], choice: Sequence[int]) -> Callable[[Task], Followed]:
    """What follows tasks one after the other; what it learned about sizes from one does not reach the next."""
    probe = Probe(oracle, coordinates, choice)
    follower = Follower(probe)

    def work(task: Task) -> Followed:
        probe.forget()
        if not isinstance(oracle, JournaledOracle):
            return Followed(follower(task), probe.longest_bits)
        with oracle.within(_key(task)):
            return Followed(follower(task), probe.longest_bits)

    return work
