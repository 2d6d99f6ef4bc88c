"""Nanoseconds per multiply-add of an oracle query, against the bare FLINT product and against mpmath.

Every figure of a line is measured in the same run, on the same numbers: points of so many bits, weights of
24 bits (float32). A query is a whole batch through a network with one hidden layer, ReLU and output layer
included; the bare product is `points * weights` of two integer matrices that are ready made.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import mpmath
from flint import fmpz, fmpz_mat

from precise.arithmetic import Batch
from precise.network import Network
from precise.oracle import ExactOracle
from precise.random_networks import random_network

INPUTS = 784
HIDDEN = (16, 128)
BITS = (128, 256, 512, 1024)
BATCHES = (4, 8, 100)


@dataclass(frozen=True)
class Measurement:
    """One line of the table; times are nanoseconds per multiply-add of the products computed."""

    bits: int  # of every coordinate of a point
    hidden: int  # neurons of the hidden layer; the shape is INPUTS x hidden
    batch: int  # points a query
    bare: float  # fmpz_mat * fmpz_mat
    layer: float  # Layer.apply: the product, the biases and the denominators
    query: float  # ExactOracle.query of INPUTS-hidden-1
    mpmath: float | None  # mpmath matrix product of one point at the same precision

    @property
    def ratio(self) -> float:
        """What a query costs in units of the bare product of its first layer."""
        return self.query / self.bare


def seconds(work: Callable[[], object], repeats: int, enough: float = 0.02) -> float:
    """The least time of `repeats` samples; a sample runs `work` for about `enough` seconds."""
    start = perf_counter()
    work()
    loops = max(1, int(enough / max(perf_counter() - start, 1e-7)))
    best = float("inf")
    for _ in range(repeats):
        start = perf_counter()
        for _ in range(loops):
            work()
        best = min(best, (perf_counter() - start) / loops)
    return best


def points(generator: random.Random, size: int, bits: int) -> Batch:
    """Random points with coordinates in (-1, 1), multiples of 2^-bits."""
    entries = [generator.getrandbits(bits + 1) - (1 << bits) for _ in range(size * INPUTS)]
    return Batch(fmpz_mat(size, INPUTS, entries), fmpz(1) << bits)


def mpmath_seconds(network: Network, batch: Batch, bits: int) -> float:
    """One point times the first layer's weights as mpmath matrices."""
    with mpmath.workprec(bits):
        weights = network.to_mpmath(bits)[0][0].T
        scale = mpmath.mpf(int(batch.denominator))
        point = mpmath.matrix([[mpmath.mpf(int(v)) / scale for v in batch.numerators.tolist()[0]]])
        return seconds(lambda: point * weights, 1)


def measure(bits: int, hidden: int, batch: int, repeats: int, with_mpmath: bool) -> Measurement:
    """One line of the table."""
    network = random_network((INPUTS, hidden, 1), seed=1)
    asked = points(random.Random(bits * hidden + batch), batch, bits)
    layer, oracle = network.layers[0], ExactOracle(network)
    weights = layer.integers[0]
    products, unit = batch * INPUTS * hidden, 1e9
    return Measurement(
        bits=bits,
        hidden=hidden,
        batch=batch,
        bare=seconds(lambda: asked.numerators * weights, repeats) / products * unit,
        layer=seconds(lambda: layer.apply(asked), repeats) / products * unit,
        query=seconds(lambda: oracle.query(asked), repeats) / (products + batch * hidden) * unit,
        mpmath=mpmath_seconds(network, asked, bits) / (INPUTS * hidden) * unit if with_mpmath else None,
    )


def line(row: Measurement) -> str:
    """The measurement as a row of the table."""
    slow = f"{row.mpmath:9.0f} {row.mpmath / row.query:9.0f}" if row.mpmath else " " * 19
    shape = f"{INPUTS}x{row.hidden}"
    figures = f"{row.bare:8.2f} {row.layer:8.2f} {row.query:8.2f} {row.ratio:8.2f}"
    return f"{row.bits:5d} {shape:>8} {row.batch:6d} {figures} {slow}"


def main() -> None:
    """Print the table; write it as JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the measurements to this file")
    parser.add_argument("--repeats", type=int, default=5, help="samples a figure; the fastest counts")
    options = parser.parse_args()
    print("ns per multiply-add; query/bare is the cost of everything around the product")
    print(" bits    shape  batch     bare    layer    query  qu./bare    mpmath  mpm./qu.")
    rows = []
    for bits in BITS:
        for hidden in HIDDEN:
            for batch in BATCHES:
                rows.append(measure(bits, hidden, batch, options.repeats, batch == BATCHES[0]))
                print(line(rows[-1]), flush=True)
    if options.json:
        report = {
            "unit": "ns per multiply-add",
            "python": platform.python_version(),
            "python-flint": version("python-flint"),
            "mpmath": f"{mpmath.__version__} ({mpmath.libmp.BACKEND})",
            "rows": [asdict(row) | {"ratio": row.ratio} for row in rows],
        }
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
