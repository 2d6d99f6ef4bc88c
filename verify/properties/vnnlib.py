"""VNN-LIB 1.0 and 2.0 as data: variables, and assertions in disjunctive normal form of exact linear atoms.

Decimals count exactly; element types such as float32 are taken for real numbers. 1.0 is SMT-LIB 2 with the
variables X_i and Y_i; 2.0 declares one or more networks with named, shaped inputs and outputs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from pathlib import Path
from typing import TypeAlias

from flint import fmpq

from precise.arithmetic import rational
from precise.formats.limits import MAX_BYTES
from verify.errors import InputError

Variable = tuple[str, int, int]  # ("x" input or "y" output, network from 0, number from 0)
Expression: TypeAlias = "str | list[Expression]"
LARGEST = 10_000  # alternatives of one file
_TOKEN = re.compile(r";[^\n]*|\"[^\"]*\"|[()]|[^\s()\[\];\"]*\[[0-9,\s]*\]|[^\s()\[\];\"]+|\S")
_ELEMENT = re.compile(r"([^\s\[\]]+)\[([0-9,\s]*)\]\Z")
_FIRST_VERSION = re.compile(r"([XY])_([0-9]{1,9})\Z")
_STRICT = {"<": True, ">": True, "<=": False, ">=": False}


@dataclass(frozen=True)
class Atom:
    """A linear condition: the sum of coefficient times variable is above the bound, or at least the bound."""

    coefficients: dict[Variable, fmpq]  # none is 0
    bound: fmpq
    strict: bool

    def about(self, kind: str) -> bool:
        """Whether every variable is an input ("x"), or an output ("y")."""
        return all(variable[0] == kind for variable in self.coefficients)


@dataclass
class Query:
    """A file: it asks for values of the variables that meet every assertion."""

    networks: list[str] = field(default_factory=list)  # names
    widths: dict[tuple[str, int], int] = field(default_factory=dict)  # ("x" or "y", network): how many variables
    assertions: list[list[list[Atom]]] = field(default_factory=list)  # each a disjunction of conjunctions


def read_query(path: Path) -> Query:
    """Read a VNN-LIB file of version 1.0 or 2.0.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: expected a file of at most {MAX_BYTES:,} bytes")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: expected a VNN-LIB file that can be read: {reason}") from error
    try:
        return parse_query(text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def parse_query(text: str) -> Query:
    """The query that a VNN-LIB text holds.

    Raises:
        InputError: it is none.
    """
    reader = _Reader()
    try:
        for expression in _expressions(text):
            reader.take(expression)
    except RecursionError as error:
        raise InputError("expected expressions that are nested less deeply") from error
    if not reader.query.networks:
        raise InputError("expected declarations of inputs and outputs, and found none")
    return reader.query


def _expressions(text: str) -> Iterator[Expression]:
    stack: list[list[Expression]] = []
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token.startswith(";"):
            continue
        if token == "(":
            stack.append([])
        elif token == ")":
            if not stack:
                raise InputError("expected an opening bracket for every closing one")
            done = stack.pop()
            if not stack:
                yield done
            else:
                stack[-1].append(done)
        elif not stack:
            raise InputError(f"expected expressions in brackets, not {token[:40]!r}")
        else:
            stack[-1].append(token)
    if stack:
        raise InputError("expected a closing bracket for every opening one")


class _Reader:
    def __init__(self) -> None:
        self.query = Query()
        self.shapes: dict[str, tuple[str, int, tuple[int, ...]]] = {}  # name: kind, network, shape

    def take(self, expression: Expression) -> None:
        head, rest = _headed(expression)
        if head in ("declare-const", "declare-fun"):
            self._constant(rest)
        elif head == "declare-network":
            self._network(rest)
        elif head == "assert" and len(rest) == 1:
            self.query.assertions.append(self._condition(rest[0]))
        elif head not in ("vnnlib-version", "set-logic", "set-info", "set-option", "check-sat", "get-model", "exit"):
            raise InputError(f"expected a VNN-LIB command, not {head[:40]!r}")

    def _constant(self, rest: Sequence[Expression]) -> None:
        name = rest[0] if rest else ""
        match = _FIRST_VERSION.match(name) if isinstance(name, str) else None
        if match is None:
            raise InputError(f"expected variables named X_0, X_1, ... and Y_0, Y_1, ..., not {str(name)[:40]!r}")
        self.query.networks = self.query.networks or [""]
        kind, number = match[1].lower(), int(match[2])
        self.shapes[str(name)] = (kind, 0, (number,))
        self.query.widths[kind, 0] = max(self.query.widths.get((kind, 0), 0), number + 1)

    def _network(self, rest: Sequence[Expression]) -> None:
        if not rest or not isinstance(rest[0], str):
            raise InputError("expected a name after declare-network")
        place = len(self.query.networks)
        self.query.networks.append(rest[0])
        for entry in rest[1:]:
            head, parts = _headed(entry)
            if head in ("declare-input", "declare-output"):
                kind = "x" if head == "declare-input" else "y"
                if (kind, place) in self.query.widths:
                    raise InputError(f"network {str(rest[0])[:40]!r}: expected one {head[8:]}, not several")
                name, shape = str(parts[0]), _shape([p for p in parts if isinstance(p, str)])
                self.shapes[name] = (kind, place, shape)
                self.query.widths[kind, place] = prod(shape)
            elif head not in ("isomorphic-to", "equal-to"):
                raise InputError(f"network {str(rest[0])[:40]!r}: expected inputs and outputs, not {head[:40]!r}")

    def _condition(self, expression: Expression) -> list[list[Atom]]:
        head, rest = _headed(expression)
        if head == "or":
            return _limited([conjunction for part in rest for conjunction in self._condition(part)])
        if head == "and":
            parts = [self._condition(part) for part in rest]
            if prod(map(len, parts)) > LARGEST:
                raise InputError(f"expected a file with at most {LARGEST} alternatives")
            return [[atom for conjunction in choice for atom in conjunction] for choice in product(*parts)]
        if head in ("==", "=") and len(rest) == 2:
            return [[self._atom(rest[0], rest[1], False), self._atom(rest[1], rest[0], False)]]
        if head not in _STRICT or len(rest) != 2:
            raise InputError(f"expected and, or, or a comparison of two terms, not {head[:40]!r}")
        if head.startswith("<"):
            rest = rest[::-1]
        return [[self._atom(rest[0], rest[1], _STRICT[head])]]

    def _atom(self, larger: Expression, smaller: Expression, strict: bool) -> Atom:
        total, constant = self._term(larger)
        others, minus = self._term(smaller)
        for variable, value in others.items():
            total[variable] = total.get(variable, fmpq(0)) - value
        return Atom({variable: value for variable, value in total.items() if value}, minus - constant, strict)

    def _term(self, expression: Expression) -> tuple[dict[Variable, fmpq], fmpq]:
        """(coefficients, constant) of a linear term."""
        if isinstance(expression, str):
            variable = self._variable(expression)
            return ({}, rational(expression)) if variable is None else ({variable: fmpq(1)}, fmpq(0))
        head, rest = _headed(expression)
        terms = [self._term(part) for part in rest]
        if head == "*" and terms:
            return _product(terms)
        if head not in ("+", "-") or not terms:
            raise InputError(f"expected sums and multiples, not {head[:40]!r}")
        signs = [fmpq(1)] + [fmpq(1 if head == "+" else -1)] * (len(terms) - 1)
        if head == "-" and len(terms) == 1:
            signs = [fmpq(-1)]
        total: dict[Variable, fmpq] = {}
        for sign, (coefficients, _) in zip(signs, terms, strict=True):
            for variable, value in coefficients.items():
                total[variable] = total.get(variable, fmpq(0)) + sign * value
        return total, sum((s * constant for s, (_, constant) in zip(signs, terms)), fmpq(0))

    def _variable(self, token: str) -> Variable | None:
        if token in self.shapes and "[" not in token:
            kind, network, shape = self.shapes[token]
            if self.query.networks == [""]:
                return kind, network, shape[0]
            if prod(shape) == 1:
                return kind, network, 0
        match = _ELEMENT.match(token)
        if match is None:
            return None
        if match[1] not in self.shapes:
            raise InputError(f"expected a declared variable, not {token[:40]!r}")
        kind, network, shape = self.shapes[match[1]]
        indices = [int(part) for part in match[2].split(",") if part.strip()]
        if len(indices) != len(shape) or any(i >= n for i, n in zip(indices, shape)):
            raise InputError(f"expected an element of {match[1]} with shape {list(shape)}, not {token[:40]!r}")
        place = 0
        for index, size in zip(indices, shape):
            place = place * size + index
        return kind, network, place


def _product(terms: Sequence[tuple[dict[Variable, fmpq], fmpq]]) -> tuple[dict[Variable, fmpq], fmpq]:
    total, constant = terms[0]
    for coefficients, factor in terms[1:]:
        if coefficients and total:
            raise InputError("expected linear terms, not a product of variables")
        if coefficients:
            total, constant, factor = coefficients, factor, constant
        total, constant = {variable: value * factor for variable, value in total.items()}, constant * factor
    return total, constant


def _limited(conjunctions: list[list[Atom]]) -> list[list[Atom]]:
    if len(conjunctions) > LARGEST:
        raise InputError(f"expected a file with at most {LARGEST} alternatives")
    return conjunctions


def _headed(expression: Expression) -> tuple[str, list[Expression]]:
    if isinstance(expression, str) or not expression or not isinstance(expression[0], str):
        raise InputError(f"expected an expression such as (<= X_0 1), not {str(expression)[:40]!r}")
    return expression[0], expression[1:]


def _shape(parts: Sequence[str]) -> tuple[int, ...]:
    for part in parts:
        if part.startswith("["):
            sizes = tuple(int(size) for size in part[1:-1].split(",") if size.strip())
            if all(sizes):
                return sizes
    declared = repr(str(parts[0])[:40]) if parts else "a variable"
    raise InputError(f"expected a shape such as [1, 5] in the declaration of {declared}")
