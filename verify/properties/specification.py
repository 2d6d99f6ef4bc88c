"""What a VNN-LIB query says of two networks: the domain of their common input, and what their outputs must not do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from flint import fmpq

from verify.errors import InputError
from verify.properties.claim import Excluded
from verify.properties.domain import Domain, Halfspace
from verify.properties.vnnlib import LARGEST, Atom, Query, read_query


@dataclass(frozen=True)
class Specification:
    """A file's domain and claim."""

    domain: Domain
    claim: Excluded | None  # None: the file says nothing of the outputs of two networks
    contradictory: bool  # what it says of the outputs holds for no outputs at all, so that nothing is claimed


def read_specification(path: Path, inputs: int, outputs: int) -> Specification:
    """The domain and the claim of a VNN-LIB file for networks f (declared first) and g with a common input.

    With one network declared the file describes a domain, and what it says of outputs is left aside.

    Raises:
        InputError: the file cannot be read, is not of that kind, or is of networks of another shape.
    """
    query = read_query(path)
    try:
        return specification(query, inputs, outputs)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def specification(query: Query, inputs: int, outputs: int) -> Specification:
    """The domain and the claim of a query.

    Raises:
        InputError: it is of networks of another shape, or more than a polytope and conditions on outputs.
    """
    if len(query.networks) > 2:
        raise InputError(f"expected one or two networks, not {len(query.networks)}")
    for network, name in enumerate(query.networks):
        given = query.widths.get(("x", network), 0), query.widths.get(("y", network), outputs)
        if given != (inputs, outputs):
            raise InputError(
                f"network {(name or 'f')[:40]!r}: expected {inputs} inputs and {outputs} outputs, "
                f"not {given[0]} and {given[1]}"
            )
    conditions, unsafe = _sorted(query)
    domain = _domain(_of_one_input(conditions, inputs, len(query.networks)), inputs)
    if len(query.networks) < 2 or not unsafe:
        return Specification(domain, None, False)
    if prod(map(len, unsafe)) > LARGEST:
        raise InputError(f"expected a file with at most {LARGEST} alternatives")
    choices: list[list[Atom]] = [[]]
    for assertion in unsafe:
        choices = [[*choice, *conjunction] for choice in choices for conjunction in assertion]
    disjuncts = tuple(tuple(_row(atom, outputs) for atom in choice) for choice in choices)
    return Specification(domain, Excluded(disjuncts), all(map(_impossible, choices)))


def _sorted(query: Query) -> tuple[list[Atom], list[list[list[Atom]]]]:
    """(conditions on inputs, assertions about outputs)."""
    conditions: list[Atom] = []
    unsafe = []
    for assertion in query.assertions:
        if all(atom.about("y") for conjunction in assertion for atom in conjunction):
            unsafe.append(assertion)
        elif len(assertion) == 1 and all(atom.about("x") for atom in assertion[0]):
            conditions += assertion[0]
        else:
            raise InputError("expected assertions about inputs (without or), and others about outputs")
    return conditions, unsafe


def _of_one_input(conditions: Sequence[Atom], inputs: int, networks: int) -> list[Atom]:
    """The conditions on f's input, once the file has said that g's is the same."""
    if networks == 1:
        return list(conditions)
    same: dict[int, set[fmpq]] = {}
    kept = []
    for atom in conditions:
        numbers = {number for _, _, number in atom.coefficients}
        if len(numbers) == 1 and len(atom.coefficients) == 2 and not sum(atom.coefficients.values(), fmpq(0)):
            (number,) = numbers
            if atom.bound == 0 and not atom.strict:
                same.setdefault(number, set()).add(
                    atom.coefficients["x", 0, number] / abs(atom.coefficients["x", 0, number])
                )
                continue
        merged: dict[tuple[str, int, int], fmpq] = {}
        for (_, _, number), value in atom.coefficients.items():
            merged["x", 0, number] = merged.get(("x", 0, number), fmpq(0)) + value
        kept.append(Atom({variable: v for variable, v in merged.items() if v}, atom.bound, atom.strict))
    missing = [number for number in range(inputs) if len(same.get(number, ())) < 2]
    if missing:
        raise InputError(f"expected both networks to have the same input: (==) is missing for input {missing[0]}")
    return kept


def _domain(conditions: Sequence[Atom], inputs: int) -> Domain:
    lower: list[fmpq | None] = [None] * inputs
    upper: list[fmpq | None] = [None] * inputs
    halfspaces: list[Halfspace] = []
    for atom in conditions:
        if atom.strict:
            raise InputError("expected <= and >= for inputs, not < or >: domains are closed")
        if len(atom.coefficients) != 1:
            normal = [fmpq(0)] * inputs
            for (_, _, number), value in atom.coefficients.items():
                normal[number] = -value
            halfspaces.append((tuple(normal), -atom.bound))
            continue
        (((_, _, number), value),) = atom.coefficients.items()
        limit = atom.bound / value
        if value > 0:
            lower[number] = limit if (old := lower[number]) is None else max(old, limit)
        else:
            upper[number] = limit if (old := upper[number]) is None else min(old, limit)
    for side, bounds in (("lower", lower), ("upper", upper)):
        if None in bounds:
            raise InputError(f"input {bounds.index(None)}: expected a {side} bound")
    below, above = [v for v in lower if v is not None], [v for v in upper if v is not None]
    return Domain(tuple(below), tuple(above), tuple(halfspaces))


def _row(atom: Atom, outputs: int) -> tuple[tuple[fmpq, ...], fmpq, bool]:
    """An atom over (f's outputs, differences g - f)."""
    row = [fmpq(0)] * (2 * outputs)
    for (_, network, number), value in atom.coefficients.items():
        row[number] += value
        if network == 1:
            row[outputs + number] += value
    return tuple(row), atom.bound, atom.strict


def _impossible(atoms: Sequence[Atom]) -> bool:
    """Whether two of the atoms contradict each other, such as y > 1 and y < -1."""
    for n, atom in enumerate(atoms):
        for other in atoms[:n]:
            if {k: -v for k, v in other.coefficients.items()} == atom.coefficients:
                gap = atom.bound + other.bound
                if gap > 0 or (gap == 0 and (atom.strict or other.strict)):
                    return True
    return False
