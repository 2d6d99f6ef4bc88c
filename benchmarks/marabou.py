"""Marabou [WIZ24] (`maraboupy`) on the question whether two networks differ by epsilon, in a process of its own.

Marabou does not keep its time limit, so the process is ended when the time is over. It gets the numbers that
floats make of the networks, one query for each output and sign, over MarabouCore's documented interface.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from precise.network import Network
from verify.differential.problem import to_near
from verify.properties.claim import Within
from verify.properties.domain import Domain

Answer = tuple[bool | None, list[float]]  # whether the claim holds (None: it gave up), and the point if not


def is_there() -> bool:
    """Whether `maraboupy` can be imported."""
    return find_spec("maraboupy") is not None


def ask(first: Network, second: Network, domain: Domain, claim: Within, seconds: float) -> Answer:
    """Whether |g - f| stays below epsilon on a box, as Marabou sees it."""
    question = {
        "networks": [[[w.tolist(), b.tolist()] for w, b in network.to_numpy()] for network in (first, second)],
        "lower": [to_near(v) for v in domain.lower],
        "upper": [to_near(v) for v in domain.upper],
        "epsilon": [to_near(e) for e in claim.epsilon],
        "seconds": seconds,
    }
    root = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), *filter(None, sys.path)])}
    command = [sys.executable, "-m", "benchmarks.marabou"]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(question),
            capture_output=True,
            text=True,
            timeout=seconds,
            env=environment,
            check=False,
        )
        holds, point = json.loads(done.stdout.splitlines()[-1])
    except (subprocess.TimeoutExpired, ValueError, IndexError):  # too slow, or it broke down
        return None, []
    return holds, point


def answered(question: dict[str, Any]) -> Answer:
    """What MarabouCore says, query after query, until one is satisfied."""
    from maraboupy import MarabouCore

    options = MarabouCore.Options()
    options._verbosity, options._timeoutInSeconds = 0, max(1, int(question["seconds"]))
    for output, sign in product(range(len(question["epsilon"])), (1.0, -1.0)):
        code, values, _ = MarabouCore.solve(_query(MarabouCore, question, output, sign), options, "")
        if code == "sat":
            return False, [values[i] for i in range(len(question["lower"]))]
        if code != "unsat":
            return None, []
    return True, []


def _query(core: Any, question: dict[str, Any], output: int, sign: float) -> Any:
    """Inputs are the first variables; then each network's preactivations and ReLUs, layer after layer."""
    query = core.InputQuery()
    shapes = [[len(biases) for _, biases in layers] for layers in question["networks"]]
    inputs = len(question["lower"])
    query.setNumberOfVariables(inputs + sum(2 * sum(widths[:-1]) + widths[-1] for widths in shapes))
    for number, (low, high) in enumerate(zip(question["lower"], question["upper"], strict=True)):
        query.setLowerBound(number, low)
        query.setUpperBound(number, high)
    fresh, ends = inputs, []
    for layers in question["networks"]:
        state = list(range(inputs))
        for number, (weights, biases) in enumerate(layers, 1):
            sums = list(range(fresh, fresh + len(biases)))
            fresh += len(biases)
            for column, bias, own in zip(np.array(weights).T.tolist(), biases, sums, strict=True):
                terms = [(w, v) for w, v in zip(column, state, strict=True) if w]
                query.addEquation(_equation(core, core.Equation.EQ, [*terms, (-1.0, own)], -bias))
            state = sums
            if number < len(layers):
                state = list(range(fresh, fresh + len(biases)))
                fresh += len(biases)
                for own, value in zip(sums, state, strict=True):
                    core.addReluConstraint(query, own, value)
        ends.append(state[output])
    gap = [(sign, ends[1]), (-sign, ends[0])]
    query.addEquation(_equation(core, core.Equation.GE, gap, question["epsilon"][output]))
    return query


def _equation(core: Any, kind: Any, terms: list[tuple[float, int]], value: float) -> Any:
    equation = core.Equation(kind)
    for weight, variable in terms:
        equation.addAddend(weight, variable)
    equation.setScalar(value)
    return equation


if __name__ == "__main__":
    print("\n" + json.dumps(answered(json.load(sys.stdin))))
