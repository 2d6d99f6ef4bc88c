"""Following candidates in this process or in several, with the same outcomes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from precise.layers.hidden_layer import Follow, Follower, Outcome, Task
from precise.regions.probe import Probe

_follower: Follower | None = None  # one a worker process


@contextmanager
def following(probe: Probe, jobs: int) -> Iterator[Follow]:
    """A function that follows candidates, in `jobs` processes when there is more than one.

    Workers are forked, so that they inherit the oracle whatever it is; what they ask is added to this one's counter.
    """
    if jobs == 1:
        follower = Follower(probe)
        yield lambda tasks: [follower(task) for task in tasks]
        return
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(jobs, context, initializer=_start, initargs=(probe,)) as pool:

        def follow(tasks: Sequence[Task]) -> list[Outcome]:
            outcomes = list(pool.map(_work, tasks))
            probe.oracle.queries += sum(outcome.queries for outcome in outcomes)
            return outcomes

        yield follow


def _start(probe: Probe) -> None:
    global _follower
    _follower = Follower(probe)


def _work(task: Task) -> Outcome:
    assert _follower is not None
    return _follower(task)
