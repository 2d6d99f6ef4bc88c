"""Equality wherever the weights that differ are silent: a proof neuron by neuron, whatever those weights are.

A copy may lack weights of neurons that are hardly ever on; no input may be known on which these act, and no proof
that there is none. But where neither network lets them act, all that acts is the same in both: by induction over
the layers, neurons that are paired hand on the same value up to their positive factor. A weight is *silent* at an
input if the neuron that it reads is off, or the neuron that it belongs to is off in both networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from flint import fmpq

from precise.arithmetic import Batch, RationalLike
from precise.network import Network, relu
from precise.symmetry.alignment import Match, Pair, align
from verify.verdict import Outcome, Verdict

CLAIM = "f(x) = g(x)"
POINTS = 1024  # at which it is counted how much of a box the domain holds
SIZE = 1024  # of this box, |x| <= SIZE
GRID = 8  # the points' coordinates are multiples of 1 / GRID

Off = list[list[list[bool]]]  # [layer, 0 the inputs][point][neuron]: is its value 0?


@dataclass(frozen=True)
class Difference:
    """A neuron of which not all weights agree, and where these are silent."""

    layer: int  # from 1; the last is the output layer
    first: int  # the neuron's number in the first network, from 1
    second: int  # and in the second
    inputs: tuple[Pair, ...]  # neurons of the layer below (in layer 1: inputs) whose weights differ
    whole: bool  # its bias or its sign differs: silent only where the neuron itself is off
    scale: fmpq  # the second row is this multiple of the first, where they agree

    def to_json(self) -> dict[str, object]:
        """Numbers from 1, a pair [first, second] for every neuron that is read; None: that network has none."""
        return {
            "layer": self.layer,
            "first": self.first,
            "second": self.second,
            "inputs": [[pair.first, pair.second] for pair in self.inputs],
            "whole": self.whole,
        }


@dataclass(frozen=True)
class SilentDomain:
    """The inputs at which all weights that differ between two networks are silent; membership is exact."""

    networks: tuple[Network, Network]
    differences: tuple[Difference, ...]

    def contains(self, points: Sequence[Sequence[RationalLike]]) -> list[bool]:
        """Does the domain hold each of the points, shape (points, inputs)? There the networks are equal.

        Raises:
            InputError: a point has another width than the inputs, or something that is not a finite number.
        """
        batch = Batch.from_rows(points)
        off = [_off(network, batch) for network in self.networks]
        last = len(self.networks[0].layers)
        return [all(_silent(d, off, point, last) for d in self.differences) for point in range(batch.size)]

    @property
    def weights(self) -> int:
        """The number of weights and biases that differ."""
        return sum(len(difference.inputs) + difference.whole for difference in self.differences)

    def describe(self) -> str:
        """The domain in words."""
        inputs = self.networks[0].input_width
        if not self.differences:
            return f"all of R^{inputs}"
        which = "the weight that differs is" if self.weights == 1 else f"the {self.weights} weights that differ are"
        return f"the inputs of R^{inputs} at which {which} silent"


def silent_domain(first: Network, second: Network) -> SilentDomain:
    """Where the weights that differ between two networks are silent, so that these are equal there.

    Args:
        first: f, any network.
        second: g, another with as many layers, inputs and outputs; its layers may have other widths.

    Raises:
        InputError: the networks differ in the number of layers, inputs or outputs.
    """
    below = [Pair(number, number, Match.EXACT, fmpq(1)) for number in range(1, first.input_width + 1)]
    found = []
    for layer in align(first, second):
        for pair in layer.pairs:
            if pair.first is None or pair.second is None or pair.match is Match.EXACT:
                continue  # what only one network has acts through weights of the next layer, where the other has 0
            opposite = pair.match is Match.FLIPPED or pair.scale is None or pair.scale < 0
            inputs = tuple(below[entry - 1] for entry in pair.entries if entry)
            whole = opposite or 0 in pair.entries
            found.append(Difference(layer.layer, pair.first, pair.second, inputs, whole, pair.scale or fmpq(1)))
        below = list(layer.pairs)
    return SilentDomain((first, second), tuple(found))


def prove_equal_where_silent(first: Network, second: Network, seed: int = 0) -> Verdict:
    """Equality on the inputs at which no weight acts that differs: `SilentDomain`, proved by comparing weights.

    The verdict is *equal*, or *unknown* if no random point was found in the domain, which may then be empty.

    Args:
        first: f, any network.
        second: g, another with as many layers, inputs and outputs.
        seed: of the random points by which the size of the domain is told.

    Raises:
        InputError: the networks differ in the number of layers, inputs or outputs.
    """
    domain = silent_domain(first, second)
    random = Random(seed)
    size = SIZE * GRID
    rows = [[fmpq(random.randint(-size, size), GRID) for _ in range(first.input_width)] for _ in range(POINTS)]
    inside = sum(domain.contains(rows))
    share = f"{inside:,} of {POINTS:,} random points with |x| <= {SIZE} (seed {seed})"
    details: dict[str, object] = {
        "differences": [difference.to_json() for difference in domain.differences],
        "points": POINTS,
        "inside": inside,
    }
    if not inside:
        reason = f"the weights that differ were silent at {share}: where they are silent is too little to speak of"
        return Verdict(Outcome.UNKNOWN, domain.describe(), CLAIM, reason, details=details)
    reason = f"{_agreement(domain)}; {share} are such inputs"
    return Verdict(Outcome.EQUAL, domain.describe(), CLAIM, reason, details=details)


def _off(network: Network, batch: Batch) -> Off:
    """Which values are 0, of the inputs and of every layer (of the outputs: which are not positive)."""
    found = [[[not value for value in row] for row in batch.numerators.tolist()]]
    for layer in network.layers:
        values = layer.apply(batch)
        found.append([[value <= 0 for value in row] for row in values.numerators.tolist()])
        batch = relu(values)
    return found


def _silent(difference: Difference, off: Sequence[Off], point: int, last: int) -> bool:
    """Are the weights that differ in one neuron silent at one point?"""
    layer = difference.layer

    def silent(at: int, pair: Pair) -> bool:
        numbers = zip(off, (pair.first, pair.second), strict=True)
        return all(values[at][point][number - 1] for values, number in numbers if number is not None)

    if not difference.whole and all(silent(layer - 1, pair) for pair in difference.inputs):
        return True
    return layer < last and silent(layer, Pair(difference.first, difference.second, Match.DIFFERS))


def _agreement(domain: SilentDomain) -> str:
    """In which neurons the weights differ, in words."""
    layers = sorted({difference.layer for difference in domain.differences})
    if not layers:
        return "all weights agree up to the neurons' order and positive factors"
    places = []
    for layer in layers:
        numbers = [difference.first for difference in domain.differences if difference.layer == layer]
        kind = "output" if layer == len(domain.networks[0].layers) else "neuron"
        places.append(f"layer {layer} ({kind}{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))})")
    return (
        f"up to the neurons' order and positive factors, weights differ only in {', '.join(places)}, and what is on "
        "at these inputs is the same in both networks"
    )
