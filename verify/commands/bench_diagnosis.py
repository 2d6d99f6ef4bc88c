"""`verify bench-diagnosis`: plant faults, ask a tool what is wrong, and score its answers."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from precise.commands.checkpoint import Checkpoint, Resume, opened
from precise.commands.output import progress_display
from precise.errors import INTERRUPTED
from verify.commands.output import check_report, show, write_report
from verify.errors import InputError

if TYPE_CHECKING:
    from verify.diagnosis.fault import Kind
    from verify.diagnosis.scoring import Result, Tool


def bench_diagnosis(
    kinds: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND", help="Faults to plant, such as sign; may be repeated. All kinds, if not given."),
    ] = None,
    shapes: Annotated[
        list[str] | None,
        typer.Option(metavar="WIDTHS", help="Random networks to plant them in, such as 10-5x2-1; may be repeated."),
    ] = None,
    runs: Annotated[int, typer.Option(min=1, metavar="N", help="Cases: single faults and pairs in turn.")] = 100,
    seed: Annotated[int, typer.Option(min=0, metavar="S", help="The same seed plants the same faults.")] = 0,
    tool: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="Another tool: takes (original, recovered), returns (kind, layer, neurons) for every fault.",
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="Processes; no case depends on it.")] = 1,
    checkpoint: Checkpoint = None,
    resume: Resume = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write every case to FILE.")
    ] = None,
) -> None:
    """Plant faults in random networks and score how well they are named.

    Half of the copies are in another order and on other scales than their originals. A fault that does not change the
    function at any point that was looked at is planted anew. Ctrl-C ends the bench; the cases that were scored until
    then are reported, and --resume goes on from there if there is a checkpoint. Exit status 0: all were named; 1: not
    all.
    """
    from verify.diagnosis.bench import SHAPES, run_bench
    from verify.diagnosis.scoring import totals

    check_report(json_file)
    chosen, used = _kinds(kinds or []), tuple(shapes or SHAPES)
    measured, name = _tool(tool)
    others = [] if json_file is None else [json_file]
    journal = opened(checkpoint, resume, _identity(name, chosen, used, seed), *others)
    try:
        results, whole = _collected(run_bench(measured, chosen, used, runs, seed, jobs, journal), runs)
    finally:
        if journal is not None:
            journal.close()
    found = totals(results)
    report: dict[str, object] = {
        "command": "verify bench-diagnosis",
        "tool": name,
        "kinds": [kind.value for kind in chosen],
        "shapes": list(used),
        "runs": runs,
        "seed": seed,
        "complete": whole,
        "totals": found,
        "cases": [result.to_json() for result in results],
    }
    write_report(json_file, report)
    if results:
        show(_text(results, found, name))
    if not whole:
        kept = checkpoint or resume
        hint = "" if kept is None else f"; --resume {kept} goes on from there"
        print(f"interrupted after {len(results)} of {runs} cases{hint}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED)
    named = found["exactly"] + found["as one of several"]
    raise typer.Exit(0 if named == found["cases"] and not found["wrong with certainty"] else 1)


def _collected(cases: Iterator[Result], runs: int) -> tuple[list[Result], bool]:
    """The cases in their order, and whether these are all: Ctrl-C ends the work and loses nothing that is scored."""
    results: list[Result] = []
    whole = True
    with progress_display() as progress:
        progress("cases", 0, runs)
        try:
            for result in cases:
                results.append(result)
                progress("cases", len(results), runs)
        except KeyboardInterrupt:
            whole = False
    return sorted(results, key=lambda result: result.run), whole


def _identity(tool: str, kinds: Sequence[Kind], shapes: Sequence[str], seed: int) -> dict[str, str]:
    """What decides every case; how many there are, and in how many processes, does not."""
    module = sys.modules.get(tool.partition(":")[0]) if ":" in tool else None
    source = getattr(module, "__file__", None)
    return {
        "version": f"precise-verify {version('precise-verify')}",
        "command": "verify bench-diagnosis",
        "tool": tool if source is None else f"{tool} {sha256(Path(source).read_bytes()).hexdigest()}",
        "setting --kinds": ", ".join(kind.value for kind in kinds),
        "setting --shapes": ", ".join(shapes),
        "setting --seed": str(seed),
    }


def _kinds(names: list[str]) -> tuple[Kind, ...]:
    """The kinds by their short names, which are the enumeration's."""
    from verify.diagnosis.planting import KINDS

    known = {kind.name.lower(): kind for kind in KINDS}
    for name in names:
        if name.lower() not in known:
            raise InputError(f"--kinds {name}: expected one of {', '.join(known)}")
    return tuple(dict.fromkeys(known[name.lower()] for name in names)) or KINDS


def _tool(reference: str | None) -> tuple[Tool, str]:
    from precise.oracle import load_function
    from verify.diagnosis.bench import foreign_tool, own_tool

    if reference is None:
        return own_tool, "verify diagnose"
    return foreign_tool(cast(Any, load_function(reference)), reference), reference


def _text(results: list[Result], found: dict[str, int], name: str) -> str:
    """Totals, the same by kind, and the cases that were not named."""
    lines = [f"{name}: {found['cases']} cases, {sum(result.seconds for result in results):.1f} s of processor time"]
    lines += [
        f"  {word:<21} {count:>6}  {count / found['cases']:7.2%}" for word, count in found.items() if word != "cases"
    ]
    kinds = sorted({place[0] for result in results for place in result.planted})
    lines += ["", f"  {'by kind':<24} {'planted':>8} {'named':>8}"]
    for kind in kinds:
        places = [(result, place) for result in results for place in result.planted if place[0] == kind]
        lines.append(f"  {kind:<24} {len(places):>8} {sum(_named(*pair) for pair in places):>8}")
    return "\n".join([*lines, *(line for result in results for line in _failure(result))])


def _named(result: Result, place: tuple[str, int, tuple[int, ...]]) -> bool:
    return place in result.answer.named or any(place in other for other in result.answer.alternatives)


def _failure(result: Result) -> list[str]:
    from verify.diagnosis.scoring import Score

    if result.score in (Score.EXACT, Score.AMONG) and not result.wrong:
        return []
    said = "; ".join(map(_place, result.answer.named[:6])) or "nothing"
    return [
        "",
        f"  case {result.run} ({result.shape}, seed {result.seed}), {result.score.value}:",
        f"    planted {'; '.join(map(_place, result.planted))}",
        f"    named   {said}{' ...' if len(result.answer.named) > 6 else ''}",
    ]


def _place(place: tuple[str, int, tuple[int, ...]]) -> str:
    kind, layer, neurons = place
    return f"{kind}, layer {layer}" + (f" neuron {', '.join(map(str, neurons))}" if neurons else "")
