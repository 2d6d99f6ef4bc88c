"""Which neurons are always or never on in a domain, proved by certificates where intervals do not tell.

Intervals leave open whether a neuron of a later layer is on somewhere in a domain, and so how the canonical form is to
write it. A neuron that is on at every one of some points, or at none, is likely to be so everywhere: that is a
question about the layers up to it alone, which bounds decide.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from random import Random

from flint import fmpq

from precise.arithmetic import Batch
from precise.network import Network, relu
from precise.symmetry.canonical_form import CanonicalForm, State, canonical_form
from verify.decision import Effort
from verify.neuron_questions import ever_positive, preactivation
from verify.properties.domain import Domain
from verify.verdict import Outcome

SHRUNK = (1, 8, 64, 512)  # the points are of the domain's box, and of this part of it around its middle
SAMPLES = 256  # points of each
SHARE = 0.25  # of the time that is left for one neuron, at most

States = dict[tuple[int, int], State]  # by (layer, neuron) from 1


def form_with_states(network: Network, domain: Domain, effort: Effort, end: float) -> tuple[CanonicalForm, int]:
    """The canonical form on the domain's box, with the states that are proved besides those that intervals tell.

    Args:
        network: any.
        domain: of its inputs.
        effort: its seed and tracer count.
        end: on the clock of `time.monotonic`.

    Returns:
        The form, which is the network on the domain, and how many states were proved for it.
    """
    box = list(zip(domain.lower, domain.upper, strict=True))
    form, found = canonical_form(network, box), States()
    for (layer, neuron), state in _likely(network, form, domain).items():
        left = end - time.monotonic()
        if left <= 0:
            break
        effort.tracer(f"layer {layer}, neuron {neuron}: {state.value}?")
        function = preactivation(network, layer, neuron, -1 if state is State.ACTIVE else 1)
        verdict = ever_positive(network, layer - 1, [function], domain, SHARE * left, effort.seed)
        if verdict.outcome is Outcome.EQUIVALENT:
            found[layer, neuron] = state
    return canonical_form(network, box, found) if found else form, len(found)


def _likely(network: Network, form: CanonicalForm, domain: Domain) -> States:
    """Neurons of which intervals tell nothing, and that are on at all points tried, or at none."""
    found, batch = States(), Batch.from_rows(list(_points(domain)))
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
