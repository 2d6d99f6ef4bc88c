"""The page of results and the summary in the README, from measured runs alone: the same runs give the same text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from statistics import mean, stdev

from benchmarks.rows import ROWS, Published, Row
from benchmarks.runs import Run, proved, proved_where_silent

SUMMARY = (
    ("random", "10-5x2-1"),
    ("random", "100-50x2-1"),
    ("MNIST", "784-8x2-1"),
    ("MNIST", "784-16x2-1"),
    ("MNIST", "784-16x3-1"),
    ("MNIST", "784-16x8-1"),
)  # the rows of the README

STAGES = ("critical points", "signatures", "output layer", "columns outside the slice")
NOT_RUN = "not run"

INTRODUCTION = """\
# Results

Whole networks, every row of every layer, from queries to an exact oracle alone. *Proved* counts the runs whose copy
`verify equal` proves to be the same function on every input, and apart from them those that are proved on the inputs
at which the weights that act nowhere that was seen are silent (`--where-silent`); means and standard deviations
(behind ±) are over the runs of the first kind, or else the second, or else all. Rows and signs are scored against the
true network afterwards: a row is exact when it is a rational multiple of the true one in every entry, its sign when
the factor is positive. *Seconds* are by the clock, *Processor s* of the starting process: less where other work
shared the machine. Memory is the largest of a run, the oracle's network included. *Random* networks are those of
`precise.random_networks` with seed 1, *MNIST* and the health-care and digits rows are this project's own fixtures,
and *published* ones were trained by others and are not part of this project."""

BESIDE = """\
## Beside the published figures

Published figures are those of Foerster et al., NeurIPS 2024 [FMSH24], which improves on Carlini et al., CRYPTO 2020
[CJM20], and Canales-Martínez et al., EUROCRYPT 2024 [CCHRSS24]: in float64, on another machine, **for the named layer
alone**, the layers before it given (keys in [references.md](references.md)). Ours are exact and for the **whole
network**; *same layer* is what its critical points and signatures took, with the signs of the layer below, which come
from the same equations. Ratios are ours for the whole network over theirs for the layer, the smaller one where two
networks were reported. The MNIST fixtures have the shape of the published networks, not their weights."""

STAGES_TEXT = """\
## Where the queries and seconds go

Signs come from the equations of the next layer's signatures, and those of the last hidden layer from the output
layer's: they take no queries or seconds of their own. *Columns* are the first layer's weights outside the slice,
with the comparison at fresh points. Means of queries / seconds."""


def page(runs: Sequence[Run]) -> str:
    """The page as Markdown, with a line for every row, run or not."""
    parts = [
        INTRODUCTION,
        _provenance(runs),
        "## Whole networks",
        _table(
            (
                *("Network", "Parameters", "Proved", "Exact rows", "Exact signs"),
                *("Queries", "Seconds", "Processor s", "Peak MB"),
            ),
            [_whole(row, name, group) for row, name, group in _groups(runs)],
        ),
        BESIDE,
        _table(
            (
                "Network and layer",
                "Signature s",
                "Sign s",
                "Queries",
                "Ours, same layer: s",
                "queries",
                "Ours, whole: s",
                "queries",
                "Ratio of s",
                "of queries",
            ),
            [_beside(row, p, name, group) for row, name, group in _groups(runs) for p in row.published],
        ),
        STAGES_TEXT,
        _table(
            ("Network", "Critical points", "Signatures and signs", "Output layer", "Columns"),
            [_stages(row, name, group) for row, name, group in _groups(runs)],
        ),
    ]
    notes = [
        _note(name, run) for _, name, group in _groups(runs) for run in group if not (proved(run) and run["complete"])
    ]
    if notes:
        parts += ["## Runs that were not complete", "\n".join(notes)]
    return "\n\n".join(parts) + "\n"


def with_summary(readme: str, runs: Sequence[Run]) -> str:
    """The README with its part between the marks for results replaced.

    Raises:
        ValueError: it has no such part.
    """
    lines = [_whole(row, name, group)[:8] for row, name, group in _groups(runs) if (row.kind, row.shape) in SUMMARY]
    lines = [[*line[:2], *line[5:], *line[3:5], line[2]] for line in lines]
    heads = ("Network", "Parameters", "Queries", "Seconds", "Processor s", "Exact rows", "Exact signs", "Proved equal")
    text = _table(heads, lines)
    found, count = re.subn(
        r"(<!-- results -->\n).*?(\n<!-- end of results -->)", lambda m: m[1] + text + m[2], readme, flags=re.DOTALL
    )
    if count != 1:
        raise ValueError("README: expected one part between <!-- results --> and <!-- end of results -->")
    return found


def _groups(runs: Sequence[Run]) -> list[tuple[Row, str, list[Run]]]:
    """Every row, its name and its runs; runs with several processes have a line of their own."""
    found = []
    for row in ROWS:
        here = [run for run in runs if run["row"] == row.name]
        for jobs in sorted({run["jobs"] for run in here}) or [1]:
            name = row.name + (f", {jobs} processes" if jobs > 1 else "")
            found.append((row, name, [run for run in here if run["jobs"] == jobs]))
    return found


def _counted(runs: Sequence[Run]) -> list[Run]:
    """The runs that figures are over."""
    return _proved(runs) or [run for run in runs if "queries" in run]


def _proved(runs: Sequence[Run]) -> list[Run]:
    """Those proved on all inputs, or else those proved where what is not identified is silent."""
    return [run for run in runs if proved(run)] or [run for run in runs if proved_where_silent(run)]


# -- lines -------------------------------------------------------------------------------------------------------------


def _whole(row: Row, name: str, runs: Sequence[Run]) -> list[str]:
    start, counted, neurons = [name, f"{row.parameters:,}"], _counted(runs), sum(row.widths[1:-1])
    ratio = f"{sum(map(proved, runs))}/{len(runs)}" if runs else NOT_RUN
    ratio += f", {silent} where silent" if (silent := sum(map(proved_where_silent, runs))) else ""
    if not counted:
        return [*start, ratio, *[""] * 6]
    return [
        *start,
        ratio,
        f"{mean(sum(run['exact_rows']) for run in counted):.4g}/{neurons}",
        f"{mean(sum(run['exact_signs']) for run in counted):.4g}/{neurons}",
        _spread([run["queries"] for run in counted], ",.0f"),
        _spread([run["seconds"] for run in counted], ",.2f"),
        _spread([run["processor_seconds"] for run in counted if "processor_seconds" in run], ",.2f"),
        _memory(counted),
    ]


def _beside(row: Row, published: Published, name: str, runs: Sequence[Run]) -> list[str]:
    hours = f"no answer in {published.at_least / 3600:g} h"
    theirs = [
        f"{name}, layer {published.layer}",
        " and ".join(f"{s:,g}" for s in published.signature) or hours,
        "-" if published.sign is None else f"{published.sign:g}",
        " and ".join(f"{q:,.0f}" for q in published.queries) or "-",
    ]
    counted = _proved(runs)
    if not counted:
        return [*theirs, *[""] * 2, "none proved" if runs else NOT_RUN, *[""] * 3]
    prefix = "output layer" if published.layer == len(row.widths) - 1 else f"layer {published.layer}: "
    seconds, queries = mean(run["seconds"] for run in counted), mean(run["queries"] for run in counted)
    same = [mean(_spent(run, what, start=prefix) for run in counted) for what in ("seconds", "queries")]
    return [
        *theirs,
        f"{same[0]:,.2f}",
        f"{same[1]:,.0f}",
        f"{seconds:,.2f}",
        f"{queries:,.0f}",
        ("" if published.signature else "< ") + f"{seconds / published.seconds:.2g}",
        f"{queries / min(published.queries):.2g}" if published.queries else "-",
    ]


def _stages(row: Row, name: str, runs: Sequence[Run]) -> list[str]:
    counted = _counted(runs)
    if not counted:
        return [name, NOT_RUN if not runs else "", "", "", ""]
    line = [name]
    for stage in STAGES:
        ends = (stage, "fresh points") if stage == STAGES[-1] else (stage,)
        queries, seconds = (
            mean(sum(_spent(run, what, end=end) for end in ends) for run in counted) for what in ("queries", "seconds")
        )
        line.append(f"{queries:,.0f} / {seconds:,.2f}")
    return line


def _spent(run: Run, what: str, start: str = "", end: str = "") -> float:
    """Queries or seconds of the stages whose names begin and end so."""
    return sum(
        float(spent[what]) for stage, spent in run["stages"].items() if stage.startswith(start) and stage.endswith(end)
    )


def _memory(runs: Sequence[Run]) -> str:
    largest = f"{max(run['megabytes'] for run in runs):,.0f}"
    workers = max(run["worker_megabytes"] for run in runs)
    return largest + (f" + {runs[0]['jobs']} x {workers:,.0f}" if workers else "")


def _note(name: str, run: Run) -> str:
    """What an incomplete run says, and how far it came."""
    note = f"- {name}, seed {run['seed']}: {run['outcome'].rstrip('.')}"
    if "queries" not in run:
        return note
    rows = ", ".join(map(str, run["exact_rows"]))
    verdict = f"; `verify equal`: {run['verdict']}" if run["verdict"] else ""
    verdict += f", with `--where-silent`: {run['where_silent']}" if run.get("where_silent") else ""
    return f"{note} ({run['queries']:,} queries, {run['seconds']:,.1f} s; exact rows by layer: {rows}{verdict})"


# -- the page ----------------------------------------------------------------------------------------------------------


def _provenance(runs: Sequence[Run]) -> str:
    """When, where and how the runs were made."""
    if not runs:
        return "Nothing has been measured yet."
    machines = _distinct("{processor}, {cores} cores, {system}".format(**run["machine"]) for run in runs)
    versions = _distinct(", ".join(f"{k} {v}" for k, v in run["versions"].items()) for run in runs if "versions" in run)
    dates = sorted({run["date"] for run in runs})
    lines = [
        f"- Date: {dates[0]}" + (f" to {dates[-1]}" if dates[1:] else ""),
        f"- Machine: {'; '.join(machines)}",
        f"- Processor time over elapsed time, one process: {_shares(runs)} (less than 1: others used the machine)",
        f"- Versions: {'; '.join(versions)}",
        f"- Commit (+: changed since): {', '.join(_distinct(run['revision'] or 'unknown' for run in runs))}",
        *(f"- Measured by `{command}`" for command in _distinct(run["command"] for run in runs)),
        "- This page by `python benchmarks/extraction.py --table docs/results.json -o docs/results.md`",
    ]
    return "\n".join(lines)


def _shares(runs: Sequence[Run]) -> str:
    """The least and the largest share of a processor that a run had."""
    shares = [run["processor_seconds"] / run["seconds"] for run in runs if run["jobs"] == 1 and run.get("seconds")]
    return f"{min(shares):.2f} to {max(shares):.2f}" if shares else "not measured"


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table; figures are aligned to the right."""
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (heads, rule, *lines))


def _spread(values: Sequence[float], form: str) -> str:
    return f"{mean(values):{form}}" + (f" ± {stdev(values):{form}}" if len(values) > 1 else "")
