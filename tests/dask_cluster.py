"""A Dask cluster on this machine, for tests."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from time import sleep
from typing import Any

import pytest

needs_dask = pytest.mark.skipif(find_spec("distributed") is None, reason="Dask distributed is not installed")


@contextmanager
def cluster(folder: Path, workers: int = 2) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and workers, each a process of its own; their processes end with the block."""
    log = folder / "scheduler.log"
    begin = [
        sys.executable,
        "-m",
        "distributed.cli.dask_scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--no-dashboard",
    ]
    started: list[subprocess.Popen[bytes]] = []
    try:
        with log.open("wb") as file:
            started.append(subprocess.Popen(begin, stdout=file, stderr=file, cwd=folder))
        address = _waited(lambda: re.search(r"Scheduler at:\s+(tcp://\S+)", log.read_text()))[1]
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(folder)]
        for number in range(workers):
            with (folder / f"worker-{number}.log").open("wb") as file:
                command = [sys.executable, "-m", "distributed.cli.dask_worker", address, *options]
                started.append(subprocess.Popen(command, stdout=file, stderr=file, cwd=folder))
        _waited(lambda: log.read_text().count("Register worker") >= workers)
        yield address, started[1:]
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()


def _waited(condition: Callable[[], Any]) -> Any:
    for _ in range(600):
        if found := condition():
            return found
        sleep(0.1)
    raise AssertionError("the cluster did not start")
