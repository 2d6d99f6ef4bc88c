"""Two networks on a domain as the search sees them: in float64, beside what is exact."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from precise.network import Network
from verify.checker.check import targets
from verify.checker.joint import Blocks, joint
from verify.differential import attack, bounds
from verify.differential.bounds import Array
from verify.differential.linear_program import Facets
from verify.differential.pairing import pair_neurons
from verify.differential.problem import Problem, float_target, phases_fit, to_near
from verify.errors import InputError
from verify.properties.claim import Claim, is_equality, replay
from verify.properties.domain import Domain
from verify.verdict import Witness


class Question:
    """The networks f and g under a pairing of their neurons, on a domain.

    Raises:
        InputError: the numbers of inputs or outputs do not fit, or a number is too large for float64.
    """

    def __init__(self, first: Network, second: Network, domain: Domain) -> None:
        for mine, other, kind in (
            (first.input_width, second.input_width, "inputs"),
            (first.output_width, second.output_width, "outputs"),
        ):
            if mine != other:
                raise InputError(f"expected networks with the same number of {kind}, not {mine} and {other}")
        if domain.inputs != first.input_width:
            raise InputError(f"expected a domain of {first.input_width} inputs, not {domain.inputs}")
        self.first, self.second, self.domain = first, second, domain
        self.pairs = pair_neurons(first, second)
        self.joint = joint(first, second, self.pairs)
        with _in_floats("weights and a domain"):
            self.layers = tuple(bounds.as_floats(self.joint))
            self.lower = np.array([to_near(v) for v in domain.lower])
            self.upper = np.array([to_near(v) for v in domain.upper])
            self.facets = _facets(domain)
        self.inner = [(a + b) / 2 for a, b in zip(domain.lower, domain.upper)] if not domain.halfspaces else None

    def problem(self, claim: Claim, seconds: float) -> Problem:
        """What a claim needs to be bounded, with a limit of seconds for each linear program.

        Raises:
            InputError: a number of the claim is too large for float64.
        """
        wanted = targets(claim.to_json(), self.first.output_width)
        with _in_floats("numbers in the claim"):
            rows = tuple(float_target(t.row, t.sides, t.threshold) for t in wanted)
        return Problem(self.layers, rows, self.facets, self.upper - self.lower, is_equality(claim), seconds)

    def block(self, layer: int, neuron: int) -> tuple[int, int]:
        """The block of one of f's neurons (layer from 1, neuron and block from 0)."""
        sizes = (network.layers[layer - 1].neurons for network in (self.first, self.second))
        blocks = Blocks.of(self.pairs[layer - 1], *sizes)
        return layer, [*(i for i, _, _ in blocks.pairs), *blocks.first_alone].index(neuron)

    def whole(self) -> bounds.Part:
        """The whole domain, to be split by values."""
        return bounds.whole(self.layers, self.lower, self.upper)

    def executions(self) -> bounds.Part | None:
        """The whole domain, to be split by phase; None: g is too far from f for that, or they are too deep."""
        root = bounds.whole(self.layers, self.lower, self.upper, by_phase=True)
        return root if phases_fit(self.layers, root) else None

    def starts(self, count: int, seed: int) -> Array:
        """Points to climb from, shape (count, inputs)."""
        return attack.starts(self.lower, self.upper, count, seed)

    def climbed(self, row: Array, points: Array) -> Array:
        """Points that make a row over (f's outputs, differences) large, best first, shape (points, inputs)."""
        facets = np.column_stack([self.facets.normals, self.facets.bounds]) if len(self.facets.bounds) else None
        return attack.climb(self.layers, self.lower, self.upper, row, points, facets)

    def replayed(self, claim: Claim, point: Array) -> Witness | None:
        """What refutes a claim at a point, or a push off the kinks away from it; None: nothing there does."""
        for exact in attack.exact_points(self.domain, point, self.inner):
            witness = replay(claim, self.domain, self.first, self.second, exact)
            if witness is not None:
                return witness
        return None


@contextmanager
def _in_floats(what: str) -> Iterator[None]:
    try:
        yield
    except OverflowError as error:
        raise InputError(f"expected {what} below 1e308 in size: the search is in float64") from error


def _facets(domain: Domain) -> Facets:
    normals = [[to_near(v) for v in normal] for normal, _ in domain.halfspaces]
    return Facets(
        np.array(normals).reshape(len(normals), domain.inputs),
        np.array([to_near(bound) for _, bound in domain.halfspaces]),
    )
