"""Equivalence of pairs shaped like those of airborne collision avoidance: 5 inputs, six layers of 50, 5 outputs.

Ten networks are trained on the spot to choose among five advisories. Each is compared with five others on a box
of the size that is usual for such networks: an exact rewriting, copies with noise on every weight, and two with a
planted difference. Nobody knows beforehand whether a difference exceeds epsilon on the box; a pair counts as
solved when the verdict is a proof or an input that shows more. The baseline is the same search without the
pairing of neurons: a relaxation of f and g as a product. Finished pairs are kept in the JSON file and not run again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from time import perf_counter
from unittest.mock import patch

import numpy as np

from benchmarks.equivalence import copied, processor_seconds
from fixtures import mutants
from fixtures.adam import train
from fixtures.datasets import Dataset
from precise.arithmetic import rational
from precise.formats.atomic_file import write_whole
from precise.network import Network
from verify.checker import check
from verify.differential.pairing import pair_neurons
from verify.equivalence import Effort, decide
from verify.properties.claim import within
from verify.properties.domain import Domain
from verify.verdict import Outcome

WIDTHS = (5, *[50] * 6, 5)
NETWORKS, SAMPLES, EPOCHS = 10, 8000, 6
RELATIONS = ("rewritten", "noise 1e-6", "noise 1e-4", "bias moved", "sign flipped")
EPSILON = "0.05"
# distance, two angles, two speeds, each scaled to a width of about 1; a small box first
BOXES = (
    ("-0.3035 -0.0095 0.4934 0.3 0.3", "-0.2986 0.0095 0.5 0.5 0.5"),
    ("-0.3035 -0.0095 0 0.3182 0.0833", "-0.2986 0.0095 0 0.5 0.1667"),
    ("-0.3 0 -0.5 0.2 0.2", "-0.25 0.1 -0.45 0.3 0.3"),
    ("0.1 -0.05 0.2 -0.1 -0.1", "0.2 0.05 0.3 0.1 0.1"),
    ("0.6 -0.5 -0.5 0.45 -0.5", "0.68 0.5 0.5 0.5 -0.45"),
)


@dataclass(frozen=True)
class Line:
    """What became of a pair with one way of bounding."""

    pair: str
    method: str  # "paired" or "product"
    outcome: str
    seconds: float  # of wall clock
    processor: float  # seconds, workers included
    parts: int
    checked: bool | None  # the certificate, by the checker alone; None: there is none


@cache
def trained(number: int) -> Network:
    """A network that has learnt which of five advisories a made-up encounter calls for."""
    generator = np.random.default_rng(1000 + number)
    points = (generator.random((SAMPLES, 5)) - 0.5).astype(np.float32)
    distance, bearing, heading, own, other = points.T
    urgency = np.exp(-4 * (distance + 0.5)) * (1 + own + other)
    turn = np.sin(2 * np.pi * bearing) + 0.5 * np.sin(2 * np.pi * heading)
    left = urgency * turn
    scores = np.stack([0.3 - urgency, left, -left, left * turn, -2 * left * bearing])
    targets = scores.argmax(axis=0)
    data = Dataset("made up", points, targets, points[:0], targets[:0])
    arrays = train(WIDTHS, data, EPOCHS, seed=number)
    return Network.from_arrays(arrays)


def pairs() -> Iterator[tuple[str, Network, Network, Domain]]:
    """(name, f, g, domain) of all fifty."""
    for number in range(NETWORKS):
        network = trained(number)
        for place, relation in enumerate(RELATIONS):
            low, high = BOXES[(number + place) % len(BOXES)]
            domain = Domain(tuple(map(rational, low.split())), tuple(map(rational, high.split())))
            yield f"{relation} {number}", network, _related(network, relation, number), domain


def _related(network: Network, relation: str, seed: int) -> Network:
    generator = np.random.default_rng(seed)
    layer, neuron = int(generator.integers(1, len(WIDTHS) - 1)), int(generator.integers(1, 51))
    if relation == "bias moved":
        network = mutants.shift_bias(network, layer, neuron, "1/8")
    elif relation == "sign flipped":
        network = mutants.flip_sign(network, layer, neuron)
    return copied(network, float(relation.split()[1]) if relation.startswith("noise") else 0.0, seed)


def measured(name: str, first: Network, second: Network, domain: Domain, method: str, effort: Effort) -> Line:
    """One pair by one method."""
    pairing = pair_neurons if method == "paired" else _alone
    begun, processor = perf_counter(), processor_seconds()
    with patch("verify.equivalence.pair_neurons", pairing):
        decision = decide(first, second, domain, within(EPSILON, first.output_width), effort)
    seconds, processor = perf_counter() - begun, processor_seconds() - processor
    proof = decision.certificate
    checked = None if proof is None else check(proof, first, second).holds
    verdict = decision.verdict
    parts = int(str(verdict.details.get("parts", 0)))
    return Line(name, method, verdict.outcome.value, seconds, processor, parts, checked)


def _alone(first: Network, second: Network) -> list[list[object]]:
    return [[] for _ in first.layers[:-1]]


def summary(lines: list[Line]) -> str:
    """Solved pairs and processor time by method, and their ratio."""
    text, solved = [], {}
    for method in ("paired", "product"):
        own = [line for line in lines if line.method == method]
        if own:
            done = [line for line in own if line.outcome != Outcome.UNKNOWN.value]
            solved[method] = len(done) / len(own)
            times = sorted(line.processor for line in done) or [0.0]
            text.append(
                f"{method}: {len(done)} of {len(own)} solved "
                f"({sum(line.outcome == Outcome.DIFFERENT.value for line in done)} different), processor seconds of "
                f"a solved pair: median {times[len(times) // 2]:.2f}, most {times[-1]:.1f}"
            )
    if len(solved) == 2 and solved["product"]:
        text.append(f"ratio of solved shares, paired / product: {solved['paired'] / solved['product']:.2f}")
    return "\n".join(text)


def main() -> None:
    """Measure what the file lacks, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="keep finished pairs here, and go on from them")
    parser.add_argument("--seconds", type=float, default=100.0, help="for each pair and method")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--no-baseline", action="store_true", help="leave the product out")
    parser.add_argument("--pairs", type=int, default=NETWORKS * len(RELATIONS), help="only so many, the first ones")
    options = parser.parse_args()
    lines = [Line(**line) for line in json.loads(options.json.read_text())] if _there(options.json) else []
    effort = Effort(seconds=options.seconds, jobs=options.jobs)
    for _, (name, *pair) in zip(range(options.pairs), pairs(), strict=False):
        for method in ("paired",) if options.no_baseline else ("paired", "product"):
            if not any((line.pair, line.method) == (name, method) for line in lines):
                lines.append(measured(name, *pair, method, effort))
                print(lines[-1], flush=True)
                if options.json:
                    write_whole(options.json, json.dumps([asdict(line) for line in lines], indent=1).encode() + b"\n")
    print(summary(lines))


def _there(path: Path | None) -> bool:
    return path is not None and path.exists()


if __name__ == "__main__":
    main()
