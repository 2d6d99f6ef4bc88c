"""A claim about two networks on a domain as an SMT-LIB 2 script in linear real arithmetic, for any other solver.

`unsat` means that the claim holds. Neuron after neuron is written as it is, without any of the engine's
reasoning: a decimal-free, independent statement of the question. Where the maximum is asked for, the script
maximises the variable `largest`, which Z3 and OptiMathSAT can do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flint import fmpq

from precise.network import Network
from precise.symmetry.interval import Range, preactivation_ranges
from verify.errors import InputError
from verify.properties.claim import Claim, Excluded, SameTop1
from verify.properties.domain import Domain

MOST_NEURONS = 2000  # hidden ones of both networks; no solver gets anywhere near


def script(first: Network, second: Network, domain: Domain, claim: Claim | None, facts: bool = False) -> str:
    """The script whose unsatisfiability is the claim.

    Args:
        first: f.
        second: g.
        domain: of the inputs.
        claim: None asks for the maximum of |g - f| over all outputs instead.
        facts: also state what interval arithmetic says of every neuron. It follows from the rest; solvers find
            counterexamples sooner with it.

    Raises:
        InputError: the networks are too large for any solver, or do not fit the domain or each other.
    """
    if (first.input_width, first.output_width) != (second.input_width, second.output_width):
        raise InputError("expected networks with the same numbers of inputs and of outputs")
    if domain.inputs != first.input_width:
        raise InputError(f"expected a domain of {first.input_width} inputs, not {domain.inputs}")
    neurons = sum(sum(network.widths[1:-1]) for network in (first, second))
    if neurons > MOST_NEURONS:
        raise InputError(f"expected networks of at most {MOST_NEURONS} hidden neurons together, not {neurons}")
    largest = f"; largest is the maximum of |g(x) - f(x)| on {domain.describe()}"
    lines = [
        f"; f: {first.sha256}",
        f"; g: {second.sha256}",
        largest if claim is None else f"; unsat proves: {claim.describe()} on {domain.describe()}",
        "(set-logic QF_LRA)",
        *_inputs(domain),
        *_network(first, "f"),
        *_network(second, "g"),
        *(_facts(first, "f", domain) if facts else ()),
        *(_facts(second, "g", domain) if facts else ()),
        *(_maximum(first.output_width) if claim is None else [f"(assert {_refutation(claim, first.output_width)})"]),
        "(check-sat)",
        "(exit)",
    ]
    return "\n".join(lines) + "\n"


def _inputs(domain: Domain) -> Iterator[str]:
    for number, (low, high) in enumerate(zip(domain.lower, domain.upper, strict=True), 1):
        yield f"(declare-const x{number} Real)"
        yield f"(assert (and (<= {_number(low)} x{number}) (<= x{number} {_number(high)})))"
    names = [f"x{number}" for number in range(1, domain.inputs + 1)]
    for normal, bound in domain.halfspaces:
        yield f"(assert (<= {_affine(normal, fmpq(0), names)} {_number(bound)}))"


def _network(network: Network, name: str) -> Iterator[str]:
    values = [f"x{number}" for number in range(1, network.input_width + 1)]
    for number, layer in enumerate(network.layers, 1):
        last = number == len(network.layers)
        names = [f"{name}_{'out' if last else number}_{neuron}" for neuron in range(1, layer.neurons + 1)]
        for own, row, bias in zip(names, layer.weights, layer.biases, strict=True):
            term = _affine(row, bias, values)
            if not last:
                yield f"(define-fun {own}_in () Real {term})"
                term = f"(ite (> {own}_in 0) {own}_in 0)"
            yield f"(define-fun {own} () Real {term})"
        values = names


def _facts(network: Network, name: str, domain: Domain) -> Iterator[str]:
    """What intervals say of every neuron: its range, and the line above it that this gives [ZWCHD18]."""
    ranges = [Range(low, high) for low, high in zip(domain.lower, domain.upper, strict=True)]
    for number, known in enumerate(preactivation_ranges(network.layers[:-1], ranges), 1):
        for neuron, bounds in enumerate(known, 1):
            own, low, high = f"{name}_{number}_{neuron}", bounds.low, bounds.high
            assert low is not None, "a domain is bounded"
            assert high is not None
            if low >= 0 or high <= 0:
                yield f"(assert (= {own} {f'{own}_in' if low >= 0 else '0.0'}))"
                continue
            yield f"(assert (and (<= {_number(low)} {own}_in) (<= {own}_in {_number(high)})))"
            yield f"(assert (and (<= 0.0 {own}) (<= {own}_in {own})))"
            yield f"(assert (<= {own} (* {_number(high / (high - low))} (- {own}_in {_number(low)}))))"


def _maximum(outputs: int) -> Iterator[str]:
    yield "(declare-const largest Real)"
    gaps = (f"(- {a}_out_{n} {b}_out_{n})" for n in range(1, outputs + 1) for a, b in ("gf", "fg"))
    yield f"(assert {_any(f'(<= largest {gap})' for gap in gaps)})"
    yield "(maximize largest)"


def _refutation(claim: Claim, outputs: int) -> str:
    """What outputs that break the claim do."""
    numbers = range(1, outputs + 1)
    if isinstance(claim, SameTop1):
        return _any(_all(_another_leads(i, j, claim.margin, outputs)) for i in numbers for j in numbers if i != j)
    if isinstance(claim, Excluded):
        terms = [f"f_out_{n}" for n in numbers] + [f"(- g_out_{n} f_out_{n})" for n in numbers]
        return _any(
            _all(
                f"({'>' if strict else '>='} {_affine(row, fmpq(0), terms)} {_number(bound)})"
                for row, bound, strict in conditions
            )
            for conditions in claim.alternatives
        )
    return _any(
        f"(> (- {a}_out_{n} {b}_out_{n}) {_number(epsilon)})"
        for n, epsilon in zip(numbers, claim.epsilon, strict=True)
        for a, b in ("gf", "fg")
    )


def _another_leads(i: int, j: int, margin: fmpq, outputs: int) -> Iterator[str]:
    """f puts output i ahead of all others, and g puts j ahead of i."""
    for k in range(1, outputs + 1):
        if k != i:
            yield f"(> f_out_{i} f_out_{k})"
            yield f"(>= (- f_out_{i} f_out_{k}) {_number(margin)})"
    yield f"(> g_out_{j} g_out_{i})"


def _affine(row: Sequence[fmpq], bias: fmpq, values: Sequence[str]) -> str:
    terms = [f"(* {_number(weight)} {value})" for weight, value in zip(row, values, strict=True) if weight]
    return f"(+ {' '.join([*terms, _number(bias)])})" if terms else _number(bias)


def _number(value: fmpq) -> str:
    size = f"{abs(value.p)}.0" if value.q == 1 else f"(/ {abs(value.p)}.0 {value.q}.0)"
    return f"(- {size})" if value < 0 else size


def _any(parts: Iterator[str]) -> str:
    return f"(or false {' '.join(parts)})"


def _all(parts: Iterator[str]) -> str:
    return f"(and true {' '.join(parts)})"
