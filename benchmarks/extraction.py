"""Whole extractions, seed after seed, beside the published figures; every run in a process of its own.

    python benchmarks/extraction.py --json build/extraction.json                      # what the project holds
    python benchmarks/extraction.py --json build/extraction.json --resume --models DIR    # and published networks
    python benchmarks/extraction.py --table docs/results.json -o docs/results.md          # the table of the runs kept

The file is written after every run; --resume keeps its runs and does the missing ones. Scoring against the true network
happens here, apart from the extraction. Published figures are from [FMSH24] and for the named layer alone; ours are
for whole networks, and the ratios set the one against the other.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean, stdev

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for `python benchmarks/extraction.py`

from benchmarks.results import page, with_summary
from benchmarks.rows import Published, Row, selected
from benchmarks.runs import Run, key, measure, measure_apart, proved, read_runs, settled, write_runs
from precise.errors import InputError
from precise.formats.atomic_file import write_whole

Measure = Callable[[Row, int], Run]
Keep = Callable[[Sequence[Run]], None]


def complete(row: Row, seeds: int, runs: Sequence[Run], jobs: int, limit: float, go: Measure, keep: Keep) -> list[Run]:
    """All runs, those of the row's missing seeds included; `keep` gets them after every new one.

    Args:
        seeds: 1 to this.
        runs: of this row and of others; settled ones are not done again.
        jobs: processes a run.
        limit: seconds a run.
    """
    runs = list(runs)
    for seed in range(1, seeds + 1):
        wanted = (row.name, seed, jobs)
        if not any(key(run) == wanted and settled(run, limit) for run in runs):
            new = go(row, seed)
            runs = [*(run for run in runs if key(run) != wanted), new]
            keep(runs)
    return runs


def describe(row: Row, runs: Sequence[Run]) -> str:
    """The printed account of a row: means and deviations over the proved runs, and ratios to what was published."""
    good = [run for run in runs if proved(run)]
    lines = [f"{row.name}: {len(good)} of {len(runs)} proved equal"]
    if good:
        queries, seconds = [run["queries"] for run in good], [run["seconds"] for run in good]
        lines[0] += f"; {_spread(queries, ',.0f')} queries, {_spread(seconds, '.2f')} s"
        lines += [f"    {_beside(p, mean(queries), mean(seconds))}" for p in row.published]
    return "\n".join([*lines, *(f"    seed {run['seed']}: {run['outcome']}" for run in runs if not proved(run))])


def _spread(values: Sequence[float], form: str) -> str:
    return f"{mean(values):{form}}" + (f" ± {stdev(values):{form}}" if len(values) > 1 else "")


def _beside(published: Published, queries: float, seconds: float) -> str:
    more = "" if published.signature else "less than "
    text = f"layer {published.layer} was published: the whole takes {more}{seconds / published.seconds:.3g} of its time"
    return text + (f" and {queries / min(published.queries):.3g} of its queries" if published.queries else "")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing and print an account a row, or write the table."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        if options.child:
            _child(options)
        elif options.table:
            _table(options)
        else:
            _benchmark(options, sys.argv[1:] if arguments is None else arguments)
    except (InputError, ValueError) as error:
        parser.exit(2, f"{error}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", help="names of rows, separated by commas, * allowed (default: all)")
    parser.add_argument("--models", type=Path, metavar="DIR", help="where files of published networks are")
    parser.add_argument("--seeds", type=int, help="oracle seeds a row (default: three, five for small networks)")
    parser.add_argument("--jobs", type=int, default=1, help="processes a run (default: 1)")
    parser.add_argument("--timeout", type=float, default=3600, metavar="SECONDS", help="a run (default: 3600)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the runs are kept")
    parser.add_argument("--resume", action="store_true", help="keep the runs that the file has")
    parser.add_argument("--table", type=Path, metavar="FILE", help="write the table of these runs, and run nothing")
    parser.add_argument("-o", "--output", type=Path, metavar="PAGE", help="where the table goes")
    parser.add_argument("--readme", type=Path, help="a page whose <!-- results --> part is replaced as well")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=1, help=argparse.SUPPRESS)
    return parser


def _child(options: argparse.Namespace) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # heard while extracting only
    (row,) = selected([options.child])
    print(json.dumps(measure(row, options.seed, options.jobs, options.models)))


def _table(options: argparse.Namespace) -> None:
    if options.output is None:
        raise ValueError("--table: expected -o PAGE as well")
    runs = read_runs(options.table)
    if options.readme:
        readme = with_summary(options.readme.read_text(encoding="utf-8"), runs)
        write_whole(options.readme, readme.encode())
    write_whole(options.output, page(runs).encode())


def _benchmark(options: argparse.Namespace, arguments: Sequence[str]) -> None:
    rows = selected(options.rows.split(",") if options.rows else None)
    if options.json is None:
        raise ValueError("expected --json FILE, where the runs are kept")
    if options.json.exists() and not options.resume:
        raise ValueError(f"{options.json}: there already; --resume keeps its runs and does the missing ones")
    runs = read_runs(options.json) if options.json.exists() else []
    command = {"command": command_line(arguments)}
    write_runs(options.json, runs)  # a place that cannot be written to is noticed before the work
    for row in rows:
        if not row.available(options.models):
            print(f"{row.name}: not run, its file is not there", flush=True)
            continue
        runs = complete(
            row,
            options.seeds or row.seeds,
            runs,
            options.jobs,
            options.timeout,
            lambda row, seed: measure_apart(row, seed, options.jobs, options.models, options.timeout) | command,
            lambda runs: write_runs(options.json, runs),
        )
        print(describe(row, [run for run in runs if key(run)[::2] == (row.name, options.jobs)]), flush=True)


def command_line(arguments: Sequence[str]) -> str:
    """The command as it is stated in the results: the directory of published networks is not."""
    options = _parser().parse_args(arguments)
    words = [
        "python benchmarks/extraction.py",
        f"--json {options.json.name}",
        *(["--models DIR"] * bool(options.models)),
    ]
    words += [f'--rows "{options.rows}"'] * bool(options.rows)
    words += [f"--seeds {options.seeds}"] * bool(options.seeds)
    return " ".join([*words, f"--jobs {options.jobs}", f"--timeout {options.timeout:g}"])


if __name__ == "__main__":
    main()
