"""Other ways to compare two networks, as baselines: the product MILP in HiGHS, and plain Z3.

They run on the numbers that floats make of the networks, as their users run them; what they answer is compared
with what is proved.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import highspy
import numpy as np
import z3

from precise.network import Network
from precise.quiet_highs import QuietHighs
from verify.differential.problem import to_near
from verify.properties.claim import Claim
from verify.properties.domain import Domain
from verify.smt_lib import script


@dataclass(frozen=True)
class PeerAnswer:
    """What a peer said."""

    seconds: float
    largest: float | None = None  # max |g - f| that it calls optimal; None: no such answer
    holds: bool | None = None  # of the claim; None: it gave up


def product_milp(first: Network, second: Network, domain: Domain, seconds: float) -> PeerAnswer:
    """max |g - f| by one mixed-integer program: both networks, big-M constants from interval bounds."""
    begun, found = perf_counter(), 0.0
    for output in range(first.output_width):
        for sign in (1.0, -1.0):
            value = _maximised(first, second, domain, output, sign, max(seconds - (perf_counter() - begun), 0.1))
            if value is None:
                return PeerAnswer(perf_counter() - begun)
            found = max(found, value)
    return PeerAnswer(perf_counter() - begun, found)


def _maximised(
    first: Network, second: Network, domain: Domain, output: int, sign: float, seconds: float
) -> float | None:
    solver = QuietHighs()
    solver.setOptionValue("time_limit", seconds)
    inputs = [solver.addVariable(lb=to_near(a), ub=to_near(b)) for a, b in zip(domain.lower, domain.upper, strict=True)]
    ends = [_encoded(solver, network, inputs, domain)[output] for network in (first, second)]
    solver.setObjective(sign * (ends[1] - ends[0]), highspy.ObjSense.kMaximize)
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    return float(solver.getInfo().objective_function_value)


def _encoded(solver: highspy.Highs, network: Network, inputs: list, domain: Domain) -> list:
    low, high = (np.array([to_near(v) for v in side]) for side in (domain.lower, domain.upper))
    state = inputs
    arrays = network.to_numpy()
    for number, (weights, biases) in enumerate(arrays, 1):
        middle, radius = (low + high) / 2 @ weights + biases, (high - low) / 2 @ np.abs(weights)
        low, high = middle - radius, middle + radius
        sums = [sum(w * s for w, s in zip(column, state)) + b for column, b in zip(weights.T.tolist(), biases.tolist())]
        if number == len(arrays):
            return sums
        state = [_relu(solver, z, a, b) for z, a, b in zip(sums, low.tolist(), high.tolist())]
        low, high = np.maximum(low, 0), np.maximum(high, 0)
    raise AssertionError("a network has a last layer")


def _relu(solver: highspy.Highs, z: object, low: float, high: float) -> object:
    if low >= 0:
        return z
    value = solver.addVariable(lb=0.0, ub=max(high, 0.0))
    if high > 0:
        active = solver.addBinary()
        solver.addConstr(value >= z)
        solver.addConstr(value <= z - low * (1 - active))
        solver.addConstr(value <= high * active)
    return value


def plain_z3(first: Network, second: Network, domain: Domain, claim: Claim, seconds: float) -> PeerAnswer:
    """The claim as an SMT-LIB script, given to Z3 as it is."""
    begun = perf_counter()
    solver = z3.Solver()
    solver.set("timeout", max(1, int(1000 * seconds)))
    solver.from_string(script(first, second, domain, claim))
    answer = solver.check()
    holds = None if answer == z3.unknown else bool(answer == z3.unsat)
    return PeerAnswer(perf_counter() - begun, None, holds)
