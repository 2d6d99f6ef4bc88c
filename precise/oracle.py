"""Oracles: all that the extraction may ask. An oracle answers batches and counts queries, nothing else.

The extraction gets an `Oracle` and never a `Network`; scoring against true weights lives in `verify`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from fractions import Fraction
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any, Protocol, cast, runtime_checkable

from flint import fmpq, fmpz_mat

from precise.arithmetic import Batch, common_denominator, rational, round_to_bits, to_fraction
from precise.errors import BudgetExceeded, InputError, OracleError
from precise.network import Network


@runtime_checkable
class Oracle(Protocol):
    """What the extraction talks to."""

    input_width: int  # coordinates of a point
    output_width: int  # values of an answer
    precision: int | None  # answers are correctly rounded to this many bits; None: exact rationals
    queries: int  # points answered so far
    budget: int | None  # the most points that may be asked; None: no limit

    def query(self, points: Batch) -> Batch:
        """The outputs at every point, shape (points, output_width).

        Raises:
            BudgetExceeded: the batch does not fit into the budget; none of it was asked.
            OracleError: the answers are not finite numbers of the declared shape.
        """


class _CountingOracle:
    """The counter and the budget that every oracle shares."""

    def __init__(self, input_width: int, output_width: int, precision: int | None, budget: int | None) -> None:
        if min(input_width, output_width) < 1:
            raise InputError(f"an oracle has at least one input and one output, not {input_width} and {output_width}")
        if budget is not None and budget < 1:
            raise InputError(f"the query budget must be at least 1, not {budget}")
        if precision is not None and precision < 2:
            raise InputError(f"the oracle's precision must be at least 2 bits, not {precision}")
        self.input_width = input_width
        self.output_width = output_width
        self.precision = precision
        self.budget = budget
        self.queries = 0

    def query(self, points: Batch) -> Batch:
        """See `Oracle.query`."""
        if points.width != self.input_width:
            raise InputError(f"expected points of {self.input_width} coordinates, not {points.width}")
        if self.budget is not None and self.queries + points.size > self.budget:
            raise BudgetExceeded(
                f"the budget of {self.budget} queries is used up: {self.queries} asked, {points.size} more needed"
            )
        answers = self._answer(points)
        self.queries += points.size
        return answers

    def _answer(self, points: Batch) -> Batch:
        raise NotImplementedError


class ExactOracle(_CountingOracle):
    """Answers in exact rationals."""

    def __init__(self, network: Network, budget: int | None = None) -> None:
        super().__init__(network.input_width, network.output_width, None, budget)
        self.__evaluate = network.evaluate

    def _answer(self, points: Batch) -> Batch:
        return self.__evaluate(points)


class RoundedOracle(_CountingOracle):
    """Answers with each exact output correctly rounded to `bits` bits (relative error at most 2^-bits)."""

    def __init__(self, network: Network, bits: int, budget: int | None = None) -> None:
        super().__init__(network.input_width, network.output_width, bits, budget)
        self.__evaluate = network.evaluate
        self._bits = bits

    def _answer(self, points: Batch) -> Batch:
        exact = self.__evaluate(points).rows()
        return Batch.from_rows([[round_to_bits(value, self._bits) for value in row] for row in exact])


_NOT_ROWS = (str, bytes, Mapping, Set)  # these iterate, but not over numbers in order
UserFunction = Callable[[list[list[Fraction]]], Sequence[Sequence[Any]]]


class _TooLate(Exception):
    pass


class FunctionOracle(_CountingOracle):
    """Any user function: it takes a list of points (lists of Fraction), returns one row of numbers a point.

    The rows may hold int, Fraction, float, numpy scalars, mpf or `p/q` text. `precision` is what the user
    promises: every output correctly rounded to that many bits, or None for exact answers. A batch that takes longer
    than `timeout` seconds ends in an OracleError; the call, which cannot be stopped, is left to itself.
    """

    def __init__(
        self,
        function: UserFunction,
        input_width: int,
        output_width: int,
        precision: int | None = None,
        budget: int | None = None,
        name: str = "the oracle",
        timeout: float | None = None,
    ) -> None:
        super().__init__(input_width, output_width, precision, budget)
        if timeout is not None and not timeout > 0:
            raise InputError(f"the oracle's timeout: expected more than 0 seconds, not {timeout}")
        self._function = function
        self._timeout = timeout
        self._name = name

    def _answer(self, points: Batch) -> Batch:
        asked = [[to_fraction(value) for value in row] for row in points.rows()]
        answers = self._called(asked)
        if len(answers) != len(asked):
            raise OracleError(f"{self._name}: expected {len(asked)} rows of outputs, not {len(answers)}")
        return self._checked([self._row(answer) for answer in answers])

    def _called(self, asked: list[list[Fraction]]) -> list[Any]:
        try:
            answers = self._function(asked) if self._timeout is None else self._timed(asked, self._timeout)
            if isinstance(answers, Iterable) and not isinstance(answers, _NOT_ROWS):
                return list(answers)
        except _TooLate:
            raise OracleError(
                f"{self._name} gave no answer to {len(asked)} points within {self._timeout:g} seconds, after "
                f"{self.queries} queries"
            ) from None
        except (Exception, SystemExit) as error:
            raise OracleError(
                f"{self._name} raised {type(error).__name__} after {self.queries} queries: {error}"
            ) from error
        raise OracleError(f"{self._name}: expected a list of rows of outputs, not {type(answers).__name__}")

    def _timed(self, asked: list[list[Fraction]], seconds: float) -> Any:
        """What the function returns, from a thread: it may never return."""
        said: Queue[tuple[Any, BaseException | None]] = Queue()

        def call() -> None:
            try:
                said.put((self._function(asked), None))
            except BaseException as error:
                said.put((None, error))

        Thread(target=call, daemon=True).start()
        try:
            answers, error = said.get(timeout=seconds)
        except Empty:
            raise _TooLate from None
        if error is not None:
            raise error
        return answers

    def _row(self, answer: Any) -> list[fmpq]:
        if isinstance(answer, _NOT_ROWS):
            raise OracleError(
                f"{self._name}: expected a row of numbers a point, not {type(answer).__name__} {answer!r:.40}"
            )
        try:
            values = list(answer)
        except TypeError:
            values = [answer]  # one output may come without its row
        if len(values) != self.output_width:
            raise OracleError(f"{self._name}: expected {self.output_width} outputs a point, not {len(values)}")
        try:
            return [rational(value) for value in values]
        except InputError as error:
            raise OracleError(f"{self._name}: an output is not a number: {error}") from error

    def _checked(self, rows: list[list[fmpq]]) -> Batch:
        denominator = common_denominator(value for row in rows for value in row)
        entries = [value.p * (denominator // value.q) for row in rows for value in row]
        return Batch(fmpz_mat(len(rows), self.output_width, entries), denominator)


def load_function(reference: str) -> UserFunction:
    """The function that `module:function` names; the working directory is searched first.

    Raises:
        InputError: the reference has no such form, or names nothing callable.
    """
    module_name, separator, function_name = reference.partition(":")
    if not (separator and module_name and function_name):
        raise InputError(f"oracle {reference!r}: expected the form module:function")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise InputError(f"oracle {reference!r}: importing {module_name} failed: {error}") from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise InputError(f"oracle {reference!r}: {module_name} has no function {function_name}")
    return cast(UserFunction, function)
