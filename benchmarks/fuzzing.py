"""Every loader against damaged files: `python -m benchmarks.fuzzing -n 10000`; exit status 1 if there is a finding.

Runs under a limit of memory, and with an alarm for each file. With --atheris SECONDS a coverage-guided fuzzer (which is
no dependency: `pip install atheris`) mutates instead, one loader after the other.
"""

from __future__ import annotations

import argparse
import gc
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from types import FunctionType

from benchmarks.damage import Loader, damaged, finding, loaders, temporary

MEMORY = 4 << 30  # bytes of address space that a loader may use, the interpreter and libraries included
GUIDED_BY = ("precise", "verify", "json", "zipfile", "gzip")  # packages whose branches guide the mutations
SECONDS = 10  # of the processor for one file
WAITING = 120  # seconds on the clock; a busy machine may take that long


class Hang(BaseException):
    """A loader took longer than it may; no except clause of a loader catches it."""


def _alarm(*_: object) -> None:
    raise Hang(f"more than {SECONDS} s of the processor, or {WAITING} s on the clock")


def campaign(name: str, loader: Loader, path: Path, count: int, seed: int) -> list[str]:
    """What `count` damaged files made the loader do that it must not."""
    found = []
    for number in range(count):
        data = damaged(loader.whole, Random(f"{name} {seed} {number}"))
        signal.alarm(WAITING)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        said = finding(loader, path, data)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
        if said:
            found.append(f"{name}, seed {seed}, file {number}: {said}")
    return found


def guided(name: str, seconds: int) -> int:
    """Run atheris in a process of its own, whose status is not 0 if there is a finding."""
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.fuzzing",
            "--only",
            name,
            "--guided",
            f"-max_total_time={seconds}",
            "-rss_limit_mb=4096",
        ]
    ).returncode


def _guided(name: str, loader: Loader, path: Path, options: list[str]) -> None:
    import atheris

    for function in gc.get_objects():  # all of the interpreter's functions would take minutes
        if isinstance(function, FunctionType) and str(function.__module__).partition(".")[0] in GUIDED_BY:
            atheris.instrument_func(function)

    def one(data: bytes) -> None:
        said = finding(loader, path, data)
        if said:
            raise RuntimeError(said)

    corpus = path.with_name("corpus")
    corpus.mkdir()
    (corpus / "whole").write_bytes(loader.whole)
    atheris.Setup([name, *options, "-max_len=65536", f"-timeout={SECONDS}", str(corpus)], one)
    atheris.Fuzz()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=10_000, help="files a loader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="one loader, such as network.onnx")
    parser.add_argument("--atheris", type=int, metavar="SECONDS", help="coverage-guided, so long for each loader")
    parser.add_argument("--guided", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    with temporary() as folder:
        every = loaders(Path(folder))
        chosen = {name: loader for name, loader in every.items() if asked.only in (None, name)}
        if asked.guided is not None:
            ((name, loader),) = chosen.items()
            _guided(name, loader, Path(folder) / f"fuzz{loader.suffix}", asked.guided)
        if asked.atheris is not None:
            return max(int(guided(name, asked.atheris) != 0) for name in chosen)
        for alarm in (signal.SIGALRM, signal.SIGPROF):
            signal.signal(alarm, _alarm)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        findings = []
        for name, loader in chosen.items():
            started = time.perf_counter()
            said = campaign(name, loader, Path(folder) / f"fuzz{loader.suffix}", asked.n, asked.seed)
            print(
                f"{name:<22}{asked.n:>8,} files{len(said):>6} findings{time.perf_counter() - started:>8.1f} s",
                flush=True,
            )
            findings += said
    print("\n".join(findings[:50]))
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
