"""One extraction and its score in a process of its own, and the file that keeps what was measured."""

from __future__ import annotations

import json
import os
import platform
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from benchmarks.rows import Row
from benchmarks.scoring import score
from precise.extract import extract
from precise.formats.atomic_file import write_whole
from precise.network import Network
from precise.oracle import ExactOracle
from verify.equality.silence import prove_equal_where_silent
from verify.equality.structural import prove_equal
from verify.verdict import Outcome

ROOT = Path(__file__).resolve().parent.parent
GRACE = 120.0  # seconds for a run that was told to stop to report how far it came

Run = dict[str, Any]  # what `measure` returns, or only row, seed, jobs and outcome when there was no report


def measure(row: Row, seed: int, jobs: int, models: Path | None) -> Run:
    """One extraction and its score; memory and versions are those of this process.

    Raises:
        InputError: the network's file is missing or damaged.
    """
    network = row.network(models)
    start = process_time()
    with stoppable():
        result = extract(ExactOracle(network), network.widths, seed, jobs)
    processor = process_time() - start  # of this process alone
    report, found = result.report, score(network, result)
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6 if jobs > 1 else 0.0
    start = perf_counter()
    verdict, silent = (None, None) if result.network is None else _judged(network, result.network)
    return {
        "row": row.name,
        "seed": seed,
        "jobs": jobs,
        "network": network.sha256[:12],
        "complete": report.complete,
        "outcome": report.outcome,
        "verdict": verdict,
        "where_silent": silent,
        "verify_seconds": perf_counter() - start,
        "exact_rows": found.rows,
        "exact_signs": found.signs,
        "queries": report.queries,
        "seconds": report.seconds,
        "processor_seconds": processor,
        "stages": report.stages,
        "megabytes": report.peak_megabytes,
        "worker_megabytes": workers,
        "versions": report.versions,
    }


def _judged(network: Network, copy: Network) -> tuple[str, str | None]:
    """The verdict on all of R^n, and if it is not equal the one where the weights that differ are silent."""
    verdict = prove_equal(network, copy).outcome
    silent = prove_equal_where_silent(network, copy).outcome.value if verdict is not Outcome.EQUAL else None
    return verdict.value, silent


@contextmanager
def stoppable() -> Iterator[None]:
    """In here an interrupt is heard; elsewhere a child process ignores it, so that what was found gets its score."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def measure_apart(row: Row, seed: int, jobs: int, models: Path | None, limit: float) -> Run:
    """The same in a child process; after `limit` seconds it is stopped, and reports how far it came."""
    run: Run = {"row": row.name, "seed": seed, "jobs": jobs, "complete": False, "verdict": None}
    command = [sys.executable, str(ROOT / "benchmarks" / "extraction.py"), "--child", row.name]
    command += ["--seed", str(seed), "--jobs", str(jobs), *(["--models", str(models)] if models else [])]
    status, output, errors, stopped = run_child(command, limit)
    run |= outcome(status, output, without_paths(errors, models), limit if stopped else None)
    return run | {"date": datetime.now(UTC).strftime("%Y-%m-%d"), "revision": revision(), "machine": machine()}


def outcome(status: int, output: str, errors: str, limit: float | None) -> Run:
    """What a child process says about its run.

    Args:
        status: of its exit.
        limit: seconds after which it was stopped; None: it was not.
    """
    run: Run = json.loads(output) if status == 0 else {}
    if limit is not None and not run.get("complete"):
        return run | {"limit": limit, "outcome": f"stopped after {limit:g} s"}
    if status:
        last = (errors.strip().splitlines() or ["no message"])[-1]
        return {"failed": True, "outcome": f"failed with status {status}: {last}"}
    return run


def run_child(command: Sequence[str], limit: float) -> tuple[int, str, str, bool]:
    """Run a command in a process group of its own: (status, output, errors, was it stopped?)."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as child:
        stopped = False
        try:
            output, errors = child.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            stopped = True
            child.send_signal(signal.SIGINT)
            output, errors = _last_words(child)
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
    return child.returncode, output, errors, stopped


def _last_words(child: subprocess.Popen[str]) -> tuple[str, str]:
    try:
        return child.communicate(timeout=GRACE)
    except BaseException as error:
        os.killpg(child.pid, signal.SIGKILL)
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        return child.communicate()


def without_paths(text: str, models: Path | None) -> str:
    """A message that names no directory of this machine."""
    for directory, name in ((models, "DIR"), (models and models.resolve(), "DIR"), (ROOT, ".")):
        text = text.replace(str(directory), name) if directory else text
    return text


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = [line for line in information.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else model
    return {"processor": model, "cores": os.cpu_count(), "system": f"{platform.system()} {platform.machine()}"}


def revision() -> str:
    """The commit of the extraction that runs; + when its files were changed since; empty outside a checkout."""
    try:
        command = ["git", "-C", str(ROOT), "rev-parse", "--short=10", "HEAD"]
        commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        command = ["git", "-C", str(ROOT), "status", "--porcelain", "--", "precise"]
        changed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
    return commit + "+" * bool(changed)


# -- the file ----------------------------------------------------------------------------------------------------------


def read_runs(path: Path) -> list[Run]:
    """The runs of a file that `write_runs` wrote.

    Raises:
        ValueError: it is not such a file.
    """
    try:
        runs = json.loads(path.read_text())["runs"]
        if not all(isinstance(run["row"], str) and {"seed", "jobs", "outcome"} <= set(run) for run in runs):
            raise KeyError
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: expected the runs that benchmarks/extraction.py --json wrote") from error
    return list(runs)


def write_runs(path: Path, runs: Sequence[Run]) -> None:
    """Replace the file as a whole.

    Raises:
        InputError: the place cannot be written to.
    """
    write_whole(path, (json.dumps({"runs": list(runs)}, indent=1) + "\n").encode())


def key(run: Run) -> tuple[str, int, int]:
    """What makes two runs the same measurement."""
    return run["row"], run["seed"], run["jobs"]


def settled(run: Run, limit: float) -> bool:
    """Need the run not be done again? A failure must be, and a run that was stopped earlier than it would be now."""
    return not run.get("failed") and run.get("limit", limit) >= limit


def proved(run: Run) -> bool:
    """Was the copy proved to be the same function?"""
    return bool(run["verdict"] == Outcome.EQUAL.value)


def proved_where_silent(run: Run) -> bool:
    """Was it proved where what is not identified is silent, as nothing was proved on all inputs?"""
    return bool(run.get("where_silent") == Outcome.EQUAL.value)  # asked only where the verdict is not equal
