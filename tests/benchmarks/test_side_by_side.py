"""Peers beside `verify equivalent`: Marabou's queries, by a stand-in that solves them, and how answers are judged."""

import importlib.util
import time

import highspy
import numpy as np
import pytest
from flint import fmpq

from benchmarks import equivalence_side_by_side as side
from benchmarks import marabou
from benchmarks.equivalence_questions import Question, questions
from benchmarks.processor_clock import processor_clock, within_processor_seconds
from fixtures import mutants
from precise.arithmetic import rational, to_float
from tests.verify.equivalence.pairs import RELATIONS, integer_network, related
from tests.verify.equivalence.polygons import largest_differences, rectangle
from verify.properties.claim import within
from verify.properties.domain import box

# MarabouCore's interface as its documentation has it; the query is solved as a mixed-integer program
STAND_IN = """
import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

LARGEST = 50.0  # beyond what a preactivation of the tests reaches; times 1e-6 it is what the program may be off by


class Options:
    pass


class Equation:
    EQ, GE = "EQ", "GE"

    def __init__(self, kind):
        self.kind, self.terms, self.scalar = kind, [], None

    def addAddend(self, weight, variable):
        self.terms.append((weight, variable))

    def setScalar(self, value):
        self.scalar = value


class InputQuery:
    def __init__(self):
        self.equations, self.relus, self.count, self.low, self.high = [], [], 0, {}, {}

    def setNumberOfVariables(self, count):
        self.count = count

    def setLowerBound(self, variable, value):
        self.low[variable] = value

    def setUpperBound(self, variable, value):
        self.high[variable] = value

    def addEquation(self, equation):
        self.equations.append(equation)


def addReluConstraint(query, before, after):
    query.relus.append((before, after))


def solve(query, options, redirect):
    assert options._timeoutInSeconds >= 1
    width, rows = query.count + len(query.relus), []

    def row(terms, low, high):
        entries = np.zeros(width)
        for weight, variable in terms:
            assert 0 <= variable < width
            entries[variable] += weight
        rows.append((entries, low, high))

    for equation in query.equations:
        row(equation.terms, equation.scalar, equation.scalar if equation.kind == "EQ" else np.inf)
    for number, (before, after) in enumerate(query.relus, query.count):
        row([(1, after), (-1, before)], 0, np.inf)
        row([(1, after), (-1, before), (LARGEST, number)], -np.inf, LARGEST)
        row([(1, after), (-LARGEST, number)], -np.inf, 0)
    low, high = np.full(width, -LARGEST), np.full(width, LARGEST)
    for _, after in query.relus:
        low[after] = 0
    low[query.count :], high[query.count :] = 0, 1
    for bounds, values in ((low, query.low), (high, query.high)):
        for variable, value in values.items():
            bounds[variable] = value
    whole = np.arange(width) >= query.count
    matrix, lower, upper = (np.array(part) for part in zip(*rows))
    found = milp(np.zeros(width), integrality=whole, bounds=Bounds(low, high),
                 constraints=LinearConstraint(matrix, lower, upper))
    if found.x is None:
        return "unsat", {}, None
    return "sat", dict(enumerate(found.x)), None
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A package `maraboupy` that can be imported, here and in the process that is asked."""
    package = tmp_path / "maraboupy"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "MarabouCore.py").write_text(STAND_IN)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()


@pytest.mark.parametrize("relation", RELATIONS)
def test_marabou_is_asked_what_brute_force_decides(stand_in, relation):
    assert marabou.is_there()
    generator = np.random.default_rng(RELATIONS.index(relation))
    first = integer_network((2, 3, 2, 2), generator)
    second = related(first, relation, generator)
    question = {
        "networks": [[[w.tolist(), b.tolist()] for w, b in n.to_numpy()] for n in (first, second)],
        "lower": [-1.0, -1.0],
        "upper": [1.0, 1.0],
        "seconds": 10,
    }
    truth = rational(max(largest_differences(first, second, rectangle([-1, -1], [1, 1]))))
    above = marabou.answered(question | {"epsilon": [to_float(truth * fmpq(11, 10)) + 1e-2] * 2})
    assert above == (True, [])
    if truth > fmpq(1, 100):
        holds, point = marabou.answered(question | {"epsilon": [to_float(truth * fmpq(9, 10))] * 2})
        assert holds is False
        outputs = first([rational(v) for v in point]), second([rational(v) for v in point])
        assert max(abs(b - a) for a, b in zip(*outputs)) > truth * fmpq(4, 5)


def test_marabou_answers_from_a_process_that_ends_in_time(stand_in, tmp_path, monkeypatch):
    first = integer_network((2, 3, 1), np.random.default_rng(2))
    second, domain = mutants.shift_bias(first, 2, 1, "1/8"), box(-1, 1, 2)
    holds, point = marabou.ask(first, second, domain, within("1/9", 1), 60.0)
    assert (holds, len(point)) == (False, 2)
    assert marabou.ask(first, second, domain, within("1/7", 1), 60.0) == (True, [])
    (tmp_path / "maraboupy" / "MarabouCore.py").write_text("import time\ntime.sleep(100)\n")
    assert marabou.ask(first, second, domain, within("1/9", 1), 1.0) == (None, [])
    (tmp_path / "maraboupy" / "MarabouCore.py").write_text("raise OSError\n")
    assert marabou.ask(first, second, domain, within("1/9", 1), 60.0) == (None, [])


def shifted_pair() -> Question:
    """Two networks that differ by 1/8, less than what is asked for."""
    first = integer_network((2, 3, 1), np.random.default_rng(2))
    return Question("a pair", first, mutants.shift_bias(first, 2, 1, "1/8"), box(-1, 1, 2), "1/7")


def test_false_answers_and_points_that_do_not_replay_are_told(monkeypatch):
    question = shifted_pair()
    answers = {
        "bounds": side.by_bounds,
        "product MILP": side.by_milp,
        "plain Z3": side.by_plain_z3,
        "liar": lambda *_: (False, [0.0, 0.0]),
        "silent": lambda *_: (None, None),
    }
    monkeypatch.setattr(side, "methods", lambda: answers)
    lines = list(side.asked(question, 20))
    assert [line.holds for line in lines] == [True, True, True, False, None]
    assert [line.false for line in lines] == [False, False, False, True, None]
    assert [line.replays for line in lines] == [None, None, None, False, None]
    text = side.table(lines)
    assert "- liar: 0 of 1 solved, 1 false, 0 of 1 points replay" in text
    assert "- silent: 0 of 1 solved, 0 false" in text
    assert "- plain Z3: 1 of 1 solved, 0 false; processor time" in text


def test_the_product_milp_answers_where_the_process_has_used_its_solver_with_several_threads():
    """Of these a process of its own, forked from it, has none, and would wait for them."""
    solver = highspy.Highs()
    solver.resetGlobalScheduler(True)
    solver.maximize(solver.addVariable(lb=0, ub=3))
    question = shifted_pair()
    assert within_processor_seconds(lambda: side.by_milp(question, 2), 2) == (True, None)


def test_there_are_many_questions_and_each_has_a_name_of_its_own():
    names = [question.name for question in questions()]
    assert len(set(names)) == len(names) >= 30


def test_a_method_is_ended_after_its_processor_seconds():
    def spin():
        while True:
            pass

    begun = time.process_time(), time.monotonic()
    assert within_processor_seconds(spin, 1) is None
    assert time.process_time() - begun[0] < 1  # the child's time, not ours
    assert time.monotonic() - begun[1] >= 1
    assert within_processor_seconds(lambda: [1, "two"], 1) == [1, "two"]


def test_limits_count_processor_seconds_of_a_search():
    with processor_clock():
        begun = time.monotonic()
        time.sleep(0.3)
        assert time.monotonic() - begun < 0.2
    begun = time.monotonic()
    time.sleep(0.01)
    assert time.monotonic() - begun >= 0.01
