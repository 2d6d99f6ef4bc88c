"""Work on many items in this process, in several, or on a cluster: one interface, the same results.

Every worker calls `start()` once, which gives the function that works on items; a result depends on its item alone.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Any, Protocol

from precise.errors import INTERRUPTED, InputError, OracleError
from precise.orphans import end_with_parent

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
        self,
        item: Callable[[], Any],
        ahead: Callable[[], int],
        finished: Callable[[Any, Any], None],
        until: float = inf,
    ) -> Iterator[Any]:
        """Results in the order of the items, which are asked for as late as `ahead` allows.

        An item is asked for when less than `ahead()` others are begun or finished without their result having been
        handed out; so what it is may depend on the results before those, and on nothing else.

        Args:
            item: the next one; None while there is none, until results that are still to come bring one. A `Done` is
                handed out as it is.
            ahead: how many are under way at a time, at least 1.
            finished: is called with (item, result) once it is there, in the order in which they are finished.
            until: when to stop waiting for results, on the clock of `time.monotonic`.
        """


@contextmanager
def working(start: Callable[[], Work], workers: Workers, fresh: bool = False) -> Iterator[Crew]:
    """Workers for many items.

    Processes are forked, so that `start` may be anything; for a cluster it is pickled.

    Args:
        start: gives the function that works on items, once in every worker.
        workers: where they are.
        fresh: processes begin anew instead, because libraries with threads of their own were in use here; `start` is
            pickled then too, and Ctrl-C is left to this process.

    Raises:
        InputError: there is no such scheduler, or Dask is not installed.
    """
    if workers.scheduler is not None:
        with _cluster(start, workers.scheduler) as (executor, work):
            yield _Several(lambda item: executor.submit(work, item))
    elif workers.here:
        yield _Here(start())
    else:
        processes = _Processes(start, workers.jobs, fresh)
        try:
            yield _Several(processes.submit, processes.replace)
        finally:
            processes.pool.shutdown(wait=not fresh, cancel_futures=True)


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
        self,
        item: Callable[[], Any],
        ahead: Callable[[], int],
        finished: Callable[[Any, Any], None],
        until: float = inf,
    ) -> Iterator[Any]:
        begun = deque[Any]()
        while _filled(begun, item, ahead()) and monotonic() < until:
            first = begun.popleft()
            if isinstance(first, Done):
                yield first.result
                continue
            result = self._work(first)
            finished(first, result)
            yield result


def _filled(begun: deque[Any], item: Callable[[], Any], ahead: int) -> bool:
    """Ask for items until there are enough; false if there are none."""
    while len(begun) < max(ahead, 1) and (found := item()) is not None:
        begun.append(found)
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
        begun = {number: _Item(item, self._submitted(item)) for number, item in enumerate(items)}
        deaths = 0
        while begun:
            deaths += self._died(begun.values(), deaths)
            for number in [number for number, item in begun.items() if item.future is None]:
                yield number, begun.pop(number).handed_out()

    def in_order(
        self,
        item: Callable[[], Any],
        ahead: Callable[[], int],
        finished: Callable[[Any, Any], None],
        until: float = inf,
    ) -> Iterator[Any]:
        begun = deque[_Item]()
        while _filled(begun, lambda: self._begun(item()), ahead()):
            deaths = 0
            while begun[0].future is not None:
                if monotonic() >= until:
                    return
                waiting = [other for other in begun if other.future is not None]
                deaths += self._died(waiting, deaths, until)
                for other in waiting:
                    if other.future is None and other.error is None:
                        finished(other.item, other.result)
            yield begun.popleft().handed_out()

    def _begun(self, item: Any) -> _Item | None:
        if item is None:
            return None
        return _Item(item, None, item.result) if isinstance(item, Done) else _Item(item, self._submitted(item))

    def _submitted(self, item: Any) -> Future[Any]:
        try:
            return self._submit(item)
        except BrokenProcessPool as broken:  # it shows when the result is wanted, as it does for the others
            failed: Future[Any] = Future()
            failed.set_exception(broken)
            return failed

    def _died(self, items: Collection[_Item], deaths: int, until: float = inf) -> bool:
        """Wait until some of these items are finished; true if workers died instead, and others are at it now."""
        left = [item for item in items if item.future is not None]
        timeout = None if until == inf else max(until - monotonic(), 0)
        done = wait([item.future for item in left if item.future], timeout, FIRST_COMPLETED).done
        for item in left:
            if item.future in done and not isinstance(error := item.future.exception(), BrokenProcessPool):
                item.result, item.error = None if error else item.future.result(), error
                item.future = None
        if not done or any(item.future is None for item in left):
            return False
        if self._replace is None or deaths + 1 == DEATHS:
            raise OracleError(f"worker processes died {DEATHS} times at the same work; try fewer jobs, or more memory")
        self._replace()
        for item in left:
            item.future = self._submitted(item.item)
        return True


class _Processes:
    """Forked processes; those that die are replaced, and what they worked on is done again."""

    def __init__(self, start: Callable[[], Work], jobs: int, fresh: bool) -> None:
        self._start, self._jobs, self._fresh = start, jobs, fresh
        self.pool = self._new()

    def _new(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn" if self._fresh else "fork")
        return ProcessPoolExecutor(self._jobs, context, initializer=_begin, initargs=(self._start, self._fresh))

    def submit(self, item: Any) -> Future[Any]:
        return self.pool.submit(_go_on, item)

    def replace(self) -> None:
        self.pool.shutdown(cancel_futures=True)
        self.pool = self._new()


_work: Work | None = None  # one a worker process


def _begin(start: Callable[[], Work], deaf: bool) -> None:
    global _work
    # A terminal sends Ctrl-C to workers too: without a traceback they leave, or leave it to the starting process.
    signal.signal(signal.SIGINT, signal.SIG_IGN if deaf else lambda *_: os._exit(INTERRUPTED))
    end_with_parent()
    _work = start()


def _go_on(item: Any) -> Any:
    assert _work is not None
    return _work(item)
