"""Oracles: counters, budgets, and what happens when a user's function misbehaves."""

from fractions import Fraction
from math import inf, nan

import mpmath
import numpy as np
import pytest
from flint import fmpq
from hypothesis import given
from hypothesis import strategies as st

from precise.arithmetic import Batch, round_to_bits
from precise.errors import BudgetExceeded, InputError, OracleError, PreciseError
from precise.oracle import ExactOracle, FunctionOracle, Oracle, RoundedOracle, load_function
from precise.random_networks import random_network

NETWORK = random_network("3-4-2", seed=1)
POINTS = Batch.from_rows([[1, "1/3", -2], [0, 0, 0], [5, 0.25, 1]])


def exact_rows(points=POINTS):
    return NETWORK.evaluate(points).rows()


def as_function(points):
    return [[Fraction(int(v.p), int(v.q)) for v in NETWORK(point)] for point in points]


def oracles(budget=None):
    return [
        ExactOracle(NETWORK, budget=budget),
        RoundedOracle(NETWORK, 53, budget=budget),
        FunctionOracle(as_function, 3, 2, budget=budget),
    ]


@pytest.mark.parametrize("oracle", oracles(), ids=lambda oracle: type(oracle).__name__)
def test_every_oracle_keeps_the_protocol(oracle):
    assert isinstance(oracle, Oracle)
    assert (oracle.input_width, oracle.output_width, oracle.queries, oracle.budget) == (3, 2, 0, None)
    answers = oracle.query(POINTS)
    assert (answers.size, answers.width, oracle.queries) == (3, 2, 3)
    oracle.query(Batch.from_rows([[0, 0, 1]]))
    assert oracle.queries == 4


def test_precisions_are_declared():
    assert [oracle.precision for oracle in oracles()] == [None, 53, None]
    assert FunctionOracle(as_function, 3, 2, precision=200).precision == 200


def test_exact_and_function_oracles_answer_exactly():
    assert ExactOracle(NETWORK).query(POINTS).rows() == exact_rows()
    assert FunctionOracle(as_function, 3, 2).query(POINTS).rows() == exact_rows()


@given(st.integers(2, 300), st.lists(st.fractions(max_denominator=1000), min_size=3, max_size=3))
def test_rounded_answers_are_correctly_rounded(bits, point):
    answers = RoundedOracle(NETWORK, bits).query(Batch.from_rows([point])).rows()
    assert answers == [[round_to_bits(value, bits) for value in NETWORK(point)]]
    with mpmath.workprec(bits):
        reference = [mpmath.fdiv(int(value.p), int(value.q)) for value in NETWORK(point)]
    assert answers == Batch.from_rows([reference]).rows()


def test_an_oracle_shows_no_network():
    for oracle in oracles():
        public = {name: getattr(oracle, name) for name in dir(oracle) if not name.startswith("_")}
        assert set(public) == {"budget", "input_width", "output_width", "precision", "queries", "query"}


@pytest.mark.parametrize("oracle", oracles(budget=4), ids=lambda oracle: type(oracle).__name__)
def test_a_budget_stops_before_it_is_exceeded(oracle):
    oracle.query(POINTS)
    with pytest.raises(BudgetExceeded, match="budget of 4 queries is used up: 3 asked, 3 more needed"):
        oracle.query(POINTS)
    assert oracle.queries == 3
    oracle.query(Batch.from_rows([[1, 2, 3]]))
    assert oracle.queries == 4


def test_nothing_is_asked_beyond_the_budget():
    asked = []
    oracle = FunctionOracle(lambda points: asked.append(points), 3, 2, budget=2)
    with pytest.raises(BudgetExceeded):
        oracle.query(POINTS)
    assert not asked


@pytest.mark.parametrize("budget", [0, -1])
def test_a_budget_is_positive(budget):
    with pytest.raises(InputError, match=f"at least 1, not {budget}"):
        ExactOracle(NETWORK, budget=budget)


@pytest.mark.parametrize("bits", [1, 0, -5])
def test_a_precision_has_at_least_two_bits(bits):
    with pytest.raises(InputError, match=f"at least 2 bits, not {bits}"):
        RoundedOracle(NETWORK, bits)


@pytest.mark.parametrize("widths", [(0, 1), (3, 0), (-1, 1)])
def test_widths_are_positive(widths):
    with pytest.raises(InputError, match="at least one input and one output"):
        FunctionOracle(as_function, *widths)


@pytest.mark.parametrize("oracle", oracles(), ids=lambda oracle: type(oracle).__name__)
def test_points_of_another_width_are_refused(oracle):
    with pytest.raises(InputError, match="3 coordinates, not 2"):
        oracle.query(Batch.from_rows([[1, 2]]))
    assert oracle.queries == 0


def answering(rows):
    return FunctionOracle(lambda points: rows, 3, 2, name="served:model")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([["1/3", "0.1"]], [fmpq(1, 3), fmpq(1, 10)]),
        ([[Fraction(1, 3), 2]], [fmpq(1, 3), 2]),
        ([(0.5, np.float32(0.1))], [fmpq(1, 2), fmpq(13421773, 2**27)]),
        (np.array([[1.5, -2.0]]), [fmpq(3, 2), -2]),
        ([mpmath.matrix([1, mpmath.mpf("0.25")])], [1, fmpq(1, 4)]),
        (iter([[7, 8]]), [7, 8]),
    ],
    ids=["text", "Fraction", "floats", "array", "mpmath", "iterator"],
)
def test_a_function_may_answer_with_any_kind_of_number(rows, expected):
    assert answering(rows).query(Batch.from_rows([[1, 2, 3]])).rows() == [expected]


def test_one_output_may_come_without_its_row():
    oracle = FunctionOracle(lambda points: [sum(point) for point in points], 3, 1)
    assert oracle.query(POINTS).rows() == [[fmpq(-2, 3)], [0], [fmpq(25, 4)]]


def test_the_function_gets_fractions():
    seen = []
    FunctionOracle(lambda points: seen.extend(points) or [[0, 0]] * len(points), 3, 2).query(POINTS)
    assert seen[0] == [Fraction(1), Fraction(1, 3), Fraction(-2)]
    assert all(type(value) is Fraction for point in seen for value in point)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["cat", "dog"]], "an output is not a number: .*'cat'"),
        (["12"], "expected a row of numbers a point, not str '12'"),
        ("1", "expected a list of rows of outputs, not str"),
        ({0: [1, 2]}, "expected a list of rows of outputs, not dict"),
        ([[nan, 1.0]], "not a number: expected a finite number, not nan"),
        ([[1, inf]], "not a number: expected a finite number, not inf"),
        ([[np.float32("nan"), 0]], "finite"),
        ([[None, 1]], "not NoneType"),
        ([[True, 1]], "truth value"),
        ([[[1], [2]]], "not list"),
        ([[1j, 2]], "not complex"),
        ([[1]], "expected 2 outputs a point, not 1"),
        ([[1, 2, 3]], "expected 2 outputs a point, not 3"),
        ([[]], "expected 2 outputs a point, not 0"),
        ([5], "expected 2 outputs a point, not 1"),
        ([b"12"], "expected a row of numbers a point, not bytes"),
        ([{1: 2, 3: 4}], "expected a row of numbers a point, not dict"),
        ([{1, 2}], "expected a row of numbers a point, not set"),
        ([], "expected 1 rows of outputs, not 0"),
        ([[1, 2], [3, 4]], "expected 1 rows of outputs, not 2"),
        (None, "expected a list of rows of outputs, not NoneType"),
        (7, "expected a list of rows of outputs, not int"),
    ],
    ids=repr,
)
def test_answers_of_a_wrong_form_are_refused_and_named(rows, message):
    oracle = answering(rows)
    with pytest.raises(OracleError, match=rf"served:model.*{message}"):
        oracle.query(Batch.from_rows([[1, 2, 3]]))


def test_an_exception_keeps_its_cause_and_what_was_paid_for():
    def failing(points):
        if len(points) == 1:
            raise ConnectionError("the line is dead")
        return as_function(points)

    oracle = FunctionOracle(failing, 3, 2, name="served:model")
    oracle.query(POINTS)
    with pytest.raises(OracleError, match=r"ConnectionError after 3 queries: the line is dead") as caught:
        oracle.query(Batch.from_rows([[1, 2, 3]]))
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert oracle.queries == 3


def test_the_exceptions_of_this_package_share_a_base():
    assert all(issubclass(kind, PreciseError) for kind in (OracleError, BudgetExceeded, InputError))


def test_an_interrupt_is_no_oracle_error():
    def interrupted(points):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FunctionOracle(interrupted, 3, 2).query(POINTS)


def test_a_function_is_found_in_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "served_model_a.py").write_text("def ask(points):\n    return [[1] for _ in points]\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    oracle = FunctionOracle(load_function("served_model_a:ask"), 3, 1)
    assert oracle.query(POINTS).rows() == [[1], [1], [1]]


@pytest.mark.parametrize("reference", ["", "module", ":f", "module:", "math.sqrt"])
def test_a_reference_has_two_parts(reference):
    with pytest.raises(InputError, match="expected the form module:function"):
        load_function(reference)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("no_such_module_x:f", "importing no_such_module_x failed"),
        ("math:no_such", "math has no function no_such"),
        ("math:pi", "math has no function pi"),
        ("a:b:c", "failed|no function"),
        ("..:f", "importing .. failed"),
    ],
)
def test_a_reference_that_names_nothing_callable_is_refused(reference, message):
    with pytest.raises(InputError, match=message):
        load_function(reference)


@pytest.mark.parametrize("text", ["def broken(:\n", "raise SystemExit(0)\n", "1 / 0\n"])
def test_a_module_that_does_not_import_is_refused(text, tmp_path, monkeypatch):
    name = f"broken_model_{len(text)}"
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=f"importing {name} failed"):
        load_function(f"{name}:ask")
