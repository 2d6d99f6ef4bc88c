"""Known layers as a mixed-integer program [TXT19]: points of a box where a row over them is highest.

Random points and climbing do not reach what lies behind many hyperplanes at once; branching over the neurons' states
does. HiGHS solves the program in float64, so that a point is only a suggestion of where to look, and none proves
nothing. The branches are limited, and not the time, so that the same question has the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import highspy
import numpy as np

from precise.quiet_highs import QuietHighs, model
from precise.regions.float_layers import FloatLayers
from precise.regions.hyperplane import Vector

BRANCHES = 2000  # of a program, at most
MOST_STATES = 40  # neurons that may be on or off, in a program that so many branches are enough for
CLOSE = 1e-3  # to the best bound: what is so near, relatively, is taken for the highest
TOLERANCE = 1e-9  # of HiGHS, beside values of at most 1
ON = 1e-6  # of the most that a neuron can have: so far on it is where it is to be on, well above the tolerance

Terms = dict[int, float]  # coefficients by variable
Range = tuple[Terms, float, float]  # a sum, the least and the most that it may be


@dataclass(frozen=True)
class _Sum:
    """terms + constant, a preactivation over the most that it can have in size, and its range."""

    terms: Terms
    constant: float
    scale: float
    low: float
    high: float


@dataclass(frozen=True)
class _Value:
    """What a neuron hands on: scale * variable; without one, 0."""

    variable: int | None
    scale: float
    low: float  # in its own units
    high: float


class LayerProgram:
    """The layers below one row, over |x| <= size."""

    def __init__(self, floats: FloatLayers, size: float) -> None:
        """One variable for every value that varies there, and one for every state.

        Args:
            floats: the layers, and the row as all of the last one.
            size: of every input, in input units.
        """
        self._size = size
        self._ranges: list[tuple[float, float]] = []  # of the variables
        self._states: list[int] = []  # variables that are 0 or 1
        self._rows: list[Range] = []
        values = [_Value(self._variable(-1.0, 1.0), size, -size, size) for _ in range(floats.inputs)]
        self._inputs = len(values)
        *below, (row, bias, _) = floats.maps()
        self._below: list[_Sum] = []  # preactivations of the layer below the row
        for plus, constants, linear in below:
            self._below = [_summed(values, *neuron) for neuron in zip(plus.T, constants, strict=True)]
            values = [self._handed_on(number in linear, below) for number, below in enumerate(self._below)]
        self._values = values
        self._row = _summed(values, row[:, 0], bias[0])

    def highest(self, feature: int, factor: float, off: Sequence[int]) -> Vector | None:
        """Where the row with this factor more of a feature is highest, that being on and others off.

        Returns:
            A point in input units, shape (inputs,); None: there is none, or the program is too large to find one.
        """
        goal = np.zeros(len(self._ranges))
        for variable, weight in self._row.terms.items():
            goal[variable] = self._row.scale * weight
        value, wanted = self._values[feature], self._below[feature]
        if value.variable is None or not goal.any() or len(self._states) > MOST_STATES:
            return None
        goal[value.variable] += factor * value.scale
        rows = [*self._rows, (wanted.terms, ON * wanted.high - wanted.constant, np.inf)]
        rows += [(self._below[other].terms, -np.inf, -self._below[other].constant) for other in off]
        found = _solved(goal / np.abs(goal).max(), np.array(self._ranges), self._states, rows)
        return None if found is None else found[: self._inputs] * self._size

    def _handed_on(self, linear: bool, below: _Sum) -> _Value:
        low, high = (0.0, below.high) if not linear else (below.low, below.high)
        if high <= 0.0 and not linear:
            return _Value(None, 0.0, 0.0, 0.0)
        value = self._variable(low, high)
        over = {**below.terms, value: -1.0}
        if linear or below.low >= 0.0:
            self._rows.append((over, -below.constant, -below.constant))
        else:  # max(0, z) with z in [low, high]: at least both, at most z - low where it is on, at most 0 elsewhere
            state = self._variable(0.0, 1.0)
            self._states.append(state)
            under = {v: -weight for v, weight in over.items()} | {state: -below.low}
            self._rows += [
                (over, -np.inf, -below.constant),
                (under, -np.inf, below.constant - below.low),
                ({value: 1.0, state: -below.high}, -np.inf, 0.0),
            ]
        return _Value(value, below.scale, low * below.scale, high * below.scale)

    def _variable(self, low: float, high: float) -> int:
        self._ranges.append((low, high))
        return len(self._ranges) - 1


def _summed(values: Sequence[_Value], weights: Vector, bias: float) -> _Sum:
    low, high, terms = float(bias), float(bias), Terms()
    for value, weight in zip(values, weights.tolist(), strict=True):
        ends = sorted((weight * value.low, weight * value.high))
        low, high = low + ends[0], high + ends[1]
        if weight and value.variable is not None:
            terms[value.variable] = weight * value.scale
    scale = max(abs(low), abs(high)) or 1.0
    return _Sum({v: w / scale for v, w in terms.items()}, float(bias) / scale, scale, low / scale, high / scale)


def _solved(goal: Vector, ranges: Vector, integral: Sequence[int], rows: Sequence[Range]) -> Vector | None:
    """The variables for which the goal is highest; None: none were found."""
    limits = np.array([limits for _, *limits in rows]).T
    counts = np.array([len(terms) for terms, *_ in rows])
    where = np.array([variable for terms, *_ in rows for variable in terms])
    values = np.array([weight for terms, *_ in rows for weight in terms.values()])
    columns = ranges.T
    program = model(-goal, (columns[0], columns[1]), (limits[0], limits[1]), counts, where, values)
    kinds = [highspy.HighsVarType.kContinuous] * len(goal)
    for variable in integral:
        kinds[variable] = highspy.HighsVarType.kInteger
    program.integrality_ = kinds
    solver = QuietHighs()
    for option, value in (
        ("mip_max_nodes", BRANCHES),
        ("mip_rel_gap", CLOSE),
        ("mip_feasibility_tolerance", TOLERANCE),
        ("primal_feasibility_tolerance", TOLERANCE),
    ):
        solver.setOptionValue(option, value)
    solver.passModel(program)
    solver.run()
    if solver.getInfo().primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return None
    return np.array(solver.getSolution().col_value)
