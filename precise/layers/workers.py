"""Following candidates in this process, in several or on a cluster, with the same outcomes; finished ones are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b

from precise.equations.partial_rows import PartialRow
from precise.executors import Map, Workers, working
from precise.journal.codec import Codec
from precise.journal.file import Journal
from precise.journal.oracle import KEY_BYTES, JournaledOracle
from precise.layers.hidden_layer import Assembled, Follow, Follower, Outcome, Task, Unfinished
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
    with working(partial(_worker, probe.oracle, probe.coordinates, probe.choice), workers) as map_tasks:

        def follow(tasks: Sequence[Task]) -> list[Outcome]:
            found = _kept(journal, tasks, probe.oracle)
            left = [number for number in range(len(tasks)) if number not in found]
            for number, followed in _followed(map_tasks, tasks, left, journal):
                found[number] = followed
                if not workers.here:
                    probe.oracle.queries += followed.outcome.queries
            probe.longest_bits = max([probe.longest_bits, *(followed.longest_bits for followed in found.values())])
            return [found[number].outcome for number in range(len(tasks))]

        yield follow


def _kept(journal: Journal | None, tasks: Sequence[Task], oracle: Oracle) -> dict[int, Followed]:
    """Outcomes in the journal, by position."""
    found: dict[int, Followed] = {}
    if journal is None:
        return found
    for number, task in enumerate(tasks):
        text = journal.outcome(_key(task))
        if text is None:
            continue
        try:
            found[number] = _CODEC.value(text)
            oracle.queries += found[number].outcome.queries
        except (ValueError, AttributeError, TypeError) as error:
            raise journal.unreadable() from error
    return found


def _followed(
    map_tasks: Map, tasks: Sequence[Task], left: Sequence[int], journal: Journal | None
) -> Iterator[tuple[int, Followed]]:
    """The tasks that are left, each kept as soon as it is done."""
    for place, followed in map_tasks([tasks[number] for number in left]):
        number = left[place]
        if journal is not None:
            journal.keep_outcome(_key(tasks[number]), _CODEC.text(followed))
        yield number, followed


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
