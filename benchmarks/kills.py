"""Kill runs at random moments, resume them, and compare with a run that nothing ended.

    python benchmarks/kills.py --kills 50 --jobs 1
    python benchmarks/kills.py --kills 50 --verify 4-5x2-1

Every trial starts a new checkpoint, kills the process and its workers with SIGKILL at a moment drawn from the time that
the unbroken run took, and resumes. The network or the certificate must be the same, and so must the report but for what
a clock measured. With --verify, it is the largest difference of two networks of that shape that is proved.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any

from flint import fmpq

from precise.formats import save_network
from precise.network import Layer, Network
from precise.random_networks import random_network

MODEL = Path(__file__).parents[1] / "fixtures" / "mnist_784_16x2_1.npz"
UNLIKE = ("seconds", "peak_megabytes", "history")


@dataclass(frozen=True)
class Verb:
    """What is run, with its place for the result."""

    program: str
    arguments: tuple[str, ...]
    output: str  # the option that names the file of the result


def extraction(model: Path) -> Verb:
    """`precise extract`."""
    return Verb("precise", ("extract", str(model)), "-o")


def largest_difference(folder: Path, shape: str) -> Verb:
    """`verify equivalent --max` for a random network and one that is a little off."""
    network, random = random_network(shape, seed=3), Random(1)
    moved = [
        Layer(tuple(tuple(w + fmpq(random.randint(-9, 9), 9000) for w in row) for row in layer.weights), layer.biases)
        for layer in network.layers
    ]
    files = [folder / "f.json", folder / "g.json"]
    for path, one in zip(files, (network, Network(tuple(moved))), strict=True):
        save_network(one, path)
    options = ("--box", "-1", "1", "--max", "--timeout", "600")
    return Verb("verify", ("equivalent", *map(str, files), *options), "--certificate")


def command(folder: Path, verb: Verb, *options: str) -> subprocess.Popen[bytes]:
    """The verb in a process group of its own."""
    places = [verb.output, str(folder / "copy.json"), "--json", str(folder / "report.json")]
    run = [sys.executable, "-m", verb.program, *verb.arguments, *places, *options]
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


def trial(folder: Path, verb: Verb, options: list[str], moment: float) -> bool:
    """One run that is killed and resumed; was it still running when it was killed?"""
    checkpoint = folder / "run.checkpoint"
    process = command(folder, verb, "--checkpoint", str(checkpoint), *options)
    sleep(moment)
    killed = process.poll() is None
    if killed:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for name in ("copy.json", "report.json"):
        (folder / name).unlink(missing_ok=True)
    option = "--resume" if checkpoint.exists() else "--checkpoint"
    if command(folder, verb, option, str(checkpoint), *options).wait():
        raise SystemExit(f"killed after {moment:.3f} s, the run could not be resumed")
    return killed


def main() -> None:
    """Run the trials and print how many came to the same result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--jobs", default="1")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("model", nargs="?", type=Path, default=MODEL)
    parser.add_argument("--verify", metavar="SHAPE", help="instead of an extraction")
    given = parser.parse_args()
    with TemporaryDirectory() as name:
        verb = largest_difference(Path(name), given.verify) if given.verify else extraction(given.model)
        trials(verb, ["--jobs", given.jobs], given.kills, Random(given.seed))


def trials(verb: Verb, options: list[str], kills: int, random: Random) -> None:
    """Kill and resume so many times."""
    with TemporaryDirectory() as name:
        start = perf_counter()
        if command(Path(name), verb, *options).wait():
            raise SystemExit("the unbroken run did not come to its end")
        seconds, expected = perf_counter() - start, result(Path(name))
    print(f"unbroken: {seconds:.2f} s", flush=True)
    same = killed = tried = 0
    while killed < kills:
        with TemporaryDirectory() as name:
            killed += trial(Path(name), verb, options, random.uniform(0, seconds))
            same += result(Path(name)) == expected
            tried += 1
            print(f"{killed} kills, {same} of {tried} runs identical", end="\r", file=sys.stderr, flush=True)
    print(f"{killed} kills in {tried} runs: {same} of {tried} resumed to the identical result")
    if same < tried:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
