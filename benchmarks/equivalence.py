"""Time, bounds and answers of `verify equivalent` on pairs of networks, beside those of other methods in the same run.

A pair is a network and a copy with permuted, rescaled neurons and weights off by a relative 1e-9 (or rounded to
float32). `ratio` says how far the proved bound is above what is attained at a point; `product` is the bound that
interval arithmetic on f and g separately gives, in units of the proved one. `by values` is the ratio that the search
reaches in the same time where it splits f's and g's neurons one by one, and not by phase. A limit is of processor
seconds, one process a pair: what else runs on the machine matters little.
"""

from __future__ import annotations

import argparse
import json
import resource
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from flint import fmpq

from benchmarks.equivalence_peers import plain_z3, product_milp
from benchmarks.processor_clock import processor_clock
from precise.arithmetic import rational
from precise.formats import load_network
from precise.network import Network
from precise.random_networks import random_network
from verify.checker import check
from verify.checker.joint import joint
from verify.differential import bounds
from verify.differential.problem import to_near
from verify.equivalence import Decision, Effort, decide, maximum
from verify.properties.claim import within
from verify.properties.domain import Domain, ball, box
from verify.verdict import Outcome

FIXTURES = Path(__file__).parents[1] / "fixtures"


@dataclass(frozen=True)
class Case:
    """A pair with its domain and what is asked."""

    name: str
    first: Network
    second: Network
    domain: Domain
    epsilon: str | None  # None: the maximum
    seconds: float = 60.0  # of a processor


@dataclass(frozen=True)
class Line:
    """What became of a case."""

    case: str
    asked: str
    outcome: str
    seconds: float  # of the engine, its own exact check included
    processor: float  # seconds of all processes that the engine used
    checking: float | None  # processor seconds of `verify check` on the certificate; None: there is none
    leaves: int
    attained: float | None
    proved: float | None
    ratio: float | None  # proved / attained
    product: float  # the bound from f and g separately / the proved bound or epsilon
    milp_seconds: float | None  # None: not run, or not solved in time
    milp_false: bool | None  # what it calls the maximum contradicts what is attained or proved
    z3_seconds: float | None
    by_values: float | None = None  # the ratio without phases, after the same time


def copied(network: Network, noise: float, seed: int = 0) -> Network:
    """A copy with permuted and rescaled neurons (powers of two) and relative noise on every weight."""
    generator, arrays = np.random.default_rng(seed), []
    order, scale = np.arange(network.input_width), np.ones(network.input_width)
    for number, (weights, biases) in enumerate(network.to_numpy(), 1):
        weights = (weights * (1 + noise * generator.standard_normal(weights.shape)))[order] / scale[:, None]
        biases = biases * (1 + noise * generator.standard_normal(biases.shape))
        if number < len(network.layers):
            order = generator.permutation(len(biases))
            scale = 2.0 ** generator.integers(-3, 4, len(biases))
            weights, biases = weights[:, order] * scale, biases[order] * scale
        arrays.append((weights, biases))
    return Network.from_arrays(arrays)


def rounded(network: Network) -> Network:
    """The network with every weight rounded to float32."""
    return Network.from_arrays([(w.astype(np.float32), b.astype(np.float32)) for w, b in network.to_numpy()])


def cases(names: list[str]) -> list[Case]:
    """The pairs of the tables, or those whose names are given."""
    small, wide, deep = (load_network(FIXTURES / f"mnist_784_{shape}_1.npz") for shape in ("8x2", "16x2", "16x8"))
    broad, middle = random_network("784-128x2-1", seed=1), random_network("784-64x2-1", seed=1)
    box_sized, cube = random_network("10-15x2-1", seed=1), box(0, 1, 784)
    centre = np.random.default_rng(0).integers(0, 256, 784) / 256

    def around(radius: str) -> Domain:
        return ball(centre.tolist(), radius, clip=(0, 1))

    found = [
        Case("784-16-16-1 ball 0.1", wide, copied(wide, 1e-9), around("0.1"), "1e-6"),
        Case("784-128-128-1 ball 0.1", broad, copied(broad, 1e-9), around("0.1"), "1e-6"),
        Case("784-16-16-1 unit cube", wide, copied(wide, 1e-9), cube, "1e-6", 300.0),
        Case("784-64-64-1 unit cube", middle, copied(middle, 1e-9), cube, "1e-6", 300.0),
        Case("784-8-8-1 unit cube", small, copied(small, 1e-9), cube, None),
        Case("784-16-16-1 unit cube max", wide, copied(wide, 1e-9), cube, None, 100.0),
        Case("784-64-64-1 unit cube max", middle, copied(middle, 1e-9), cube, None, 100.0),
        Case("10-15-15-1 unit box", box_sized, copied(box_sized, 1e-9), box(0, 1, 10), None),
        Case("784-16-16-1 ball 0.1 max", wide, copied(wide, 1e-9), around("0.1"), None),
        Case("784-16x8-1 ball 0.05", deep, copied(deep, 1e-9), around("0.05"), None),
    ]
    for seed in range(5):
        network = random_network("5-50x6-5", seed)
        narrow = Domain(_rationals("0.6 -0.5 -0.5 0.45 -0.5"), _rationals("0.68 0.5 0.5 0.5 -0.45"))
        found.append(Case(f"5-50x6-5 isomorphic {seed}", network, copied(network, 1e-6, seed), narrow, "0.05"))
    # a rounding of what is stored as float32 already would change nothing: the deep copy is rounded
    noisy = copied(deep, 1e-9)
    found.append(Case("784-16x8-1 float32", noisy, rounded(noisy), around("0.05"), None))
    return [case for case in found if not names or any(name in case.name for name in names)]


def _rationals(text: str) -> tuple[fmpq, ...]:
    return tuple(map(rational, text.split()))


def separate(case: Case) -> float:
    """max |g - f| by interval arithmetic on each network for itself."""
    spread = []
    for network in (case.first, case.second):
        layers = bounds.as_floats(joint(network, network, [[]] * (len(network.layers) - 1)))
        low, high = (np.array([to_near(v) for v in side]) for side in (case.domain.lower, case.domain.upper))
        whole = bounds.whole(layers, low, high)
        rows = np.eye(network.output_width, 2 * network.output_width)
        both = np.concatenate([rows, -rows])
        spread.append(bounds.suprema(layers, whole, len(layers) - 1, both).values.reshape(2, -1))
    (f_high, f_low), (g_high, g_low) = spread  # the lower bounds come negated
    return float(np.maximum(g_high + f_low, f_high + g_low).max())


def measured(case: Case, seconds: float, peers: bool) -> Line:
    """One line of the table."""
    effort = Effort(seconds=seconds)
    begun, processor = perf_counter(), processor_seconds()
    if case.epsilon is None:
        decision = maximum(case.first, case.second, case.domain, effort)
    else:
        claim = within(case.epsilon, case.first.output_width)
        decision = decide(case.first, case.second, case.domain, claim, effort)
    spent, processor, checking = perf_counter() - begun, processor_seconds() - processor, None
    if decision.certificate is not None and decision.verdict.outcome is not Outcome.DIFFERENT:
        begun = process_time()
        check(decision.certificate, case.first, case.second)
        checking = process_time() - begun
    details = decision.verdict.details
    attained, proved = reached(decision)
    baseline = None
    if case.epsilon is None and decision.certificate is not None and decision.certificate["phases"]:
        again = maximum(case.first, case.second, case.domain, replace(effort, seconds=processor), by_phase=False)
        low, high = reached(again)
        baseline = high / low if low and high else None
    milp = product_milp(case.first, case.second, case.domain, seconds) if peers and case.epsilon is None else None
    answer = milp.largest if milp else None
    z3_answer = plain_z3(case.first, case.second, case.domain, claim, seconds) if peers and case.epsilon else None
    return Line(
        case=case.name,
        asked="max" if case.epsilon is None else f"epsilon {case.epsilon}",
        outcome=decision.verdict.outcome.value,
        seconds=spent,
        processor=processor,
        checking=checking,
        leaves=int(str(details.get("leaves", 0))),
        attained=attained,
        proved=proved,
        ratio=proved / attained if proved and attained else None,
        product=separate(case) / (proved or float(case.epsilon or 1)),
        milp_seconds=milp.seconds if milp and answer is not None else None,
        milp_false=None if answer is None or not proved else not attained * 0.999 <= answer <= proved * 1.001,
        z3_seconds=z3_answer.seconds if z3_answer and z3_answer.holds is not None else None,
        by_values=baseline,
    )


def reached(decision: Decision) -> tuple[float | None, float | None]:
    """The attained and the proved maximum, if that is what was asked."""
    details = decision.verdict.details
    low, high = (to_near(rational(str(details[key]))) if key in details else None for key in ("attained", "proved"))
    return low, high


def processor_seconds() -> float:
    """Used so far by this process and by those that it started and that ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def shown(line: Line) -> str:
    """A line of the table."""

    def number(value: float | None, form: str = ".3g") -> str:
        return "-" if value is None else format(value, form)

    cells = [line.case, line.asked, line.outcome]
    cells += [number(line.seconds), number(line.processor), number(line.checking), str(line.leaves)]
    cells += [
        number(line.attained),
        number(line.proved),
        number(line.ratio, ".7g"),
        number(line.by_values),
        number(line.product),
    ]
    cells += [
        number(line.milp_seconds) + {None: "", True: " false", False: ""}[line.milp_false],
        number(line.z3_seconds),
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only the cases whose names contain one of these")
    parser.add_argument(
        "--seconds", type=float, help="of a processor, for each case and method; default: the case's own"
    )
    parser.add_argument("--no-peers", action="store_true", help="leave the other methods out")
    parser.add_argument("--json", type=Path, help="also write the lines to this file")
    options = parser.parse_args()
    columns = "case, asked, verdict, s, processor s, check s, leaves, attained, proved, ratio"
    columns += ", by values, product, MILP s, Z3 s"
    print("| " + columns.replace(", ", " | ") + " |")
    print("| --- " * 14 + "|")
    lines = []
    for case in cases(options.names):
        with processor_clock():
            lines.append(measured(case, options.seconds or case.seconds, not options.no_peers))
        print(shown(lines[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(line) for line in lines], indent=1) + "\n")


if __name__ == "__main__":
    main()
