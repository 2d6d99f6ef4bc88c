"""Digits and queries of the float64 way and of this extraction from a float64 oracle, side by side.

    python benchmarks/float64_baseline.py 10-5x2-1 fixtures/mnist_784_8x2_1.npz --seeds 2 --json out.json

The *float64 way* is written here from the description in [CJM20] and [CCHRSS24], in float64 from end to end, with
tolerances in place of bounds: critical points on random lines by bisection; at each of them the jump of the gradient
by differences; jumps that agree to a tolerance are one neuron of layer 1; critical points that layer 1 does not explain
give partial rows of layer 2 by least squares, which are merged; rows are improved by least squares on fresh critical
points; signs by least squares with a coefficient for each side; the output layer by least squares. It is a baseline,
no part of the package, and for two hidden layers and one output. Both ways are scored against the true network.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import process_time

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from flint import arb
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.enclosures import LayerScore, scores
from precise.formats import load_network
from precise.matching.extract import Matched, extract_by_matching
from precise.matching.report import MatchedLayer, MatchReport
from precise.network import Network
from precise.oracles.hardware import HardwareOracle
from precise.random_networks import random_network
from precise.rounding.known import KnownRow

Floats = NDArray[np.float64]

REACH = 100.0  # lines run from -REACH to REACH, in units of the direction
STRAIGHT = 1e-7  # relative: differences below it count as none, as in a float64 attack
BESIDE, STEP = 1e-3, 1e-4  # gradients are taken so far beside a critical point, with this step
SAME = 1e-5  # relative difference of two rows of one neuron
FITS = 1e-4  # relative residual of a least-squares fit that counts as an equation that holds
AGREED = 3  # critical points that agree on a row, for it to count as one of layer 1
ATTEMPTS = 3  # at a layer, and at improving a row
LINES = 400  # at most, a layer
LARGEST_IMPROVED = 100  # inputs: rows on more of them would take more critical points than all the rest


class Counted:
    """A network in float64, as numpy evaluates it, and how many points it was asked."""

    def __init__(self, network: Network) -> None:
        self._arrays = [(w.astype(np.float64), b.astype(np.float64)) for w, b in network.to_numpy()]
        self.inputs, self.queries = network.input_width, 0

    def __call__(self, points: Floats) -> Floats:
        """The output at every point, shape (points,)."""
        self.queries += len(points)
        values = points
        for number, (weights, biases) in enumerate(self._arrays):
            values = (np.maximum(values, 0) if number else values) @ weights + biases
        return np.asarray(values[:, 0])

    def slopes(self, origin: Floats, direction: Floats, places: list[float]) -> list[tuple[float, float]]:
        """(value, slope) along a line at some places."""
        points = [origin + t * direction for place in places for t in (place, place + STEP)]
        values = self(np.array(points))
        return [(a, (b - a) / STEP) for a, b in zip(values[::2], values[1::2], strict=True)]

    def gradient(self, point: Floats) -> Floats:
        """By one-sided differences."""
        values = self(np.vstack([point, point + STEP * np.eye(self.inputs)]))
        return np.asarray((values[1:] - values[0]) / STEP)


def critical_points(ask: Counted, origin: Floats, direction: Floats) -> list[float]:
    """Where the line bends: two straight pieces are extended to where they meet, or the interval is halved."""
    ends = ask.slopes(origin, direction, [-REACH, REACH])
    open_ones, found = [(-REACH, REACH, *ends)], []
    while open_ones:
        left, right, a, b = open_ones.pop()
        if abs(a[1] - b[1]) <= STRAIGHT * max(abs(a[1]), abs(b[1])) or right - left < 1e-6:
            continue  # bends that cancel are missed, as in any float64 attack
        meet = (b[0] - a[0] + a[1] * left - b[1] * right) / (a[1] - b[1])
        if left < meet < right:
            at = float(ask((origin + meet * direction)[None, :])[0])
            if abs(at - (a[0] + a[1] * (meet - left))) <= STRAIGHT * max(abs(at), abs(a[0]), abs(b[0])):
                found.append(meet)
                continue
        middle = (left + right) / 2
        [centre] = ask.slopes(origin, direction, [middle])
        open_ones += [(left, middle, a, centre), (middle, right, centre, b)]
    return sorted(found)


def jump(ask: Counted, point: Floats, direction: Floats) -> Floats | None:
    """The gradient's change at a critical point; None if it does not stand out of the noise of differences."""
    after, before = ask.gradient(point + BESIDE * direction), ask.gradient(point - BESIDE * direction)
    change = after - before
    return change if np.abs(change).max() > SAME * max(np.abs(after).max(), np.abs(before).max()) else None


def normalised(row: Floats) -> Floats:
    """Divided by the entry of largest size, the bias aside."""
    return np.asarray(row / row[np.abs(row[:-1]).argmax()])


def first_layer(ask: Counted, width: int, random: np.random.Generator) -> list[Floats]:
    """Rows (weights ..., bias) that critical points agree on, those that most agree on first; more than wanted."""
    rows: list[list[Floats]] = []
    for _ in range(LINES):
        origin, direction = _line(ask.inputs, random)
        for t in critical_points(ask, origin, direction):
            point = origin + t * direction
            if any(_on(found, point) for found in rows if len(found) >= AGREED):
                continue
            normal = jump(ask, point, direction)
            if normal is None:
                continue
            row = normalised(np.append(normal, -normal @ point))
            alike = next((found for found in rows if np.abs(found[0][:-1] - row[:-1]).max() < SAME), None)
            alike.append(row) if alike is not None else rows.append([row])
        if sum(len(found) >= AGREED for found in rows) >= width:
            break
    seen = sorted((found for found in rows if len(found) > 1), key=len, reverse=True)
    return [np.mean(found, axis=0) for found in seen]


def _on(rows: list[Floats], point: Floats) -> bool:
    row = rows[0]
    return bool(abs(row[:-1] @ point + row[-1]) <= FITS * np.linalg.norm(row[:-1]) * (1 + np.linalg.norm(point)) / 10)


def _line(inputs: int, random: np.random.Generator) -> tuple[Floats, Floats]:
    direction = random.standard_normal(inputs)
    return random.standard_normal(inputs), direction / np.linalg.norm(direction)


def improved(ask: Counted, row: Floats, below: Below, random: np.random.Generator) -> Floats | None:
    """The row by least squares on critical points near where it predicts them; None if they are not there."""
    points: list[Floats] = []
    for _ in range(6 * len(row)):
        place = below.surface(row, random.standard_normal(ask.inputs) * 4)
        if place is None or len(points) >= 2 * len(row):
            continue
        point, normal = place
        direction = normal / np.linalg.norm(normal)
        a, b = ask.slopes(point, direction, [-BESIDE - STEP, BESIDE])
        if abs(a[1] - b[1]) > STRAIGHT * max(abs(a[1]), abs(b[1])):
            meet = (b[0] - a[0] - a[1] * (BESIDE + STEP) - b[1] * BESIDE) / (a[1] - b[1])
            if abs(meet) < BESIDE / 2:
                points.append(np.append(below.values(point + meet * direction), 1.0))
    if len(points) < len(row):
        return None
    pivot = int(np.abs(row[:-1]).argmax())
    table, others = np.array(points), np.delete(np.arange(len(row)), pivot)
    rest = np.linalg.lstsq(table[:, others], -table[:, pivot], rcond=None)[0]
    for _ in range(2):  # points that are another neuron's fall out
        left = np.abs(table[:, others] @ rest + table[:, pivot])
        kept = left <= 10 * np.median(left) + 1e-300
        if kept.sum() >= len(row):
            table = table[kept]
        rest = np.linalg.lstsq(table[:, others], -table[:, pivot], rcond=None)[0]
    return None if np.abs(rest - row[others]).max() > FITS * 10 else np.insert(rest, pivot, 1.0)


@dataclass
class Below:
    """What lies below a layer: nothing, or signed rows of the first one."""

    rows: list[Floats] = field(default_factory=list)

    def values(self, point: Floats) -> Floats:
        """The inputs of the layer."""
        return np.maximum(self._table @ np.append(point, 1.0), 0) if self.rows else point

    @property
    def _table(self) -> Floats:
        return np.array(self.rows)

    def local(self, point: Floats) -> Floats:
        """Their derivatives, shape (neurons, inputs)."""
        if not self.rows:
            return np.eye(len(point))
        return np.asarray(self._table[:, :-1] * (self.values(point) > 0)[:, None])

    def surface(self, row: Floats, point: Floats) -> tuple[Floats, Floats] | None:
        """(point, gradient) where the row is 0, by Newton steps."""
        for _ in range(12):
            gradient = row[:-1] @ self.local(point)
            value = float(row[:-1] @ self.values(point) + row[-1])
            if not gradient.any() or np.abs(point).max() > REACH:
                return None
            if abs(value) < 1e-9 * np.linalg.norm(gradient):
                return point, gradient
            point = point - gradient * value / (gradient @ gradient)
        return None


def second_layer(ask: Counted, below: Below, width: int, random: np.random.Generator) -> list[Floats]:
    """Rows on the first layer's outputs, merged from partial ones; only complete ones."""
    groups: list[tuple[Floats, int]] = []
    for _ in range(LINES):
        origin, direction = _line(ask.inputs, random)
        for t in critical_points(ask, origin, direction):
            point = origin + t * direction
            if any(_on([row], point) for row in below.rows):
                continue
            partial = _partial(ask, below, point, direction)
            if partial is not None:
                groups = _merged(groups, partial)
        if sum(n > 1 and not np.isnan(row).any() for row, n in groups) >= width:
            break
    whole = [(row, n) for row, n in groups if n > 1 and not np.isnan(row).any()]
    return [normalised(row) for row, _ in sorted(whole, key=lambda g: -g[1])[:width]]


def _partial(ask: Counted, below: Below, point: Floats, direction: Floats) -> Floats | None:
    """The row on the active neurons, NaN on the others."""
    active = np.flatnonzero(below.values(point) > 0)
    normal = jump(ask, point, direction)
    if normal is None:
        return None
    maps = below.local(point)[active]
    found = np.linalg.lstsq(maps.T, normal, rcond=None)[0] if len(active) else np.zeros(0)
    if not len(active) or np.linalg.norm(found @ maps - normal) > FITS * np.linalg.norm(normal):
        return None
    row = np.full(len(below.rows) + 1, np.nan)
    row[active], row[-1] = found, -found @ below.values(point)[active]
    return row


def _merged(groups: list[tuple[Floats, int]], row: Floats, count: int = 1) -> list[tuple[Floats, int]]:
    """The groups with one more row of `count` members, put together with all that it agrees with."""
    for number, (other, members) in enumerate(groups):
        both = _joined(other, members, row, count)
        if both is not None:
            return _merged([*groups[:number], *groups[number + 1 :]], both, members + count)
    return [*groups, (row, count)]


def _joined(first: Floats, count: int, second: Floats, more: int) -> Floats | None:
    """The mean on common entries, if there are at least three and they are proportional."""
    common = np.flatnonzero(~np.isnan(first) & ~np.isnan(second))
    if len(common) < 3:
        return None
    pivot = common[np.abs(first[common]).argmax()]
    scaled = second * (first[pivot] / second[pivot]) if second[pivot] else second
    if np.abs(scaled[common] - first[common]).max() > FITS * np.abs(first[common]).max():
        return None
    both = np.where(np.isnan(first), scaled, first)
    both[common] = (count * first[common] + more * scaled[common]) / (count + more)
    return both


def signs_by_gradients(ask: Counted, rows: list[Floats], random: np.random.Generator) -> list[int]:
    """A neuron is active where the gradient needs it."""
    votes = np.zeros(len(rows))
    table = np.array(rows)
    for _ in range(5):
        point = random.standard_normal(ask.inputs) * 4
        gradient = ask.gradient(point)
        acting = np.abs(np.linalg.lstsq(table[:, :-1].T, gradient, rcond=None)[0])
        side = np.sign(table @ np.append(point, 1.0))
        votes += np.where(acting > FITS * acting.max(), side, -side)
    return [1 if vote > 0 else -1 for vote in votes]


def signs_by_values(ask: Counted, rows: list[Floats], below: Below, random: np.random.Generator) -> list[int]:
    """Least squares with a coefficient for each side; the larger one acts."""
    points = random.standard_normal((8 * len(rows) + 4, ask.inputs)) * 2.0 ** random.integers(
        0, 4, (8 * len(rows) + 4, 1)
    )
    z = np.array([np.array(rows) @ np.append(below.values(point), 1.0) for point in points])
    table = np.hstack([np.maximum(z, 0), np.maximum(-z, 0), np.ones((len(z), 1))])
    found = np.abs(np.linalg.lstsq(table, ask(points), rcond=None)[0])
    return [1 if found[j] > found[len(rows) + j] else -1 for j in range(len(rows))]


def _rows(ask: Counted, widths: list[int], number: int, below: Below, random: np.random.Generator) -> list[Floats]:
    """One layer's rows; of layer 1 only those that could be improved, unless it has too many inputs for that."""
    if number == 1:
        rows = first_layer(ask, widths[1], random)
        if widths[0] > LARGEST_IMPROVED:
            return rows
        return [new for row in rows if (new := _again(ask, row, below, random)) is not None]
    rows = second_layer(ask, below, widths[2], random)
    better = [_again(ask, row, below, random) for row in rows]
    return [row if new is None else new for row, new in zip(rows, better, strict=True)]


def _again(ask: Counted, row: Floats, below: Below, random: np.random.Generator) -> Floats | None:
    tries = (improved(ask, row, below, random) for _ in range(ATTEMPTS))
    return next((new for new in tries if new is not None), None)


def float64_way(network: Network, seed: int) -> tuple[Matched, int]:
    """Rows of both hidden layers as far as they were found, and the queries."""
    ask, random = Counted(network), np.random.default_rng(seed)
    widths = list(network.widths)
    report = MatchReport(widths, seed, "float64", "float64 way", "float64 way")
    report.slice_inputs = list(range(widths[0]))
    found = Matched(report)
    below = Below()
    for number in (1, 2):
        if number == 2 and len(below.rows) < widths[1]:
            break
        for _ in range(ATTEMPTS):
            rows = _rows(ask, widths, number, below, random)
            if len(rows) >= widths[number]:
                break
        rows = rows[: widths[number]]
        layer = MatchedLayer(number, widths[number], rows=len(rows))
        if len(rows) == widths[number]:
            of = signs_by_gradients(ask, rows, random) if number == 1 else signs_by_values(ask, rows, below, random)
            layer.signs, rows = of, [row * sign for row, sign in zip(rows, of, strict=True)]
        report.layers.append(layer)
        found.layers.append([_known(row) for row in rows])
        below = Below(rows) if number == 1 else below
    return found, ask.queries


def _known(row: Floats) -> KnownRow:
    return KnownRow(tuple(arb(float(w)) for w in row[:-1]), arb(float(row[-1])), int(np.abs(row[:-1]).argmax()))


@dataclass
class Side:
    """One way at one network and seed."""

    queries: int
    seconds: float  # of the processor
    rows: list[int]  # a layer
    signs: list[int]  # right ones
    bits: list[float]  # -log2 of the largest true error of a row of the layer, relative to its largest entry
    proved: float | None = None  # bits that are claimed for every entry

    @classmethod
    def of(cls, layers: list[LayerScore], queries: int, seconds: float) -> Side:
        """From the scores."""
        rows = [layer.distinct for layer in layers]
        return cls(queries, seconds, rows, [layer.signs for layer in layers], [layer.bits for layer in layers])


def compared(name: str, seed: int, network: Network) -> dict[str, object]:
    """Both ways."""
    with threadpool_limits(1):
        start = process_time()
        theirs, queries = float64_way(network, seed)
        published = Side.of(scores(network, theirs), queries, process_time() - start)
        start = process_time()
        oracle = HardwareOracle(network, "float64")
        ours = extract_by_matching(oracle, network.widths, seed)
        extracted = Side.of(scores(network, ours), oracle.queries, process_time() - start)
    if ours.report.complete:
        bits = [b for layer in ours.report.layers for b in layer.bits]
        extracted.proved = min([*bits, ours.report.output_bits, ours.report.columns_bits])
    return {"network": name, "seed": seed, "float64": asdict(published), "extraction": asdict(extracted)}


def line(result: dict[str, object]) -> str:
    """One line of the table."""
    a, b = result["float64"], result["extraction"]
    assert isinstance(a, dict)
    assert isinstance(b, dict)
    cells = [
        result["network"],
        result["seed"],
        _counts(a["rows"]),
        _counts(b["rows"]),
        _counts(a["signs"]),
        _counts(b["signs"]),
    ]
    least = [min(side["bits"], default=0.0) for side in (a, b)]
    whole = len(a["rows"]) == len(b["rows"]) == 2
    cells += [f"{bits:.1f}" if side["rows"] else "-" for bits, side in zip(least, (a, b), strict=True)]
    cells += [f"{least[1] / least[0]:.2f}" if whole and least[0] > 0 else "-"]
    cells += ["-" if b["proved"] is None else f"{b['proved']:.1f}", f"{a['queries']:,}", f"{b['queries']:,}"]
    cells += [f"{a['queries'] / b['queries']:.2f}", f"{a['seconds']:.1f}", f"{b['seconds']:.1f}"]
    return "| " + " | ".join(map(str, cells)) + " |"


def _counts(numbers: list[int]) -> str:
    return " + ".join(map(str, numbers))


HEADS = (
    "Network | Seed | Rows, float64 | Rows, ours | Signs, float64 | Signs, ours | Bits, float64 | Bits, ours | Ratio | "
    "Proved bits | Queries, float64 | Queries, ours | Ratio | Seconds, float64 | Seconds, ours"
)


def main() -> None:
    """One line a network and seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "networks", nargs="*", default=["10-5x2-1", "20-10x2-1"], help="files, or widths of random ones"
    )
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    print(f"| {HEADS} |\n| --- | {' | '.join(['---:'] * HEADS.count('|'))} |")
    results = []
    for name in given.networks:
        network = load_network(Path(name)) if Path(name).exists() else random_network(name, 1)
        if len(network.widths) != 4 or network.output_width != 1:
            parser.error(f"{name}: expected two hidden layers and one output")
        for seed in range(given.seeds):
            results.append(compared(Path(name).stem, seed, network))
            print(line(results[-1]), flush=True)
            if given.json is not None:
                given.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
