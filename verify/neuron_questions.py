"""Questions about single neurons of one network on a domain, decided by bounds: are some of them on at one input?"""

from __future__ import annotations

from collections.abc import Sequence

from flint import fmpq

from precise.network import Layer, Network, Row
from verify.bounds_decision import decide_by_bounds
from verify.decision import Effort, Engine
from verify.properties.claim import Excluded
from verify.properties.domain import Domain
from verify.verdict import Verdict

Function = tuple[Row, fmpq]  # weights over what a layer hands on, and a bias


def preactivation(network: Network, layer: int, neuron: int, sign: int) -> Function:
    """A neuron's preactivation, or for a sign of -1 its negative, over what the layer before hands on; both from 1."""
    above = network.layers[layer - 1]
    return tuple(sign * w for w in above.weights[neuron - 1]), sign * above.biases[neuron - 1]


def ever_positive(
    network: Network,
    layer: int,
    functions: Sequence[Function],
    domain: Domain,
    seconds: float,
    seed: int = 0,
    before: tuple[int, int] | None = None,
) -> Verdict:
    """Whether affine functions of what a layer hands on are all positive at one input of a domain.

    Args:
        network: the layers up to that one count.
        layer: its number from 1; 0: the functions are of the inputs.
        functions: at least one.
        domain: of the inputs.
        seconds: for search and check.
        seed: of the search.
        before: the neuron that is split before all others, (layer from 1, neuron from 0).

    Returns:
        *different*, with such an input; *equivalent*: there is none, by a certificate that was checked; or *unknown*.

    Raises:
        InputError: a number is too large for float64.
    """
    outputs = Layer(tuple(weights for weights, _ in functions), tuple(bias for _, bias in functions))
    asked = Network((*network.layers[:layer], outputs))
    width = len(functions)
    rows = [tuple(fmpq(int(c == r)) for c in range(2 * width)) for r in range(width)]  # over outputs and differences
    claim = Excluded((tuple((row, fmpq(0), True) for row in rows),))
    effort = Effort(seconds, seed=seed, engine=Engine.BOUNDS)
    return decide_by_bounds(asked, asked, domain, claim, effort, before).verdict
