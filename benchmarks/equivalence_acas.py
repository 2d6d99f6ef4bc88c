"""Equivalence of pairs shaped like those of airborne collision avoidance: 5 inputs, six layers of 50, 5 outputs.

Ten networks are trained on the spot to choose among five advisories. Each is compared with five others on a box
of the size that is usual for such networks: an exact rewriting, copies with noise on every weight, and two with a
planted difference. Nobody knows beforehand whether a difference exceeds epsilon = 0.05 on the box; a pair counts as
solved when within the limit there is a proof that the checker accepts, or an input that shows more when replayed
exactly. A limit is of processor seconds, one process a pair, so that a busy machine does not change what is solved.

The product is the same search without the pairing of neurons: a relaxation of f and g for themselves. Finished pairs
are kept in the JSON file and not run again.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from time import perf_counter, process_time
from unittest.mock import patch

import numpy as np

from benchmarks.equivalence import copied
from benchmarks.processor_clock import processor_clock
from fixtures import mutants
from fixtures.adam import train
from fixtures.datasets import Dataset
from precise.arithmetic import rational, to_float
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
PAIRS = NETWORKS * len(RELATIONS)
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
    limit: float  # processor seconds
    seconds: float  # of elapsed time
    processor: float  # seconds, the engine's own exact check included
    parts: int
    bound: float | None  # the greatest that is proved of |g - f|; None: the pair differs
    checked: bool | None  # the certificate, by the checker alone; None: there is none
    replayed: bool | None  # the input that shows the difference, in exact arithmetic; None: there is none

    @property
    def solved(self) -> bool:
        """A proof that the checker accepts, or an input that replays, within the limit."""
        return self.processor <= self.limit and bool(self.checked or self.replayed)


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


def pair(number: int) -> tuple[str, Network, Network, Domain]:
    """(name, f, g, domain) of the pair with a number from 0 to 49."""
    which, place = divmod(number, len(RELATIONS))
    network, relation = trained(which), RELATIONS[place]
    low, high = BOXES[(which + place) % len(BOXES)]
    domain = Domain(tuple(map(rational, low.split())), tuple(map(rational, high.split())))
    return f"{relation} {which}", network, _related(network, relation, which), domain


def _related(network: Network, relation: str, seed: int) -> Network:
    generator = np.random.default_rng(seed)
    layer, neuron = int(generator.integers(1, len(WIDTHS) - 1)), int(generator.integers(1, 51))
    if relation == "bias moved":
        network = mutants.shift_bias(network, layer, neuron, "1/8")
    elif relation == "sign flipped":
        network = mutants.flip_sign(network, layer, neuron)
    return copied(network, float(relation.split()[1]) if relation.startswith("noise") else 0.0, seed)


def measured(number: int, method: str, seconds: float) -> Line:
    """One pair by one method, within so many seconds of a processor."""
    name, first, second, domain = pair(number)
    claim = within(EPSILON, first.output_width)
    pairing = pair_neurons if method == "paired" else _alone
    begun, processor = perf_counter(), process_time()
    with patch("verify.equivalence.pair_neurons", pairing), processor_clock():
        decision = decide(first, second, domain, claim, Effort(seconds=seconds))
    elapsed, processor = perf_counter() - begun, process_time() - processor
    proof, verdict = decision.certificate, decision.verdict
    checked = None if proof is None else check(proof, first, second).holds
    replayed = None
    if verdict.witness is not None:
        point = verdict.witness.point
        replayed = domain.contains(point) and claim.refuted_by(first(point), second(point))
    proved = [rational(str(b)) for b in _listed(verdict.details.get("bounds")) if b is not None]
    bound = to_float(max(proved)) if proved else None
    parts = int(str(verdict.details.get("parts", 0)))
    return Line(name, method, verdict.outcome.value, seconds, elapsed, processor, parts, bound, checked, replayed)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _alone(first: Network, second: Network) -> list[list[object]]:
    return [[] for _ in first.layers[:-1]]


def summary(lines: list[Line]) -> str:
    """Solved pairs and processor time by method, and the ratio of the shares that are solved."""
    text, solved = [], {}
    for method in ("paired", "product"):
        own = [line for line in lines if line.method == method]
        if own:
            done = [line for line in own if line.solved]
            solved[method] = len(done) / len(own)
            times = sorted(line.processor for line in done) or [0.0]
            differing = sum(line.outcome == Outcome.DIFFERENT.value for line in done)
            text.append(
                f"{method}: {len(done)} of {len(own)} solved ({len(done) - differing} proved, {differing} different), "
                f"processor seconds of a solved pair: median {times[len(times) // 2]:.2f}, most {times[-1]:.1f}"
            )
    if len(solved) == 2 and solved["product"]:
        text.append(f"ratio of solved shares, paired / product: {solved['paired'] / solved['product']:.2f}")
    return "\n".join(text)


def table(lines: list[Line]) -> str:
    """Solved pairs and the median and the greatest time of one, a row a relation, columns for each method."""
    methods = list(dict.fromkeys(line.method for line in lines))
    rows = ["| Relation | " + " | ".join(f"{method} | median s | most s" for method in methods) + " |"]
    rows.append("| --- |" + " ---: |" * 3 * len(methods))
    for relation in RELATIONS:
        cells = []
        for method in methods:
            own = [line for line in lines if line.method == method and line.pair.startswith(relation)]
            times = sorted(line.processor for line in own if line.solved)
            cells.append(f"{len(times)} of {len(own)}")
            cells += [f"{times[len(times) // 2]:.3g}", f"{times[-1]:.3g}"] if times else ["", ""]
        rows.append(f"| {relation} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def main() -> None:
    """Measure what the file lacks, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only the pairs whose names contain one of these")
    parser.add_argument("--json", type=Path, help="keep finished pairs here, and go on from them")
    parser.add_argument("--seconds", type=float, default=100.0, help="of a processor, for each pair and method")
    parser.add_argument("--jobs", type=int, default=1, help="pairs at a time")
    parser.add_argument("--baseline", action="store_true", help="the product too")
    options = parser.parse_args()
    lines = [Line(**line) for line in json.loads(options.json.read_text())] if _there(options.json) else []
    done = {(line.pair, line.method) for line in lines}
    methods = ("paired", "product") if options.baseline else ("paired",)
    names = [f"{RELATIONS[n % len(RELATIONS)]} {n // len(RELATIONS)}" for n in range(PAIRS)]
    chosen = [n for n in range(PAIRS) if not options.names or any(part in names[n] for part in options.names)]
    missing = [(n, method) for method in methods for n in chosen if (names[n], method) not in done]
    with ProcessPoolExecutor(options.jobs) as pool:
        for future in as_completed([pool.submit(measured, *task, options.seconds) for task in missing]):
            lines.append(future.result())
            print(lines[-1], flush=True)
            if options.json:
                write_whole(options.json, json.dumps([asdict(line) for line in lines], indent=1).encode() + b"\n")
    print(summary(lines))


def _there(path: Path | None) -> bool:
    return path is not None and path.exists()


if __name__ == "__main__":
    main()
