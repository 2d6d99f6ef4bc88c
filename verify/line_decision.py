"""Claims about networks that see one number of every input only: decided exactly, at the places where they bend.

Where all rows of both first layers are multiples of one vector, an input counts by its product with that vector alone,
and a segment between two corners of the box holds an input for every value that this takes. On a segment a ReLU network
is affine between finitely many places, which are computed layer after layer. So it is behind a layer of one neuron that
is the same function in both.
"""

from __future__ import annotations

import time
from itertools import pairwise, product

from flint import fmpq

from precise.arithmetic import Batch
from precise.network import Layer, Network, Row, relu
from precise.symmetry.interval import Range, preactivation_ranges
from verify.decision import Decision, Engine, kept_by_equal, refuted
from verify.equality.by_form import same_function
from verify.properties.claim import Claim, Excluded, Within, replay
from verify.properties.domain import Domain
from verify.verdict import Outcome

ENGINE = "line"
MOST = 4096  # places where a network bends; each layer may double them

Point = list[fmpq]


def decide_on_a_line(first: Network, second: Network, domain: Domain, claim: Claim) -> Decision | None:
    """Decide whether f and g are near enough or equal; None: they see more of an input, or it is another claim.

    Args:
        first: f.
        second: g, with the same inputs and outputs.
        domain: a box.
        claim: one that equal networks keep; one about more than |g - f| is decided only if they are equal.
    """
    begun = time.monotonic()
    direction = _direction([row for network in (first, second) for row in network.layers[0].weights])
    if direction is None or domain.halfspaces or isinstance(claim, Excluded):
        return None
    ends = list(zip(domain.lower, domain.upper, direction, strict=True))
    start, end = [low if w >= 0 else high for low, high, w in ends], [high if w >= 0 else low for low, high, w in ends]
    found = [_bends(network, start, end) for network in (first, second)]
    if found[0] is None or found[1] is None:
        return None
    points = [_between(start, end, share) for share in sorted({*found[0], *found[1]})]
    if isinstance(claim, Within):
        witness = next((w for point in points if (w := replay(claim, domain, first, second, point))), None)
        if witness is not None:
            return refuted(claim, domain, first, second, witness, Engine.BOUNDS, time.monotonic() - begun)
    elif any(first(point) != second(point) for point in points):
        return None
    reason = (
        "all that both networks see of an input is one number: it holds, in exact arithmetic, at the "
        f"{len(points)} places on a line where one of them bends, and so between them"
    )
    return kept_by_equal(claim, domain, reason, ENGINE, time.monotonic() - begun)


def decide_behind_one_neuron(first: Network, second: Network, domain: Domain, claim: Claim) -> Decision | None:
    """Prove a claim that equal networks keep by what f and g make of the only neuron of a layer, the same in both.

    Args:
        first: f.
        second: g, with the same inputs and outputs.
        domain: of the inputs.
        claim: as in `decide_on_a_line`.

    Returns:
        None: there are no such neurons, or what is behind them differs, perhaps for values that they do not take.
    """
    begun = time.monotonic()
    single = [
        [n for n, layer in enumerate(network.layers[:-1], 1) if layer.neurons == 1] for network in (first, second)
    ]
    for depth, other in product(*single):
        head = Network(first.layers[:depth])
        factor = _factor(head, Network(second.layers[:other]), domain)
        if factor is None or not same_function(head, _divided(Network(second.layers[:other]), factor), domain):
            continue
        tails = _behind(first, depth, fmpq(1)), _behind(second, other, factor)
        found = decide_on_a_line(*tails, _range(head, domain), claim)
        if found is not None and found.verdict.outcome is not Outcome.DIFFERENT:
            reason = f"the only neuron of layer {depth} is the same function in both; behind it, {found.verdict.reason}"
            return kept_by_equal(claim, domain, reason, ENGINE, time.monotonic() - begun)
    return None


def _factor(head: Network, other: Network, domain: Domain) -> fmpq | None:
    """The positive factor by which one network with one output is another, by a corner of the domain; None: none is."""
    for corner in (list(domain.lower), list(domain.upper)):
        (a,), (b,) = head(corner), other(corner)
        if a:
            return b / a if b / a > 0 else None
    return None


def _divided(head: Network, factor: fmpq) -> Network:
    *layers, last = head.layers
    weights = tuple(tuple(w / factor for w in row) for row in last.weights)
    return Network((*layers, Layer(weights, tuple(b / factor for b in last.biases))))


def _behind(network: Network, depth: int, factor: fmpq) -> Network:
    """The network as a function of its only neuron of a layer, over this factor, before relu."""
    return Network((Layer(((factor,),), (fmpq(0),)), *network.layers[depth:]))


def _range(head: Network, domain: Domain) -> Domain:
    """What the only output of a network may be, and perhaps more."""
    ranges = [Range(low, high) for low, high in zip(domain.lower, domain.upper, strict=True)]
    *_, (output,) = preactivation_ranges(head.layers, ranges)
    low, high = output.low, output.high
    assert low is not None, "the domain is bounded"
    assert high is not None, "the domain is bounded"
    return Domain((low,), (high,))


def _direction(rows: list[Row]) -> Row | None:
    """The vector of which all rows are multiples; None: there is none."""
    direction = next((row for row in rows if any(row)), rows[0])
    lead = next((c for c, w in enumerate(direction) if w), 0)
    if any(a * direction[lead] != b * row[lead] for row in rows for a, b in zip(row, direction, strict=True)):
        return None
    return direction


def _bends(network: Network, start: Point, end: Point) -> list[fmpq] | None:
    """Both ends of a segment and the places between, as shares of it, where a network bends; None: too many."""
    shares = [fmpq(0), fmpq(1)]
    for depth in range(1, len(network.layers)):
        batch = Batch.from_rows([_between(start, end, share) for share in shares])
        for number, layer in enumerate(network.layers[:depth]):
            batch = layer.apply(relu(batch) if number else batch)
        rows = batch.rows()
        shares = sorted(
            {
                *shares,
                *(
                    a + (b - a) * y / (y - z)
                    for (a, b), (low, high) in zip(pairwise(shares), pairwise(rows), strict=True)
                    for y, z in zip(low, high, strict=True)
                    if y * z < 0
                ),
            }
        )
        if len(shares) > MOST:
            return None
    return shares


def _between(start: Point, end: Point, share: fmpq) -> Point:
    return [a + share * (b - a) for a, b in zip(start, end, strict=True)]
