"""The sign methods side by side: right, wrong and undecided signs, queries and seconds.

    python benchmarks/signs.py 784-64x2-1 --method wiggle --points 15
    python benchmarks/signs.py fixtures/mnist_784_16x2_1.npz --precision float32

The rows of a layer are given up to their signs, the layers below with them, all from the true network: what is
measured is the method, not the extraction before it. With --points every neuron gets so many critical points, else
hard ones up to 15.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import perf_counter

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flint import arb, fmpq

from precise.formats import load_network
from precise.matching.survey import Survey
from precise.network import Network
from precise.oracles.hardware import HardwareOracle
from precise.oracles.select import oracle_of
from precise.random_networks import random_network
from precise.rounding.balls import working_precision
from precise.rounding.known import KnownLayers, KnownRow
from precise.rounding.view import View
from precise.signs.methods import METHODS
from precise.signs.question import SignDecision, SignQuestion
from precise.signs.wiggle import ballots

LINES = 12  # for the methods that use measured regions
NEEDS_REGIONS = ("exact", "last-hidden", "exhaustive")


@dataclass(frozen=True)
class Asked:
    """A question, and the survey that its regions come from."""

    question: SignQuestion
    survey: Survey


def question(network: Network, layer: int, precision: str, seed: int) -> tuple[Asked, list[int]]:
    """The signs of one layer (from 1) as a question, with random sides, and the answer."""
    random = Random(seed)
    oracle = oracle_of(network, precision)
    true = oracle.rounded_network() if isinstance(oracle, HardwareOracle) else network
    width = min(network.input_width, network.widths[1] + 2)
    columns = sorted(random.sample(range(network.input_width), width))
    view = View(oracle, columns, [1] * network.output_width)
    layers = [_rows(true, number, columns) for number in range(layer)]
    signs = [random.choice((1, -1)) for _ in layers[-1]]
    layers[-1] = [row if s > 0 else row.negated() for row, s in zip(layers[-1], signs, strict=True)]
    survey = Survey(view, random)
    last = layer == len(network.layers) - 1
    return Asked(SignQuestion(view, KnownLayers(layers), survey.regions, random, last), survey), signs


def _rows(network: Network, number: int, columns: list[int]) -> list[KnownRow]:
    layer = network.layers[number]
    chosen = columns if number == 0 else list(range(layer.inputs))
    return [
        KnownRow(tuple(_exact(row[c]) for c in chosen), _exact(b), 0)
        for row, b in zip(layer.weights, layer.biases, strict=True)
    ]


def _exact(value: fmpq) -> arb:
    return arb(value)


def decisions(asked: SignQuestion, method: str, points: int | None) -> list[SignDecision]:
    """What a method decides."""
    if method == "wiggle" and points is not None:
        return [ballot.decision() for ballot in ballots(asked, points, points)]
    return METHODS[method](asked)


def main() -> None:
    """One line a layer and method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", help="a file, or widths of a random network such as 784-64x2-1")
    parser.add_argument("--precision", default="float64")
    parser.add_argument("--method", nargs="*", default=list(METHODS))
    parser.add_argument("--points", type=int)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    network = load_network(Path(given.network)) if Path(given.network).exists() else random_network(given.network, 1)
    print("| Layer | Method | Right | Wrong | Undecided | Proved | Queries | Seconds |")
    print("| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    with working_precision():
        for layer in range(1, len(network.layers)):
            for method in given.method:
                _line(network, layer, method, given)


def _line(network: Network, layer: int, method: str, given: argparse.Namespace) -> None:
    asked, signs = question(network, layer, given.precision, given.seed)
    start = perf_counter()
    if method in NEEDS_REGIONS:
        for _ in range(LINES):
            asked.survey.add_random_line(lambda line: set())
    found = decisions(asked.question, method, given.points)
    seconds = perf_counter() - start
    right = sum(d.sign == s for d, s in zip(found, signs, strict=True))
    undecided = sum(d.sign == 0 for d in found)
    proved = sum(d.certain and d.sign != 0 for d in found)
    counts = (right, len(signs) - right - undecided, undecided, proved, asked.question.view.oracle.queries)
    print(f"| {layer} | {method} | " + " | ".join(map(str, counts)) + f" | {seconds:.2f} |")


if __name__ == "__main__":
    main()
