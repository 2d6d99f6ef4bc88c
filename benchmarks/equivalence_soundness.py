"""Pairs of small networks with planted relations, decided, and compared with brute force over the linear pieces.

A pair's number is its seed: any part of the battery can be run by itself. Nothing may be *wrong*: no verdict
against the brute force (standard-library fractions), no witness that does not replay, no certificate that is
refused. Certificates are then changed: one place at random, or, sealed anew, into a claim that is false. The
limit for a pair is of processor seconds. With --json the counts are written as the battery goes on, and a run that
was ended goes on from them.
"""

from __future__ import annotations

import argparse
import copy
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from flint import fmpq

from benchmarks.processor_clock import processor_clock
from fixtures import mutants
from precise.arithmetic import rational, to_fraction, to_text
from precise.formats.atomic_file import write_whole
from precise.network import Layer, Network
from tests.precise.rewritings import evaluate, rewritten
from tests.verify.equivalence.pairs import integer_network, perturbed, with_distant_neuron
from tests.verify.equivalence.polygons import largest_differences, rectangle, top1_differs
from verify.certificate import claim_of, domain_of
from verify.checker import Refused, check
from verify.checker.encoding import fingerprint, seal
from verify.equality.by_form import ENGINE
from verify.equivalence import Decision, Effort, Engine, decide, maximum
from verify.properties.claim import Claim, same_top1, within
from verify.properties.domain import Domain, ball, box
from verify.verdict import Outcome

RELATIONS = ("symmetric", "equal on the region", "tiny difference", "sign flipped", "kink on the border", "zero width")
WIDTHS = ((2, 2, 1), (2, 3, 2), (2, 2, 2, 1), (2, 4, 3, 1), (2, 3, 3, 2), (2, 2, 2, 2, 1))
FACTORS = (fmpq(0), fmpq(1, 2), fmpq(999, 1000), fmpq(1), fmpq(1001, 1000), fmpq(2))  # epsilon / true maximum
WRITING = 5.0  # seconds between two writings of the counts
WITHOUT_CERTIFICATE = {Engine.Z3.value: " by Z3", ENGINE: " by canonical form"}  # engine: how a verdict is counted
PROVED = (Outcome.EQUAL, Outcome.EQUIVALENT)
VALUES = (-1, 0, 1, 2, "0", "1", "-1", "1/3", "1p-40", "z", "g", True, None, [], {}, 0.5)
Certificate = dict[str, Any]


@dataclass(frozen=True)
class Pair:
    """Two networks on a box in the plane."""

    relation: str
    first: Network
    second: Network
    domain: Domain
    generator: np.random.Generator

    @property
    def polygon(self) -> list[tuple[Fraction, Fraction]]:
        """The corners of the box."""
        return rectangle(self.domain.lower, self.domain.upper)


@dataclass
class Tally:
    """What a part of the battery found."""

    verdicts: Counter[str] = field(default_factory=Counter)  # "relation: verdict"
    mutants: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)  # one sentence each; there must be none
    unknown: list[int] = field(default_factory=list)  # numbers of the pairs that were left open
    rechecked: int = 0  # certificates
    replayed: int = 0  # witnesses
    pairs: int = 0  # done so far
    seconds: float = 0.0  # of a processor


def planted(number: int) -> Pair:
    """The pair with a number: its relation is the number's, everything else is drawn."""
    generator = np.random.default_rng(number)
    relation = RELATIONS[number % len(RELATIONS)]
    network = integer_network(WIDTHS[generator.integers(len(WIDTHS))], generator)
    layer = int(generator.integers(1, len(network.layers)))
    neuron = int(generator.integers(1, network.layers[layer - 1].neurons + 1))
    domain = (box(-1, 1, 2), ball([0, "1/2"], "1/3"), ball([1, -1], "1/2", clip=(-1, 1)))[generator.integers(3)]
    tiny = fmpq(1, 10 ** int(generator.integers(3, 41)))
    if relation == "symmetric":
        other = rewritten(network, generator, steps=3)
    elif relation == "equal on the region":
        other = rewritten(with_distant_neuron(network, generator), generator, steps=1)
    elif relation == "sign flipped":
        other = mutants.flip_sign(network, layer, neuron)
    elif relation == "kink on the border":
        network = _with_kink(network, neuron if layer == 1 else 1, domain, generator)
        shift = tiny * int(generator.integers(-1, 2))
        other = mutants.shift_bias(network, 1, neuron if layer == 1 else 1, shift)
    else:
        other = perturbed(network, tiny, generator)
        domain = _flattened(domain, generator) if relation == "zero width" else domain
    return Pair(relation, network, other, domain, generator)


def _with_kink(network: Network, neuron: int, domain: Domain, generator: np.random.Generator) -> Network:
    """A neuron of layer 1 that is 0 along a side of the domain, and of either sign inside."""
    axis, high = (int(v) for v in generator.integers(0, 2, 2))
    slope = fmpq(int(generator.choice([-2, -1, 1, 2])), 2)
    edge = (domain.upper if high else domain.lower)[axis]
    first, *rest = network.layers
    weights, biases = list(first.weights), list(first.biases)
    weights[neuron - 1] = (slope, fmpq(0)) if axis == 0 else (fmpq(0), slope)
    biases[neuron - 1] = -slope * edge
    return Network((Layer(tuple(weights), tuple(biases)), *rest))


def _flattened(domain: Domain, generator: np.random.Generator) -> Domain:
    """The domain cut down to a segment or a point, often on kinks."""
    share = fmpq(int(generator.integers(0, 5)), 4)
    axes = {int(generator.integers(2))} if generator.integers(2) else {0, 1}
    places = [a + share * (b - a) for a, b in zip(domain.lower, domain.upper, strict=True)]
    lower, upper = (
        tuple(p if i in axes else v for i, (p, v) in enumerate(zip(places, side, strict=True)))
        for side in (domain.lower, domain.upper)
    )
    return Domain(lower, upper)


def examine(number: int, seconds: float, tally: Tally) -> tuple[Certificate, Pair] | None:
    """Decide one pair and hold the verdict against brute force.

    Returns:
        What proves it, if it is proved, for changing.
    """
    pair = planted(number)
    asked = number // len(RELATIONS) % 4
    if asked == 3 and pair.first.output_width > 1:
        return _top1(number, pair, seconds, tally)
    if asked == 2:
        return _maximum(number, pair, seconds, tally)
    return _within(number, pair, seconds, tally)


def _within(number: int, pair: Pair, seconds: float, tally: Tally) -> tuple[Certificate, Pair] | None:
    truth = rational(max(largest_differences(pair.first, pair.second, pair.polygon)))
    epsilon = truth * FACTORS[pair.generator.integers(len(FACTORS))]
    claim = within(epsilon, pair.first.output_width)
    decision = decide(pair.first, pair.second, pair.domain, claim, Effort(seconds=seconds))
    outcome = decision.verdict.outcome
    if (outcome in PROVED and truth > epsilon) or (outcome is Outcome.DIFFERENT and truth <= epsilon):
        tally.wrong.append(f"pair {number}: {outcome.value} at epsilon {epsilon}, the maximum is {truth}")
    return _noted(number, pair, claim, decision, tally)


def _top1(number: int, pair: Pair, seconds: float, tally: Tally) -> tuple[Certificate, Pair] | None:
    margin = fmpq(int(pair.generator.integers(0, 4)), 8)
    claim = same_top1(pair.first.output_width, margin)
    decision = decide(pair.first, pair.second, pair.domain, claim, Effort(seconds=seconds))
    differs, outcome = (
        top1_differs(pair.first, pair.second, pair.polygon, to_fraction(margin)),
        decision.verdict.outcome,
    )
    if outcome in PROVED if differs else outcome is Outcome.DIFFERENT:
        tally.wrong.append(f"pair {number}: {outcome.value} at margin {margin}, brute force: {differs=}")
    return _noted(number, pair, claim, decision, tally)


def _maximum(number: int, pair: Pair, seconds: float, tally: Tally) -> tuple[Certificate, Pair] | None:
    truth = max(largest_differences(pair.first, pair.second, pair.polygon))
    decision = maximum(pair.first, pair.second, pair.domain, Effort(seconds=seconds))
    details = decision.verdict.details
    attained, proved = (to_fraction(rational(str(details[key]))) for key in ("attained", "proved"))
    if not attained <= truth <= proved or decision.verdict.outcome is Outcome.DIFFERENT:
        tally.wrong.append(f"pair {number}: [{attained}, {proved}] does not hold the maximum {truth}")
    return _noted(number, pair, within(rational(proved), pair.first.output_width), decision, tally)


def _noted(number: int, pair: Pair, claim: Claim, decision: Decision, tally: Tally) -> tuple[Certificate, Pair] | None:
    """Count a verdict, and look at what it rests on."""
    verdict = decision.verdict
    by = WITHOUT_CERTIFICATE.get(str(verdict.details["engine"]), "")
    tally.verdicts[f"{pair.relation}: {verdict.outcome.value}{by}"] += 1
    if verdict.outcome is Outcome.UNKNOWN:
        tally.unknown.append(number)
    if verdict.outcome is Outcome.DIFFERENT:
        tally.replayed += 1
        point = verdict.witness.point if verdict.witness else ()
        outputs = [evaluate(network, point) for network in (pair.first, pair.second)] if point else []
        if not point or not pair.domain.contains(point) or not claim.refuted_by(*outputs):
            tally.wrong.append(f"pair {number}: the witness does not replay")
    if verdict.outcome not in PROVED or decision.certificate is None:
        if verdict.outcome in PROVED and not by:
            tally.wrong.append(f"pair {number}: there is no certificate")
        return None
    tally.rechecked += 1
    try:
        check(decision.certificate, pair.first, pair.second)
    except Refused as refused:
        tally.wrong.append(f"pair {number}: {refused}")
    return decision.certificate, pair


def tamper(certificate: Certificate, pair: Pair, tally: Tally) -> None:
    """Three changes to a certificate: in one place, the same sealed anew, and into a false claim, sealed anew."""
    changed, path = _changed(certificate, pair.generator)
    tally.mutants["changed"] += 1
    if not _refused(changed, pair):
        tally.wrong.append(f"a certificate changed at {path} is accepted")
    changed["seal"] = seal(changed)
    if _refused(changed, pair):
        tally.mutants["changed and sealed: refused"] += 1
    elif _true(changed, pair):
        tally.mutants["changed and sealed: another proof of something true"] += 1
    else:
        tally.wrong.append(f"a certificate changed at {path} and sealed anew proves what is false")
    for false, networks in _false_claims(certificate, pair):
        tally.mutants["false claim, sealed"] += 1
        if not _refused(false, networks):
            tally.wrong.append("a false claim, sealed anew, is accepted")


def _changed(certificate: Certificate, generator: np.random.Generator) -> tuple[Certificate, tuple[Any, ...]]:
    places = [path for path in _places(certificate) if path != ("seal",)]
    while True:
        path = places[generator.integers(len(places))]
        value = VALUES[generator.integers(len(VALUES))]
        found = copy.deepcopy(certificate)
        place = found
        for key in path[:-1]:
            place = place[key]
        if type(place[path[-1]]) is not type(value) or place[path[-1]] != value:
            place[path[-1]] = value
            return found, path


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(entry, (*path, key))
    else:
        yield path


def _false_claims(certificate: Certificate, pair: Pair) -> Iterator[tuple[Certificate, Pair]]:
    """The same proof for a smaller epsilon than the truth, and for a network g that differs by more."""
    claim = certificate["claim"]
    if claim["property"] != "within":
        return
    truth = largest_differences(pair.first, pair.second, pair.polygon)
    if max(truth) > 0:
        smaller = [to_text(rational(v) * fmpq(999, 1000)) for v in truth]
        yield _sealed(certificate | {"claim": claim | {"epsilon": smaller}, "bounds": _doubled(smaller)}), pair
    epsilon = max(map(rational, claim["epsilon"]))
    last = len(pair.second.layers)
    farther = mutants.shift_bias(pair.second, last, 1, 2 * epsilon + rational(max(truth)) + 1)
    hashes = [fingerprint(pair.first), fingerprint(farther)]
    yield _sealed(certificate | {"networks": hashes}), replace(pair, second=farther)


def _doubled(values: list[str]) -> list[str]:
    return [v for v in values for _ in range(2)]


def _sealed(certificate: Certificate) -> Certificate:
    return certificate | {"seal": seal(certificate)}


def _refused(certificate: Certificate, pair: Pair) -> bool:
    try:
        check(certificate, pair.first, pair.second)
    except Refused:
        return True
    return False


def _true(certificate: Certificate, pair: Pair) -> bool:
    """Whether what an accepted certificate says is so, by brute force."""
    domain, claim = domain_of(certificate), claim_of(certificate)
    if domain.halfspaces:
        return False
    polygon = rectangle(domain.lower, domain.upper)
    if certificate["claim"]["property"] == "top1":
        return not top1_differs(pair.first, pair.second, polygon, to_fraction(rational(certificate["claim"]["margin"])))
    truth = largest_differences(pair.first, pair.second, polygon)
    return all(most <= to_fraction(e) for most, e in zip(truth, claim.epsilon, strict=True))


def begun(path: Path | None, first: int) -> Tally:
    """What an earlier run with the same first pair has left in its file; else nothing yet.

    Raises:
        SystemExit: the file holds a battery that begins elsewhere.
    """
    if path is None or not path.exists():
        return Tally()
    report = json.loads(path.read_text())
    if report.pop("from") != first:
        raise SystemExit(f"{path}: expected counts of a battery from pair {first} on")
    return Tally(**report | {key: Counter(report[key]) for key in ("verdicts", "mutants")})


def run(first: int, pairs: int, mutants: int, seconds: float, path: Path | None) -> Tally:
    """Examine the pairs from number `first` on, those that `path` has already left out."""
    tally, written = begun(path, first), perf_counter()
    while tally.pairs < pairs:
        start = process_time()
        with processor_clock():
            proof = examine(first + tally.pairs, seconds, tally)
        if proof is not None and tally.mutants["changed"] + tally.mutants["false claim, sealed"] < mutants:
            tamper(*proof, tally)
        tally.pairs += 1
        tally.seconds += process_time() - start
        if path is not None and (tally.pairs == pairs or perf_counter() - written > WRITING):
            written = perf_counter()
            write_whole(path, (json.dumps({"from": first, **vars(tally)}, indent=1) + "\n").encode())
    return tally


def main() -> None:
    """Run the battery and print what was found; exit status 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="N", help="number of the first pair")
    parser.add_argument("--pairs", type=int, default=5000)
    parser.add_argument("--mutants", type=int, default=2000, help="changed certificates that are to be refused")
    parser.add_argument("--seconds", type=float, default=10.0, help="of a processor, for each pair")
    parser.add_argument("--json", type=Path, help="keep the counts in this file, and go on from them")
    options = parser.parse_args()
    tally = run(options.first, options.pairs, options.mutants, options.seconds, options.json)
    for name, counts in (("verdicts", tally.verdicts), ("changed certificates", tally.mutants)):
        print(f"{name}: " + ", ".join(f"{key} {count}" for key, count in sorted(counts.items())))
    print(f"{tally.rechecked} certificates accepted again, {tally.replayed} witnesses replayed")
    print(f"{tally.seconds:.0f} processor seconds")
    print(f"left open: {', '.join(map(str, tally.unknown)) or 'none'}")
    print("\n".join(tally.wrong) or "nothing wrong")
    raise SystemExit(bool(tally.wrong))


if __name__ == "__main__":
    main()
