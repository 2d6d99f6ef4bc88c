"""Work on many items in this process, in several, or on a cluster: one interface, the same results.

Every worker calls `start()` once, which gives the function that works on items; a result depends on its item alone.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from precise.errors import InputError, OracleError

DEATHS = 3  # of worker processes while they work on the same items, before the run ends

Work = Callable[[Any], Any]
Map = Callable[[Sequence[Any]], Iterator[tuple[int, Any]]]  # (position of the item, result), as they are finished


@dataclass(frozen=True)
class Workers:
    """Where the work is done."""

    jobs: int = 1  # processes on this machine
    scheduler: str | None = None  # of a Dask cluster, such as tcp://10.0.0.1:8786, instead of processes here

    @property
    def here(self) -> bool:
        """Is it done in this very process?"""
        return self.jobs == 1 and self.scheduler is None


@contextmanager
def working(start: Callable[[], Work], workers: Workers) -> Iterator[Map]:
    """A map over items; its results come in the order in which they are finished.

    Processes are forked, so that `start` may be anything; for a cluster it is pickled.

    Raises:
        InputError: there is no such scheduler, or Dask is not installed.
    """
    if workers.scheduler is not None:
        with _cluster(start, workers.scheduler) as (executor, work):
            yield lambda items: _completed(executor, work, items)
    elif workers.here:
        work = start()
        yield lambda items: ((number, work(item)) for number, item in enumerate(items))
    else:
        processes = _Processes(start, workers.jobs)
        try:
            yield processes.map
        finally:
            processes.pool.shutdown(cancel_futures=True)


@contextmanager
def _cluster(start: Callable[[], Work], scheduler: str) -> Iterator[tuple[Executor, Work]]:
    try:
        from precise.cluster import connected
    except ImportError as error:
        raise InputError(
            f"--scheduler {scheduler}: needs Dask: pip install 'precise-verify[cluster]' ({error})"
        ) from error
    with connected(start, scheduler) as found:
        yield found


def _completed(executor: Executor, work: Work, items: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    futures = {executor.submit(work, item): number for number, item in enumerate(items)}
    for future in as_completed(futures):
        yield futures[future], future.result()


class _Processes:
    """Forked processes; those that die are replaced, and what they worked on is done again."""

    def __init__(self, start: Callable[[], Work], jobs: int) -> None:
        self._start, self._jobs = start, jobs
        self.pool = self._forked()

    def _forked(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("fork")
        return ProcessPoolExecutor(self._jobs, context, initializer=_begin, initargs=(self._start,))

    def map(self, items: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        waiting = dict(enumerate(items))
        for _ in range(DEATHS):
            numbers = list(waiting)
            try:
                for place, result in _completed(self.pool, _go_on, [waiting[number] for number in numbers]):
                    yield numbers[place], result
                    del waiting[numbers[place]]
                return
            except BrokenProcessPool:
                self.pool.shutdown(cancel_futures=True)
                self.pool = self._forked()
        raise OracleError(f"worker processes died {DEATHS} times at the same work; try fewer jobs, or more memory")


_work: Work | None = None  # one a worker process


def _begin(start: Callable[[], Work]) -> None:
    global _work
    _work = start()


def _go_on(item: Any) -> Any:
    assert _work is not None
    return _work(item)
