"""Random networks with planted faults, each extracted and judged: is anything wrong ever called right?

    python benchmarks/random_battery.py --networks 200 --json build/battery.json
    python benchmarks/random_battery.py --networks 200 --json build/battery.json --resume

Depth 1 to 6, widths 1 to 12, 1 to 4 outputs; some rows are duplicated, opposite, zeroed, always active or dead. A run
is *wrong* if it calls itself complete and the copy is not the same function, or writes a copy that differs from the
oracle in the box that it states. Every network is judged in exact arithmetic; ends with status 1 if one is wrong. The
baseline of the queries is the number of parameters: no method can determine a network from fewer answers.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from time import process_time
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for `python benchmarks/random_battery.py`

from flint import fmpq

from precise.arithmetic import Batch, rational
from precise.extract import Extraction, extract
from precise.formats.atomic_file import write_whole
from precise.network import Network
from precise.oracle import ExactOracle
from precise.random_networks import planted_network
from verify.equality.structural import prove_equal
from verify.equivalence import Effort, decide
from verify.properties.claim import within
from verify.properties.domain import box
from verify.verdict import Outcome

JUDGING = 20.0  # seconds for a verdict
IN_BOX = 30.0  # seconds for one in a box
POINTS = 2000  # at which an undecided copy is compared as well

Run = dict[str, Any]


def drawn(seed: int) -> tuple[Network, list[str]]:
    """The network of this number, and what was planted."""
    return planted_network(seed, depth=6, width=12, outputs=4, planted=3)


def measure(seed: int, limit: float, attempts: int) -> Run:
    """One network: extracted for at most `limit` seconds of processor time by all runs together, and judged."""
    network, kinds = drawn(seed)
    start = process_time()
    signal.signal(signal.SIGPROF, _interrupt)
    signal.setitimer(signal.ITIMER_PROF, limit)
    try:
        result = extract(ExactOracle(network), network.widths, seed, attempts=attempts)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    seconds = process_time() - start
    judgement = judge(network, result)
    return {
        "seed": seed,
        "widths": list(network.widths),
        "planted": kinds,
        "parameters": sum((layer.inputs + 1) * layer.neurons for layer in network.layers),
        "judgement": judgement,
        "outcome": result.report.outcome,
        "runs": 1 + len(result.report.earlier),
        "queries": result.report.queries,
        "processor_seconds": round(seconds, 3),
    }


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def judge(true: Network, result: Extraction) -> str:
    """exact, equivalent, wrong, unproved, or incomplete (no copy was written).

    A copy that does not call itself complete is *equivalent* if it is the same function in the box that it states, and
    *unproved* if neither this nor a difference was found, at many random points there in particular.
    """
    found = result.network
    if found is None:
        return "incomplete"
    verdict = prove_equal(true, found, timeout=JUDGING)
    if verdict.outcome is Outcome.EQUAL:
        return "exact" if result.report.complete else "equivalent"
    if result.report.complete:
        return "wrong" if verdict.outcome is Outcome.DIFFERENT else "unproved"
    size = result.report.domain
    if size is None:
        return "wrong"
    domain = box(-size, size, true.input_width)
    witness = verdict.witness
    if (witness is not None and domain.contains(witness.point)) or differ(true, found, size):
        return "wrong"
    decided = decide(true, found, domain, within(0, true.output_width), Effort(IN_BOX)).verdict.outcome
    names = {Outcome.EQUAL: "equivalent", Outcome.EQUIVALENT: "equivalent", Outcome.DIFFERENT: "wrong"}
    return names.get(decided, "unproved")


def differ(first: Network, second: Network, size: float) -> bool:
    """Do two networks differ at one of many random points in |x| <= size?"""
    random, whole = Random(size), rational(size)
    parts = [random.choice((whole, whole / 8)) for _ in range(POINTS)]
    rows = [[fmpq(random.randint(-997, 997) * p, 997) for _ in range(first.input_width)] for p in parts]
    points = Batch.from_rows(rows)
    return first.evaluate(points).rows() != second.evaluate(points).rows()


def account(runs: Sequence[Run]) -> str:
    """What came of all networks, and the ratio of the queries to the parameters where a copy was written."""
    counts = Counter(run["judgement"] for run in runs)
    names = ("exact", "equivalent", "unproved", "incomplete", "wrong")
    lines = [f"{len(runs)} networks: " + ", ".join(f"{counts[name]} {name}" for name in names)]
    written = [run for run in runs if run["judgement"] in ("exact", "equivalent")]
    if written:
        asked, needed = sum(run["queries"] for run in written), sum(run["parameters"] for run in written)
        lines.append(f"ratio: {asked / needed:.3g} queries a parameter of the networks that were written")
    return "\n".join(lines)


def describe(run: Run) -> str:
    """One line a network."""
    shape, planted_rows = "-".join(map(str, run["widths"])), "; ".join(run["planted"]) or "nothing planted"
    more = "" if run["judgement"] == "exact" else f" - {run['outcome']}"
    cost = f"{run['queries']:,} queries, {run['processor_seconds']:.1f} s"
    return f"{run['seed']:>4} {run['judgement']:<10} {shape} ({planted_rows}) {cost}{more}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing, print a line a network, and the account."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=200, help="how many, one a seed (default: 200)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument("--limit", type=float, default=120.0, help="processor seconds a network (default: 120)")
    parser.add_argument("--attempts", type=int, default=3, help="runs of a network, until one ends with a copy (3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the runs are kept, after every network")
    parser.add_argument("--resume", action="store_true", help="keep the runs that the file has")
    options = parser.parse_args(arguments)
    if options.json and options.json.exists() and not options.resume:
        parser.exit(2, f"{options.json}: there already; --resume keeps its runs and does the missing ones\n")
    kept = options.json and options.json.exists()
    runs: list[Run] = json.loads(options.json.read_text())["runs"] if kept else []
    for seed in range(options.first, options.first + options.networks):
        if all(run["seed"] != seed for run in runs):
            runs.append(measure(seed, options.limit, options.attempts))
            print(describe(runs[-1]), flush=True)
            if options.json:
                write_whole(options.json, (json.dumps({"runs": runs}, indent=1) + "\n").encode())
    print(account(runs))
    if any(run["judgement"] == "wrong" for run in runs):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
