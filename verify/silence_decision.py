"""Claims that hold because the weights in which f and g differ act nowhere in the domain.

A copy may lack weights that no query has shown, with others in their place that are right by no bound: what they read
is on where their neuron is off. Layer by layer, from the first one: where all neurons below hand on the same, a neuron
with other weights does so too if it is off in both networks wherever one of these weights reads something. That is a
question about the layers up to the neuron alone, and whether both are on at one input a conjunction that bounds decide.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from flint import fmpq

from precise.network import Network
from precise.symmetry.merging import merge_copies
from verify.decision import Decision, Effort, Engine, kept_by_equal, refuted
from verify.equality.silence import Difference, SilentDomain, silent_domain
from verify.neuron_questions import Function, ever_positive
from verify.properties.claim import Claim, Excluded, replay
from verify.properties.domain import Domain
from verify.verdict import Outcome

ENGINE = "silence"
SAMPLES = 64  # random points of the domain's box, at all of which the weights have to be silent for a proof to be tried
MOST = 256  # weights that differ
MORE = 4  # times as much of the time for one as for each of those after it


@dataclass(frozen=True)
class _Question:
    """Are a neuron and one that it reads both on somewhere, or is an output reading one that is on?"""

    network: Network
    layer: int  # that hands on what is read, from 1; 0: the inputs
    functions: tuple[Function, ...]  # of what it hands on: to be positive at one input
    before: tuple[int, int] | None  # what is read, split first: (layer from 1, neuron from 0); None: nothing is


def lacking(first: Network, second: Network, domain: Domain) -> SilentDomain | None:
    """Where the weights are silent that differ; None: not at every one of some points, or nothing like it is to be."""
    if len(first.layers) != len(second.layers) or {first.input_width, second.input_width} != {domain.inputs}:
        return None
    random, ends = Random(0), list(zip(domain.lower, domain.upper, strict=True))
    points = [[low + (high - low) * fmpq(random.randrange(997), 996) for low, high in ends] for _ in range(SAMPLES)]
    if any(first(point) != second(point) for point in points):  # quickly done, where all weights differ a little
        return None
    silent = silent_domain(*(merge_copies(network).network for network in (first, second)))
    return silent if 0 < silent.weights <= MOST and all(silent.contains(points)) else None


def decide_by_silence(
    first: Network, second: Network, domain: Domain, claim: Claim, silent: SilentDomain, effort: Effort
) -> Decision | None:
    """The proof of a claim that equal networks keep, or an input at which a weight that differs acts.

    Args:
        first: f.
        second: g, with the same inputs and outputs.
        domain: of the inputs.
        claim: `Excluded` is about values that equal networks may take.
        silent: of f and g, see `lacking`.
        effort: its seconds are for all questions together.

    Returns:
        None: it was not decided.
    """
    begun = time.monotonic()
    if isinstance(claim, Excluded):
        return None
    asked = [_questions(silent, difference) for difference in silent.differences]
    questions = [question for some in asked for question in some or ()]
    if None in asked:
        return None
    leaves = 0
    for number, question in enumerate(questions):
        left = begun + effort.seconds - time.monotonic()
        if left <= 0:
            return None
        effort.tracer(f"weights that differ: question {number + 1} of {len(questions)}")
        seconds = min(left, MORE * left / (len(questions) - number))
        found = ever_positive(
            question.network, question.layer, question.functions, domain, seconds, effort.seed, question.before
        )
        if found.witness is not None:
            witness = replay(claim, domain, first, second, found.witness.point)
            if witness is None:
                return None
            return refuted(claim, domain, first, second, witness, Engine.BOUNDS, time.monotonic() - begun)
        if found.outcome is Outcome.UNKNOWN:
            return None
        leaves += int(str(found.details["leaves"]))
    which = f"{silent.weights} weights that differ act" if silent.weights > 1 else "the weight that differs acts"
    count = f"{len(questions)} question{'s' * (len(questions) > 1)} about single neurons"
    reason = (
        f"{which} nowhere there: {count}, settled by certificates that were checked in exact arithmetic, {leaves} "
        "leaves together"
    )
    return kept_by_equal(claim, domain, reason, ENGINE, time.monotonic() - begun, {"leaves": leaves})


def _questions(silent: SilentDomain, difference: Difference) -> list[_Question] | None:
    """What has to be answered with no for one neuron; None: this is not how it can be told."""
    layer, last = difference.layer, difference.layer == len(silent.networks[0].layers)
    alone = difference.whole or layer == 1  # inputs are hardly ever 0
    reads = [((p.first, p.second), abs(p.scale or fmpq(1))) for p in difference.inputs if p.first and p.second]
    if (alone and last) or len(reads) < len(difference.inputs):
        return None
    found = []
    for side in (0, 1) if alone or last else _sides(silent, difference, reads):
        neuron = None if last else (difference.first, difference.second)[side] - 1
        for read in [None] if alone else [numbers[side] - 1 for numbers, _ in reads]:
            found.append(_question(silent.networks[side], layer, neuron, read))
    return found


def _sides(
    silent: SilentDomain, difference: Difference, reads: Sequence[tuple[tuple[int, int], fmpq]]
) -> Sequence[int]:
    """The networks whose neuron has to be asked about: where values are equal, that of the other is never greater."""
    f, g = (
        network.layers[difference.layer - 1].weights[number - 1]
        for network, number in zip(silent.networks, (difference.first, difference.second), strict=True)
    )
    more = [g[j - 1] * scale / difference.scale - f[i - 1] for (i, j), scale in reads]
    return (0,) if all(v <= 0 for v in more) else (1,) if all(v >= 0 for v in more) else (0, 1)


def _question(network: Network, layer: int, neuron: int | None, read: int | None) -> _Question:
    """Of a layer from 1, a neuron there and one of the layer below from 0."""
    above = network.layers[layer - 1]
    functions = [] if read is None else [(tuple(fmpq(int(c == read)) for c in range(above.inputs)), fmpq(0))]
    functions += [] if neuron is None else [(above.weights[neuron], above.biases[neuron])]
    return _Question(network, layer - 1, tuple(functions), None if read is None else (layer - 1, read))
