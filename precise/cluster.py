"""A Dask cluster as a `concurrent.futures` executor. Imported only where a scheduler is named.

Workers need this package, of the same version, and whatever module a user's oracle function is from.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import Any
from uuid import uuid4

from distributed import Client, WorkerPlugin

from precise.errors import InputError, PreciseError

CONNECT_SECONDS = 10
RETRIES = 3  # of an item whose worker died

_works: dict[str, tuple[Callable[[Any], Any], Lock]] = {}  # by run; in a worker process


class _Begin(WorkerPlugin):  # type: ignore[misc]
    """Starts a run in every worker, those that join later too."""

    def __init__(self, run: str, start: Callable[[], Callable[[Any], Any]]) -> None:
        self.name = f"precise-{run}"
        self._run, self._start = run, start

    def setup(self, worker: object) -> None:
        _works[self._run] = self._start(), Lock()

    def teardown(self, worker: object) -> None:
        _works.pop(self._run, None)


def _go_on(run: str, item: Any) -> Any:
    work, lock = _works[run]
    with lock:  # a worker may have several threads; what they would share is not made for that
        return work(item)


@contextmanager
def connected(
    start: Callable[[], Callable[[Any], Any]], scheduler: str
) -> Iterator[tuple[Executor, Callable[[Any], Any]]]:
    """The cluster's executor, and the function to submit for every item.

    Raises:
        InputError: no scheduler answers, it has no workers, or they cannot start the run.
    """
    client = _client(scheduler)
    run = uuid4().hex
    try:
        _begin(client, scheduler, _Begin(run, start))
        try:
            yield client.get_executor(pure=False, retries=RETRIES), partial(_go_on, run)
        finally:
            client.unregister_worker_plugin(f"precise-{run}")
    finally:
        client.close()


def _client(scheduler: str) -> Client:
    if not re.fullmatch(r"[a-z]+://\S+", scheduler):
        raise InputError(f"--scheduler {scheduler}: expected an address such as tcp://10.0.0.1:8786")
    for name in ("distributed", "distributed.client"):  # the second has a level of its own
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong is raised
    try:
        return Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:  # TimeoutError is an OSError
        raise InputError(f"--scheduler {scheduler}: no Dask scheduler answers there") from error


def _begin(client: Client, scheduler: str, plugin: _Begin) -> None:
    if not client.scheduler_info()["workers"]:
        raise InputError(f"--scheduler {scheduler}: the scheduler has no workers; start dask worker {scheduler}")
    try:
        client.register_plugin(plugin)
    except PreciseError:
        raise
    except Exception as error:
        raise InputError(
            f"--scheduler {scheduler}: a worker cannot start ({type(error).__name__}: {error}); it needs this package "
            "and the oracle's module"
        ) from error
