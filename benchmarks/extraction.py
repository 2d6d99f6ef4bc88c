"""Whole extractions, seed after seed, beside the published figures; every run in a process of its own.

    python benchmarks/extraction.py --json build/extraction.json            # the rows that need no further files
    python benchmarks/extraction.py --json ... --models DIR                 # and networks that others trained
    python benchmarks/extraction.py --json ... --table docs/results.md      # the table, from what the file holds

What was measured is kept in the file, and not measured again. Scoring against the true network happens here, apart from
the extraction. Published figures are those of Foerster et al. (NeurIPS 2024) for the named layer alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from precise.alignment import Match, align
from precise.extract import extract
from precise.formats import load_network
from precise.formats.atomic_file import write_whole
from precise.network import Network
from precise.oracle import ExactOracle
from precise.random_networks import random_network
from verify.structural import prove_equal
from verify.verdict import Outcome

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
Run = dict[str, Any]


@dataclass(frozen=True)
class Published:
    """Figures of a published float64 attack on one layer."""

    layer: str
    signature: str  # seconds
    sign: str  # seconds
    queries: float


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    source: str  # fixture:FILE, random:WIDTHS or model:FILE
    seeds: int = 3
    published: Published | None = None


ROWS = (
    Row("random 10-5x2-1", "random:10-5x2-1", 5),
    Row("random 20-10x2-1", "random:20-10x2-1", 5),
    Row("random 40-20x2-1", "random:40-20x2-1", 5),
    Row("random 100-50x2-1", "random:100-50x2-1"),
    Row("random 4-8-8-1", "random:4-8-8-1", 5),
    Row("random 10-20-20-1", "random:10-20-20-1", 5),
    Row("random 10-20-20-3", "random:10-20-20-3", 5),
    Row("random 16-32-32-2", "random:16-32-32-2"),
    Row("random 20-40-1", "random:20-40-1", 5),
    Row("random 784-8x2-1", "random:784-8x2-1", 5, Published("2", "10.4", "0.25", 5.1e4)),
    Row("random 784-16x2-1", "random:784-16x2-1", 5, Published("2", "7.2", "0.60", 6.9e4)),
    Row("random 784-32x2-1", "random:784-32x2-1", 3, Published("2", "22.6", "2.1", 2.3e5)),
    Row("random 784-64x2-1", "random:784-64x2-1", 3, Published("2", "135", "7.2", 9.0e5)),
    Row("random 784-128x2-1", "random:784-128x2-1", 3, Published("2", "758, 1041", "30.5", 4.2e6)),
    Row("breast cancer 30-8x2-1", "fixture:breast_cancer_30_8x2_1.npz", 5),
    Row("digits 64-16x2-10", "fixture:digits_64_16x2_10.npz", 5),
    Row("MNIST 784-8x2-1", "fixture:mnist_784_8x2_1.npz", 5, Published("2", "12.8", "0.26", 5.0e4)),
    Row("MNIST 784-16x2-1", "fixture:mnist_784_16x2_1.npz", 5, Published("2", "19.2", "0.67", 1.9e5)),
    Row("MNIST 784-16x3-1", "fixture:mnist_784_16x3_1.npz", 5, Published("3", "6.9e4", "0.54", 4.4e7)),
    *(Row(f"random 784-16x{d}-1", f"random:784-16x{d}-1") for d in range(4, 8)),
    Row("MNIST 784-16x8-1", "fixture:mnist_784_16x8_1.npz", 3, Published("3", "more than 36 h", "-", float("nan"))),
    Row("others' 784-8x2-1", "model:mnist784_8x2_1.npz", 5, Published("2", "12.8", "0.26", 5.0e4)),
    Row("others' 784-16x2-1", "model:mnist784_16x2_1.npz", 5, Published("2", "19.2", "0.67", 1.9e5)),
    Row("others' 784-32x2-1", "model:mnist784_32x2_1.npz", 3, Published("2", "98", "2.0", 7.7e5)),
    Row("others' 784-64x2-1", "model:mnist784_64x2_1.npz", 3, Published("2", "496, 4650", "6.3", 3.1e6)),
    Row("others' 784-128x2-1", "model:mnist784_128x2_1.npz", 3),
    Row("others' 784-16x8-1", "model:mnist784_16x8_1.npz", 3, Published("3", "more than 36 h", "-", float("nan"))),
    Row("others' 784-32x8-1", "model:mnist784_32x8_1.npz", 1),
)


def network_of(row: Row, models: Path | None) -> Network | None:
    """The true network, or None when it is among files that are not there."""
    kind, name = row.source.split(":")
    if kind == "random":
        return random_network(name, seed=1)
    path = (FIXTURES if kind == "fixture" else models or Path()) / name
    return load_network(path) if path.exists() and (kind == "fixture" or models) else None


def measure(row: Row, seed: int, jobs: int, models: Path | None) -> Run:
    """One extraction and its score."""
    network = network_of(row, models)
    assert network is not None
    result = extract(ExactOracle(network), network.widths, seed, jobs)
    report = result.report
    run: Run = {
        "row": row.name,
        "seed": seed,
        "jobs": jobs,
        "parameters": network.parameter_count,
        "neurons": sum(network.widths[1:-1]),
        "outcome": report.outcome,
        "complete": report.complete,
        "queries": report.queries,
        "seconds": report.seconds,
        "stages": report.stages,
        "megabytes": report.peak_megabytes,
        "rows": [layer.rows for layer in report.layers],
        "verdict": None,
    }
    if result.network is not None:
        run["verdict"] = prove_equal(network, result.network).outcome.value
        if result.network.widths == network.widths:
            pairs = [pair for layer in align(network, result.network)[:-1] for pair in layer.pairs]
            run["exact_signs"] = sum(pair.match is Match.EXACT for pair in pairs)
            run["exact_rows"] = sum(pair.match in (Match.EXACT, Match.FLIPPED) for pair in pairs)
    return run


def measure_apart(row: Row, seed: int, options: argparse.Namespace) -> Run:
    """The same in a child process, so that its memory is its own and a time limit ends it."""
    command = [sys.executable, __file__, "--child", row.name, "--seed", str(seed), "--jobs", str(options.jobs)]
    if options.models:
        command += ["--models", str(options.models)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=options.timeout, check=False)
    except subprocess.TimeoutExpired:
        return {"row": row.name, "seed": seed, "outcome": f"stopped after {options.timeout:.0f} s", "complete": False}
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        return {"row": row.name, "seed": seed, "outcome": f"failed: {lines[-1]}", "complete": False}
    result: Run = json.loads(done.stdout)
    return result


def describe(row: Row, runs: Sequence[Run]) -> str:
    """One printed line: means over the seeds, and the published queries as a multiple of ours."""
    timed = [run for run in runs if "queries" in run]
    if not timed:
        return f"{row.name:<24} {runs[-1]['outcome'] if runs else 'not run'}"
    queries, seconds = mean(run["queries"] for run in timed), mean(run["seconds"] for run in timed)
    proved = sum(run["verdict"] == Outcome.EQUAL.value for run in timed)
    ratio = f"  published / ours: {row.published.queries / queries:,.0f} x queries" if row.published else ""
    return f"{row.name:<24} {proved}/{len(runs)} proved equal {queries:>10,.0f} queries {seconds:>8.1f} s{ratio}"


# -- the table ---------------------------------------------------------------------------------------------------------


def table(runs: Sequence[Run]) -> str:
    """The Markdown page of results."""
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, python-flint {version('python-flint')}"
    lines = [
        "# Results",
        "",
        "Whole networks, every hidden layer, from queries to an exact oracle alone; means over the seeds, with the",
        "standard deviation behind ±. *Proved* counts the runs whose copy `verify equal` proves to be the same",
        "function. Seconds are split into the search of critical points, signatures (signs of the layer below",
        "included), and the output layer with the columns outside the slice. Published figures are for the named",
        "layer alone, in float64, with the layers before it given ([FMSH24]; keys in [references.md](references.md)).",
        "",
        f"Made by `python benchmarks/extraction.py --json FILE --table docs/results.md` on {machine}.",
        "Rows named *others'* are networks that are not part of this project; a row that was not run says so.",
        "",
        "| Network | Parameters | Proved | Exact rows | Exact signs | Queries | Seconds | points / signatures / output "
        "| MB | Published: layer, signature s, sign s, queries |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: | --- |",
    ]
    for row in ROWS:
        lines.append(_line(row, [run for run in runs if run["row"] == row.name]))
    notes = [_note(run) for run in runs if not run["complete"]]
    if notes:
        lines += ["", "## Runs that were not complete", "", *notes]
    return "\n".join(lines) + "\n"


def _line(row: Row, runs: Sequence[Run]) -> str:
    theirs = row.published
    beside = "" if theirs is None else f"{theirs.layer}: {theirs.signature}, {theirs.sign}, {_count(theirs.queries)}"
    timed = [run for run in runs if "queries" in run]
    if not timed:
        state = "not run" if not runs else str(runs[0]["outcome"])
        return f"| {row.name} | | {state} | | | | | | | {beside} |"
    neurons = timed[0]["neurons"]
    stages = " / ".join(f"{mean(_stages(run)[k] for run in timed):.1f}" for k in range(3))
    proved = sum(run["verdict"] == Outcome.EQUAL.value for run in timed)
    cells = [
        row.name,
        f"{timed[0]['parameters']:,}",
        f"{proved}/{len(runs)}",
        f"{mean(run.get('exact_rows', sum(run['rows'])) for run in timed):.4g}/{neurons}",
        f"{mean(run.get('exact_signs', 0) for run in timed):.4g}/{neurons}",
        _spread([run["queries"] for run in timed], "{:,.0f}"),
        _spread([run["seconds"] for run in timed], "{:.1f}"),
        stages,
        f"{max(run['megabytes'] for run in timed):.0f}",
        beside,
    ]
    return "| " + " | ".join(cells) + " |"


def _stages(run: Run) -> tuple[float, float, float]:
    """Seconds for critical points, signatures, and the rest."""
    found = {name: account["seconds"] for name, account in run["stages"].items()}
    points = sum(s for name, s in found.items() if name.endswith("critical points"))
    signatures = sum(s for name, s in found.items() if name.endswith("signatures"))
    return points, signatures, sum(found.values()) - points - signatures


def _spread(values: Sequence[float], form: str) -> str:
    return form.format(mean(values)) + (f" ± {form.format(stdev(values))}" if len(values) > 1 else "")


def _count(queries: float) -> str:
    return "-" if queries != queries else f"{queries:,.0f}"


def _note(run: Run) -> str:
    return f"- {run['row']}, seed {run['seed']}: {run['outcome']}"


# -- the command -------------------------------------------------------------------------------------------------------


def main() -> None:
    """Run what is missing, print a line a row, and write the table when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="where runs are kept")
    parser.add_argument("--rows", help="names to run, separated by commas (default: all)")
    parser.add_argument("--models", type=Path, help="a directory with networks that others trained")
    parser.add_argument("--seeds", type=int, help="instead of each row's own number")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=3600, help="seconds a run")
    parser.add_argument("--table", type=Path, help="write the table and run nothing")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        row = next(row for row in ROWS if row.name == options.child)
        print(json.dumps(measure(row, options.seed, options.jobs, options.models)))
        return
    if options.json is None:
        parser.error("--json FILE is needed")
    runs: list[Run] = json.loads(options.json.read_text()) if options.json.exists() else []
    if options.table:
        write_whole(options.table, table(runs).encode())
        return
    wanted = None if options.rows is None else [name.strip() for name in options.rows.split(",")]
    unknown = set(wanted or ()) - {row.name for row in ROWS}
    if unknown:
        parser.error(f"--rows: no row is called {', '.join(sorted(unknown))}")
    for row in ROWS:
        if (wanted is None or row.name in wanted) and network_of(row, options.models) is not None:
            runs = _complete(row, runs, options)
            print(describe(row, [run for run in runs if run["row"] == row.name]), flush=True)


def _complete(row: Row, runs: list[Run], options: argparse.Namespace) -> list[Run]:
    """The runs with those of the row's missing seeds; the file is written after every one."""
    for seed in range(1, (options.seeds or row.seeds) + 1):
        if not any(run["row"] == row.name and run["seed"] == seed for run in runs):
            runs = [*runs, measure_apart(row, seed, options)]
            options.json.parent.mkdir(parents=True, exist_ok=True)
            write_whole(options.json, (json.dumps(runs, indent=1) + "\n").encode())
    return runs


if __name__ == "__main__":
    main()
