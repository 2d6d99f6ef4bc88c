"""Which neurons are always or never on in a domain, proved by certificates where intervals do not tell.

Intervals leave open whether a neuron of a later layer is on somewhere in a domain, and so how the canonical form is to
write it. A neuron that is on at every one of some points, or at none, is likely to be so everywhere: that is a
question about the layers up to it alone, which bounds decide.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from random import Random

from flint import fmpq

from precise.arithmetic import Batch
from precise.network import Network, relu
from precise.symmetry.canonical_form import State, canonical_form
from verify.decision import Effort
from verify.neuron_questions import ever_positive
from verify.properties.domain import Domain
from verify.verdict import Outcome

SHRUNK = (1, 8, 64, 512)  # the points are of the domain's box, and of this part of it around its middle
SAMPLES = 256  # points of each
SHARE = 0.25  # of the time that is left for one neuron, at most

States = dict[tuple[int, int], State]  # by (layer, neuron) from 1


def proved_states(network: Network, domain: Domain, effort: Effort, end: float) -> States:
    """The neurons that are proved to be always or never on in the domain, but for those that intervals tell.

    Args:
        network: any.
        domain: of its inputs.
        effort: its seed and tracer count.
        end: on the clock of `time.monotonic`.
    """
    found = States()
    for (layer, neuron), state in _likely(network, domain).items():
        left = end - time.monotonic()
        if left <= 0:
            break
        effort.tracer(f"layer {layer}, neuron {neuron}: {state.value}?")
        above, direction = network.layers[layer - 1], -1 if state is State.ACTIVE else 1
        function = tuple(direction * v for v in above.weights[neuron - 1]), direction * above.biases[neuron - 1]
        verdict = ever_positive(network, layer - 1, [function], domain, SHARE * left, effort.seed)
        if verdict.outcome is Outcome.EQUIVALENT:
            found[layer, neuron] = state
    return found


def _likely(network: Network, domain: Domain) -> Mapping[tuple[int, int], State]:
    """Neurons of which intervals tell nothing, and that are on at all points tried, or at none."""
    box = list(zip(domain.lower, domain.upper, strict=True))
    form, found = canonical_form(network, box), States()
    batch = Batch.from_rows(list(_points(domain)))
    for layer, (affine, neurons) in enumerate(zip(network.layers, form.layers, strict=False), 1):
        values = affine.apply(batch)
        columns = zip(*values.numerators.tolist(), strict=True)
        for neuron, (column, told) in enumerate(zip(columns, neurons, strict=True), 1):
            if told.state is State.BENDS and min(column) >= 0:
                found[layer, neuron] = State.ACTIVE
            elif told.state is State.BENDS and max(column) <= 0:
                found[layer, neuron] = State.DEAD
        batch = relu(values)
    return found


def _points(domain: Domain) -> Iterator[list[fmpq]]:
    random = Random(0)
    middle = [(low + high) / 2 for low, high in zip(domain.lower, domain.upper, strict=True)]
    for part in SHRUNK:
        for _ in range(SAMPLES):
            steps = [fmpq(random.randint(-996, 996), 2 * 996 * part) for _ in middle]
            sizes = zip(middle, steps, domain.lower, domain.upper, strict=True)
            yield [m + step * (high - low) for m, step, low, high in sizes]
