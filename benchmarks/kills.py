"""Kill extractions at random moments, resume them, and compare with a run that nothing ended.

    python benchmarks/kills.py --kills 50 --jobs 1

Every trial starts a new checkpoint, kills the process and its workers with SIGKILL at a moment drawn from the time that
the unbroken run took, and resumes. The network must be the same, and so must the report but for what a clock measured.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any

MODEL = Path(__file__).parents[1] / "fixtures" / "mnist_784_16x2_1.npz"
UNLIKE = ("seconds", "peak_megabytes")


def command(folder: Path, model: Path, *options: str) -> subprocess.Popen[bytes]:
    """`precise extract` in a process group of its own."""
    places = ["-o", str(folder / "copy.json"), "--json", str(folder / "report.json")]
    run = [sys.executable, "-c", "from precise.cli import main; main()", "extract", str(model), *places, *options]
    return subprocess.Popen(run, stdout=subprocess.DEVNULL, start_new_session=True)


def result(folder: Path) -> tuple[str, Any]:
    """The copy, and the report without what a clock measured."""
    report = json.loads((folder / "report.json").read_text())
    return (folder / "copy.json").read_text(), untimed(report)


def untimed(part: Any) -> Any:
    """A report without times and memory."""
    if isinstance(part, dict):
        return {key: untimed(value) for key, value in part.items() if not any(word in key for word in UNLIKE)}
    return [untimed(entry) for entry in part] if isinstance(part, list) else part


def trial(folder: Path, model: Path, options: list[str], moment: float) -> bool:
    """One run that is killed and resumed; was it still running when it was killed?"""
    checkpoint = folder / "run.checkpoint"
    process = command(folder, model, "--checkpoint", str(checkpoint), *options)
    sleep(moment)
    killed = process.poll() is None
    if killed:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for name in ("copy.json", "report.json"):
        (folder / name).unlink(missing_ok=True)
    option = "--resume" if checkpoint.exists() else "--checkpoint"
    if command(folder, model, option, str(checkpoint), *options).wait():
        raise SystemExit(f"killed after {moment:.3f} s, the run could not be resumed")
    return killed


def main() -> None:
    """Run the trials and print how many came to the same result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--jobs", default="1")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("model", nargs="?", type=Path, default=MODEL)
    given = parser.parse_args()
    options, random = ["--jobs", given.jobs], Random(given.seed)
    with TemporaryDirectory() as name:
        start = perf_counter()
        if command(Path(name), given.model, *options).wait():
            raise SystemExit("the unbroken run did not recover the network")
        seconds, expected = perf_counter() - start, result(Path(name))
    print(f"unbroken: {seconds:.2f} s, {expected[1]['queries']:,} queries", flush=True)
    same = killed = tried = 0
    while killed < given.kills:
        with TemporaryDirectory() as name:
            killed += trial(Path(name), given.model, options, random.uniform(0, seconds))
            same += result(Path(name)) == expected
            tried += 1
    print(f"{killed} kills in {tried} runs: {same} of {tried} resumed to the identical result")
    if same < tried:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
