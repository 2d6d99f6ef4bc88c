"""Work on many items in this process, in several, or on a cluster: one interface, the same results.

Every worker calls `start()` once, which gives the function that works on items; a result depends on its item alone.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from precise.errors import InputError, OracleError

DEATHS = 3  # of worker processes while they work on the same items, before the run ends

Work = Callable[[Any], Any]


@dataclass(frozen=True)
class Workers:
    """Where the work is done."""

    jobs: int = 1  # processes on this machine
    scheduler: str | None = None  # of a Dask cluster, such as tcp://10.0.0.1:8786, instead of processes here

    @property
    def here(self) -> bool:
        """Is it done in this very process?"""
        return self.jobs == 1 and self.scheduler is None


@dataclass(frozen=True)
class Done:
    """In place of an item: its result, which is there already."""

    result: Any


class Crew(Protocol):
    """What works on items."""

    def __call__(self, items: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """(position of the item, result), as they are finished."""

    def in_order(
        self, items: Iterable[Any], ahead: Callable[[], int], finished: Callable[[Any, Any], None]
    ) -> Iterator[Any]:
        """Results in the order of the items, which are asked for as late as `ahead` allows.

        An item is taken from `items` when less than `ahead()` others are begun or finished without their result
        having been handed out; so what it is may depend on the results before those, and on nothing else.

        Args:
            items: what to work on; a `Done` is handed out as it is.
            ahead: how many are under way at a time, at least 1.
            finished: is called with (item, result) once it is there, in the order in which they are finished.
        """


@contextmanager
def working(start: Callable[[], Work], workers: Workers) -> Iterator[Crew]:
    """Workers for many items.

    Processes are forked, so that `start` may be anything; for a cluster it is pickled.

    Raises:
        InputError: there is no such scheduler, or Dask is not installed.
    """
    if workers.scheduler is not None:
        with _cluster(start, workers.scheduler) as (executor, work):
            yield _Several(lambda item: executor.submit(work, item))
    elif workers.here:
        yield _Here(start())
    else:
        processes = _Processes(start, workers.jobs)
        try:
            yield _Several(processes.submit, processes.replace)
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


class _Here:
    """This process: items are worked on when their results are wanted."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def __call__(self, items: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        return ((number, self._work(item)) for number, item in enumerate(items))

    def in_order(
        self, items: Iterable[Any], ahead: Callable[[], int], finished: Callable[[Any, Any], None]
    ) -> Iterator[Any]:
        source, begun = iter(items), deque[Any]()
        while _filled(begun, source, ahead()):
            item = begun.popleft()
            if isinstance(item, Done):
                yield item.result
                continue
            result = self._work(item)
            finished(item, result)
            yield result


def _filled(begun: deque[Any], source: Iterator[Any], ahead: int) -> bool:
    """Take items until there are enough; false if there are none."""
    while len(begun) < max(ahead, 1):
        try:
            begun.append(next(source))
        except StopIteration:
            break
    return bool(begun)


@dataclass(eq=False)
class _Item:
    """An item that others work on, and what came of it."""

    item: Any
    future: Future[Any] | None  # None when it is finished
    result: Any = None
    error: BaseException | None = None

    def handed_out(self) -> Any:
        """The result, or the error that ended the work."""
        if self.error is not None:
            raise self.error
        return self.result


class _Several:
    """Other processes, here or elsewhere."""

    def __init__(self, submit: Callable[[Any], Future[Any]], replace: Callable[[], None] | None = None) -> None:
        self._submit, self._replace = submit, replace

    def __call__(self, items: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        begun = dict(enumerate(map(self._begun, items)))
        deaths = 0
        while begun:
            deaths += self._died(begun.values(), deaths)
            for number in [number for number, item in begun.items() if item.future is None]:
                yield number, begun.pop(number).handed_out()

    def in_order(
        self, items: Iterable[Any], ahead: Callable[[], int], finished: Callable[[Any, Any], None]
    ) -> Iterator[Any]:
        source, begun = map(self._begun, items), deque[_Item]()
        while _filled(begun, source, ahead()):
            deaths = 0
            while begun[0].future is not None:
                waiting = [item for item in begun if item.future is not None]
                deaths += self._died(waiting, deaths)
                for item in waiting:
                    if item.future is None and item.error is None:
                        finished(item.item, item.result)
            yield begun.popleft().handed_out()

    def _begun(self, item: Any) -> _Item:
        return _Item(item, None, item.result) if isinstance(item, Done) else _Item(item, self._submitted(item))

    def _submitted(self, item: Any) -> Future[Any]:
        try:
            return self._submit(item)
        except BrokenProcessPool as broken:  # it shows when the result is wanted, as it does for the others
            failed: Future[Any] = Future()
            failed.set_exception(broken)
            return failed

    def _died(self, items: Collection[_Item], deaths: int) -> bool:
        """Wait until some of these items are finished; true if workers died instead, and others are at it now."""
        left = [item for item in items if item.future is not None]
        done = wait([item.future for item in left if item.future], return_when=FIRST_COMPLETED).done
        for item in left:
            if item.future in done and not isinstance(error := item.future.exception(), BrokenProcessPool):
                item.result, item.error = None if error else item.future.result(), error
                item.future = None
        if any(item.future is None for item in left):
            return False
        if self._replace is None or deaths + 1 == DEATHS:
            raise OracleError(f"worker processes died {DEATHS} times at the same work; try fewer jobs, or more memory")
        self._replace()
        for item in left:
            item.future = self._submitted(item.item)
        return True


class _Processes:
    """Forked processes; those that die are replaced, and what they worked on is done again."""

    def __init__(self, start: Callable[[], Work], jobs: int) -> None:
        self._start, self._jobs = start, jobs
        self.pool = self._forked()

    def _forked(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("fork")
        return ProcessPoolExecutor(self._jobs, context, initializer=_begin, initargs=(self._start,))

    def submit(self, item: Any) -> Future[Any]:
        return self.pool.submit(_go_on, item)

    def replace(self) -> None:
        self.pool.shutdown(cancel_futures=True)
        self.pool = self._forked()


_work: Work | None = None  # one a worker process


def _begin(start: Callable[[], Work]) -> None:
    global _work
    _work = start()


def _go_on(item: Any) -> Any:
    assert _work is not None
    return _work(item)
