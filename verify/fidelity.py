"""How good a copy is, in the field's terms: proved figures, and sampled ones that are marked as such.

(epsilon, 0)-functional equivalence [CJM20] with its epsilon proved; beside it what samples show, the
bits to which the weights agree layer by layer, and the bound that multiplying norms gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import fmpq

from precise.arithmetic import Batch, rational, to_text
from precise.network import Network
from verify.checker.joint import JointLayer, deepened, joint
from verify.differential.pairing import pair_neurons
from verify.equivalence import Decision, Effort, maximum
from verify.properties.claim import short
from verify.properties.domain import Domain

GRID = 20  # bits of a sampled point's place in the box: exact numbers stay short


@dataclass(frozen=True)
class Agreement:
    """How well the paired neurons of one layer agree."""

    layer: int  # from 1; the last one is the outputs
    paired: int  # neurons of f with a partner in g
    alone: int  # neurons of either network without
    bits: int | None  # the largest difference of weights is below 2^-bits of the largest weight; None: none differ


@dataclass(frozen=True)
class Sampled:
    """What random points of the domain show: estimates, which prove nothing."""

    points: int
    largest: fmpq  # |g - f|, exact at the points
    mean: fmpq
    same_top1: int | None  # points with the same largest output; None: there is one output only


@dataclass(frozen=True)
class Fidelity:
    """A summary of how close g is to f on a domain."""

    decision: Decision  # of the maximum: what is attained, what is proved
    agreement: tuple[Agreement, ...]
    sampled: Sampled
    norm_product: float | None  # a bound in floating point, not proved, for comparison; None: neurons are unpaired

    @property
    def epsilon(self) -> fmpq:
        """|g - f| is at most this on the whole domain: proved."""
        return rational(str(self.decision.verdict.details["proved"]))

    def to_json(self) -> dict[str, object]:
        """The summary for programs."""
        details = self.decision.verdict.details
        return {
            "domain": self.decision.verdict.domain,
            "functional_equivalence": {"epsilon": details["proved"], "delta": 0, "proved": True},
            "attained": {"difference": details["attained"], "point": details["point"]},
            "bits_of_agreement": [
                {"layer": a.layer, "paired": a.paired, "alone": a.alone, "bits": a.bits} for a in self.agreement
            ],
            "sampled": {
                "points": self.sampled.points,
                "largest": to_text(self.sampled.largest),
                "mean": to_text(self.sampled.mean),
                "same_top1": self.sampled.same_top1,
                "proved": False,
            },
            "norm_product": {"bound": self.norm_product, "proved": False},
        }

    def text(self) -> str:
        """The summary for people."""
        attained = rational(str(self.decision.verdict.details["attained"]))
        lines = [
            f"on {self.decision.verdict.domain}",
            f"proved     |g - f| <= {short(self.epsilon)}: ({short(self.epsilon)}, 0)-functionally equivalent",
            f"attained   |g - f| = {short(attained)} at one input, exactly",
            f"sampled    {self.sampled.points} points: at most {short(self.sampled.largest)}, "
            f"{short(self.sampled.mean)} on average (an estimate)",
        ]
        if self.sampled.same_top1 is not None:
            lines.append(f"           same top class at {self.sampled.same_top1} of them (an estimate)")
        if self.norm_product is not None:
            lines.append(f"norms      {self.norm_product:.4g}, the product bound in floating point (for comparison)")
        lines += [f"layer {a.layer:<5}{_agreed(a)}" for a in self.agreement]
        return "\n".join(lines)


def fidelity(
    first: Network, second: Network, domain: Domain, effort: Effort | None = None, samples: int = 1000
) -> Fidelity:
    """Summarise how close g is to f on a domain.

    Args:
        first: f.
        second: g, with the same inputs and outputs.
        domain: a box; half-spaces are respected by the proof, and thin out the samples.
        effort: for the proof.
        samples: random points to draw from the box.

    Raises:
        InputError: the numbers of inputs or outputs do not fit.
    """
    tried = effort or Effort()
    decision = maximum(first, second, domain, tried)
    pairs = pair_neurons(first, second)
    layers = joint(first, second, pairs)
    counts = [len(layer) for layer in pairs]
    agreement = tuple(_agreement(number, layer, counts) for number, layer in enumerate(layers, 1))
    sampled = _sampled(first, second, domain, samples, tried.seed)
    return Fidelity(decision, agreement, sampled, _norm_product(first, second, domain, layers, counts))


def _agreement(number: int, layer: JointLayer, counts: Sequence[int]) -> Agreement:
    """From the joint network's exact differences, over the inputs that have partners."""
    paired = counts[number - 1] if number <= len(counts) else layer.blocks
    columns = counts[number - 2] if number > 1 else layer.matrix.ncols()
    rows = layer.matrix.tolist()
    values = [v for row in rows[:paired] for v in row[:columns]] + list(layer.offsets[:paired])
    n = layer.blocks
    gaps = [v for row in rows[n : n + paired] for v in row[:columns]] + list(layer.offsets[n : n + paired])
    largest, gap = max(map(abs, values), default=fmpq(0)), max(map(abs, gaps), default=fmpq(0))
    bits = None if gap == 0 else 0 if largest == 0 else _bits(gap / largest)
    return Agreement(number, paired, n - paired, bits)


def _bits(ratio: fmpq) -> int:
    """The largest b of at least 0 with ratio <= 2^-b; 0 if there is none."""
    bits = max(int(ratio.q).bit_length() - int(ratio.p).bit_length(), 0)
    while bits and ratio > fmpq(1, 1 << bits):
        bits -= 1
    return bits


def _agreed(agreement: Agreement) -> str:
    text = "identical" if agreement.bits is None else f"{agreement.bits} bit{'s' * (agreement.bits != 1)}"
    text = f"{agreement.paired} paired, {text}" if agreement.paired else "none paired"
    return text + (f"; {agreement.alone} without partner" if agreement.alone else "")


def _sampled(first: Network, second: Network, domain: Domain, samples: int, seed: int) -> Sampled:
    generator = np.random.default_rng(seed)
    shares = generator.integers(0, 1 << GRID, (samples, domain.inputs), endpoint=True).tolist()
    widths = [(high - low) / (1 << GRID) for low, high in zip(domain.lower, domain.upper, strict=True)]
    points = [[a + n * w for n, a, w in zip(row, domain.lower, widths)] for row in shares]
    points = [point for point in points if domain.contains(point)]
    if not points:
        return Sampled(0, fmpq(0), fmpq(0), None)
    batch = Batch.from_rows(points)
    outputs = list(zip(first.evaluate(batch).rows(), second.evaluate(batch).rows(), strict=True))
    gaps = [max(abs(b - a) for a, b in zip(*pair, strict=True)) for pair in outputs]
    same = sum(a.index(max(a)) == b.index(max(b)) for a, b in outputs) if first.output_width > 1 else None
    return Sampled(len(points), max(gaps), sum(gaps, fmpq(0)) / len(gaps), same)


def _norm_product(
    first: Network, second: Network, domain: Domain, layers: Sequence[JointLayer], counts: Sequence[int]
) -> float | None:
    """|g - f| by norms: size and error pass through a layer times its spectral norm [CJM20]; None: neurons unpaired."""
    if any(count < layer.blocks for count, layer in zip(counts, layers)):
        return None
    corners = [max(abs(a), abs(b)) for a, b in zip(domain.lower, domain.upper, strict=True)]
    size, error = float(np.linalg.norm([_float(v) for v in corners])), 0.0
    weights = deepened(first, len(layers))
    for layer, (rows, biases) in zip(layers, weights, strict=True):
        n, width = layer.blocks, len(rows[0])
        joint_rows = np.array([_float(v) for v in layer.matrix.entries()]).reshape(2 * n, -1)
        offsets = np.array([_float(v) for v in layer.offsets])
        gap, own = joint_rows[n:, :width], joint_rows[:n, :width]
        other = joint_rows[n:, width:] if joint_rows.shape[1] > width else own + gap
        error = _norm(other) * error + _norm(gap) * size + float(np.linalg.norm(offsets[n:]))
        size = _norm(own) * size + float(np.linalg.norm([_float(b) for b in biases]))
    return error


def _norm(matrix: np.ndarray) -> float:
    return float(np.linalg.norm(matrix, 2))


def _float(value: fmpq) -> float:
    return int(value.p) / int(value.q)
