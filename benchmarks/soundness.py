"""Is anything wrong ever claimed right? Whole extractions over random small networks, at 11, 24, 53 and 113 bits.

    python benchmarks/soundness.py --runs 500 --json tallies.json

The file is written anew after every run; the same command goes on where it stopped.

Of every third network the last weights differ by powers of two: neurons that hardly enter the output are where an error
that is understated shows.

A claim is wrong if a row's balls hold no true neuron's row (on the slice, on all inputs, or of an output), two rows are
one neuron, a certified rational is another one, or a sign that is said to be proved is not the true one. Ends with
status 1 if there is any.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from itertools import islice, product
from pathlib import Path
from random import Random

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.enclosures import rest_score, scores
from precise.formats.atomic_file import write_whole
from precise.matching.extract import extract_by_matching
from precise.matching.layer import Patience
from precise.network import Network
from precise.oracle import RoundedOracle
from precise.oracles.hardware import HardwareOracle
from precise.oracles.select import oracle_of
from precise.random_networks import random_network

WIDTHS = ("4-3-1", "6-4x2-1", "10-5x2-1", "8-6-4-2", "5-4x3-1")
PRECISIONS = ("bits:11", "bits:24", "bits:53", "bits:113")
SMALLEST = 14  # the last weights' largest factor, as a power of a half
QUICK = Patience(lines=60, idle=30)  # lines a layer: half-found layers are as good a test of claims as whole ones


@dataclass
class Tally:
    """What all runs of one precision claimed."""

    runs: int = 0
    complete: int = 0
    rows: int = 0
    wrong_rows: int = 0
    signs: int = 0
    wrong_signs: int = 0
    exact: int = 0
    wrong_exact: int = 0

    @property
    def wrong(self) -> int:
        """Claims that are not true."""
        return self.wrong_rows + self.wrong_signs + self.wrong_exact


def battery_network(widths: str, seed: int) -> Network:
    """A random network, of every third seed with last weights times 1 to 2^-SMALLEST."""
    network = random_network(widths, seed)
    if seed % 3 != 2:
        return network
    *hidden, (weights, biases) = network.to_numpy()
    random = Random(seed)
    factors = [[2.0 ** -random.randint(0, SMALLEST)] for _ in weights]
    return Network.from_arrays([*hidden, (weights * factors, biases)])


def judge(widths: str, precision: str, seed: int, tally: Tally, patience: Patience = QUICK) -> None:
    """One extraction, counted."""
    network = battery_network(widths, seed)
    oracle = oracle_of(network, precision)
    assert isinstance(oracle, RoundedOracle | HardwareOracle)
    true = oracle.rounded_network() if isinstance(oracle, HardwareOracle) else network
    result = extract_by_matching(oracle, network.widths, seed, patience=patience)
    tally.runs += 1
    tally.complete += result.report.complete
    for layer in scores(true, result):
        tally.rows += layer.claimed
        tally.wrong_rows += layer.claimed - min(layer.enclosed, layer.distinct)
        tally.signs += layer.signs
        tally.wrong_signs += layer.wrong_signs
        tally.exact += layer.exact
        tally.wrong_exact += layer.wrong_exact
    claimed, wrong = rest_score(true, result)
    tally.rows += claimed
    tally.wrong_rows += wrong


def _kept(path: Path | None, precisions: list[str]) -> dict[str, Tally]:
    """What an earlier run of the same precisions counted; nothing if there is none.

    Cases come in a fixed order, so that the counts alone say which ones are done.
    """
    if path is None or not path.exists():
        return {precision: Tally() for precision in precisions}
    counts = json.loads(path.read_text())
    if list(counts) != precisions:
        sys.exit(f"{path}: holds the precisions {', '.join(counts)}, not {', '.join(precisions)}")
    return {name: Tally(**{k: v for k, v in tally.items() if k != "wrong"}) for name, tally in counts.items()}


def main() -> int:
    """Run them and print one line a precision."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--precision", nargs="*", default=list(PRECISIONS))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    tallies = _kept(arguments.json, arguments.precision)
    done = sum(tally.runs for tally in tallies.values())
    cases = product(range(arguments.runs), WIDTHS, arguments.precision)
    for number, (seed, widths, precision) in islice(enumerate(cases), done, arguments.runs):
        judge(widths, precision, seed, tallies[precision])
        if arguments.json is not None:
            counts = {name: asdict(tally) | {"wrong": tally.wrong} for name, tally in tallies.items()}
            write_whole(arguments.json, (json.dumps(counts, indent=1) + "\n").encode())
        if sys.stderr.isatty():
            print(f"\r{number + 1}/{arguments.runs}", end="", file=sys.stderr)
    print("| Precision | Runs | Complete | Rows | Wrong | Signs | Wrong | Exact rows | Wrong |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for precision, t in tallies.items():
        counts = (t.runs, t.complete, t.rows, t.wrong_rows, t.signs, t.wrong_signs, t.exact, t.wrong_exact)
        print(f"| {precision} | " + " | ".join(map(str, counts)) + " |")
    return int(any(t.wrong for t in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
