"""Wrong signs found and proved by asking an oracle, beside greedy flips in floating point.

    python benchmarks/diagnosis_signs.py
    python benchmarks/diagnosis_signs.py --rows 784-64x2-1:64 --seeds 1 --precision float32

A row is a network, either a shape of random weights or a file, and how many of its hidden signs are wrong. The baseline
gets as many answers, and turns whatever sign reduces the squared error most until none does: it proves nothing, and
has no notion of an answer's error. Seconds are of the processor, all threads together; the ratio is the baseline's
seconds over those of the diagnosis.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from time import process_time

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray

from precise.formats import load_network
from precise.network import Network
from precise.oracles.hardware import HardwareOracle
from precise.oracles.select import oracle_of
from precise.random_networks import random_network
from verify.diagnosis.black_box import diagnose_black_box
from verify.diagnosis.black_box.answers import Answers, Place, Questions, flipped, on_slice, slice_of
from verify.diagnosis.black_box.sampling import Sampler
from verify.diagnosis.fault import Certainty, Kind

Floats = NDArray[np.float64]
ROWS = "10-15x2-1:15,784-16x2-1:16,784-64x2-1:64,784-16x8-1:3,fixtures/mnist_784_16x8_1.npz:3"


@dataclass(frozen=True)
class Run:
    """One diagnosis and its baseline."""

    right: bool  # exactly the planted signs
    proved: bool  # all of them, as the only explanation of the stated kind
    queries: int
    seconds: float
    greedy_right: bool
    greedy_seconds: float


def main() -> None:
    """Print one line a network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default=ROWS, help="NETWORK:WRONG, separated by commas")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--precision", default="float64")
    options = parser.parse_args()
    print(f"{'network':34} {'wrong':>5} {'right':>6} {'proved':>6} {'queries':>7} {'CPU s':>6}", end=" ")
    print(f"{'greedy right':>12} {'greedy CPU s':>12} {'ratio':>6}")
    for row in options.rows.split(","):
        name, _, wrong = row.rpartition(":")
        runs = [measured(name, int(wrong), options.precision, seed) for seed in range(options.seeds)]
        mean = [sum(v) / len(runs) for v in zip(*((r.queries, r.seconds, r.greedy_seconds) for r in runs), strict=True)]
        counts = [sum(v) for v in zip(*((r.right, r.proved, r.greedy_right) for r in runs), strict=True)]
        n = len(runs)
        print(
            f"{name:34} {wrong:>5} {counts[0]:>4}/{n} {counts[1]:>4}/{n} {mean[0]:>7.0f} {mean[1]:>6.2f} "
            f"{counts[2]:>10}/{n} {mean[2]:>12.2f} {mean[2] / mean[1]:>6.1f}",
            flush=True,
        )


def measured(name: str, wrong: int, precision: str, seed: int) -> Run:
    """Plant, diagnose, and let the baseline try."""
    network = load_network(Path(name)) if Path(name).suffix else random_network(name, seed)
    oracle = oracle_of(network, precision)
    true = oracle.rounded_network() if isinstance(oracle, HardwareOracle) else network
    places = [(k, i) for k, width in enumerate(true.widths[1:-1], 1) for i in range(1, width + 1)]
    planted = {places[int(n)] for n in np.random.default_rng(seed).choice(len(places), wrong, replace=False)}
    recovered = flipped(true, frozenset(planted))
    start = process_time()
    found = diagnose_black_box(oracle, recovered, seed=seed)
    seconds = process_time() - start
    named = {(f.layer, i) for f in found.faults if f.kind is Kind.SIGN for i in f.neurons}
    proved = found.explained and all(f.certainty is Certainty.PROVED for f in found.faults)
    start = process_time()
    guessed = greedy(recovered, places, asked(recovered, Questions(oracle), found.queries, seed))
    return Run(
        named == planted, proved and not found.alternatives, found.queries, seconds,
        guessed == planted, process_time() - start,
    )  # fmt: skip


def asked(recovered: Network, questions: Questions, count: int, seed: int) -> tuple[Network, Floats, Answers]:
    """The network on the diagnosis' slice, and as many answers there as the diagnosis asked for."""
    columns = slice_of(recovered)
    sliced = on_slice(recovered, columns)
    points = questions.to_grid(Sampler(*sliced.to_numpy()[0], np.random.default_rng(seed)).draw(count))
    return sliced, questions.to_floats(points), questions.ask(points, columns)


def greedy(recovered: Network, places: list[Place], given: tuple[Network, Floats, Answers]) -> set[Place]:
    """The set of signs at which no single flip reduces the squared error."""
    sliced, points, answers = given
    arrays = sliced.to_numpy()
    turned: set[Place] = set()
    best = error(arrays, turned, points, answers.values)
    while True:
        errors = [error(arrays, turned ^ {place}, points, answers.values) for place in places]
        if not min(errors) < best:
            return turned
        best = min(errors)
        turned ^= {places[int(np.argmin(errors))]}


def error(arrays: list[tuple[Floats, Floats]], turned: set[Place], points: Floats, values: Floats) -> float:
    """The squared error with some signs turned."""
    held = points
    for k, (weights, biases) in enumerate(arrays[:-1], 1):
        signs = np.array([-1.0 if (k, i) in turned else 1.0 for i in range(1, len(biases) + 1)])
        held = np.maximum((held @ weights + biases) * signs, 0)
    return float(np.sum((held @ arrays[-1][0] + arrays[-1][1] - values) ** 2))


if __name__ == "__main__":
    main()
