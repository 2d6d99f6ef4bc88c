"""The sign methods side by side: right, wrong and undecided signs, queries and seconds.

    python benchmarks/signs.py 784-64x2-1 --method wiggle --points 15
    python benchmarks/signs.py 10-5x2-1 fixtures/mnist_784_16x2_1.npz --precision float16 float32 float64 --seeds 3

The rows of a layer are given up to their signs, the layers below with them, all from the true network: what is
measured is the method, not the extraction before it. Counts are sums over the seeds. With --points every neuron gets
so many critical points, else hard ones up to 15 [FMSH24]; *easy* are the neurons whose votes are unanimous and
confident. Seconds are the processor's.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random
from time import process_time

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flint import arb, fmpq
from threadpoolctl import threadpool_limits

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
from precise.signs.wiggle import EASY_POINTS, MOST_POINTS, ballots

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


def decisions(asked: SignQuestion, method: str, points: int | None) -> tuple[list[SignDecision], list[bool]]:
    """What a method decides, and which neurons are easy (of the wiggle)."""
    if method != "wiggle":
        found = METHODS[method](asked)
        return found, [False] * len(found)
    votes = ballots(asked, points or EASY_POINTS, points or MOST_POINTS)
    return [ballot.decision() for ballot in votes], [ballot.easy for ballot in votes]


@dataclass
class Tally:
    """Sums over the seeds."""

    right: int = 0
    wrong: int = 0
    undecided: int = 0
    proved: int = 0
    proved_wrong: int = 0
    easy: int = 0
    easy_wrong: int = 0
    queries: int = 0
    seconds: float = 0.0

    def add(self, found: list[SignDecision], signs: list[int], easy: list[bool]) -> None:
        """One layer with one seed."""
        for decision, sign, simple in zip(found, signs, easy, strict=True):
            wrong = decision.sign not in (0, sign)
            self.right += decision.sign == sign
            self.wrong += wrong
            self.undecided += decision.sign == 0
            self.proved += decision.certain and decision.sign != 0
            self.proved_wrong += decision.certain and wrong
            self.easy += simple
            self.easy_wrong += simple and wrong


def main() -> int:
    """One line a network, precision, layer and method; status 1 if a sign that is called proved is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="+", help="files, or widths of random networks such as 784-64x2-1")
    parser.add_argument("--precision", nargs="*", default=["float64"])
    parser.add_argument("--method", nargs="*", default=list(METHODS))
    parser.add_argument("--points", type=int)
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    heads = "Network | Oracle | Layer | Method | Right | Wrong | Undecided | Proved | Easy | Easy and wrong | Queries"
    print(f"| {heads} | Seconds |\n| --- | --- | ---: | --- |{' ---: |' * 8}")
    false = 0
    with working_precision(), threadpool_limits(1):
        for name, precision in product(given.networks, given.precision):
            network = load_network(Path(name)) if Path(name).exists() else random_network(name, 1)
            for layer, method in product(range(1, len(network.layers)), given.method):
                tally = _tally(network, layer, method, precision, given)
                counts = [tally.right, tally.wrong, tally.undecided, tally.proved]
                counts += [tally.easy, tally.easy_wrong] if method == "wiggle" else ["", ""]
                cells = [
                    Path(name).stem,
                    precision,
                    layer,
                    method,
                    *counts,
                    f"{tally.queries:,}",
                    f"{tally.seconds:.2f}",
                ]
                print(f"| {' | '.join(map(str, cells))} |", flush=True)
                false += tally.proved_wrong
    return int(false > 0)


def _tally(network: Network, layer: int, method: str, precision: str, given: argparse.Namespace) -> Tally:
    tally = Tally()
    for seed in range(given.seeds):
        asked, signs = question(network, layer, precision, seed)
        start = process_time()
        for _ in range(LINES if method in NEEDS_REGIONS else 0):
            asked.survey.add_random_line(lambda line: set())
        found, easy = decisions(asked.question, method, given.points)
        tally.add(found, signs, easy)
        tally.seconds += process_time() - start
        tally.queries += asked.question.view.oracle.queries
    return tally


if __name__ == "__main__":
    sys.exit(main())
