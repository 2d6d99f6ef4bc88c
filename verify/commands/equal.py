"""`verify equal`: are two networks the same function on all of R^n?"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from precise.formats import load_network
from verify.commands.output import check_report, described, show, working, write_report
from verify.errors import InputError
from verify.verdict import Outcome, Verdict, Witness

SHOWN = 6  # coordinates of a witness that are printed


def equal(
    first: Annotated[Path, typer.Argument(metavar="A", help="A network, say the original.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another one, say the recovered.")],
    timeout: Annotated[
        float, typer.Option(min=0, help="Seconds for the search of an input on which they differ.")
    ] = 60.0,
    where_silent: Annotated[
        bool,
        typer.Option(
            "--where-silent",
            help="Claim equality only at inputs at which no weight acts that differs, as what a copy lacks; proved by "
            "comparing weights.",
        ),
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the verdict to FILE as JSON, exactly.")
    ] = None,
) -> None:
    """Prove that two networks are the same function on all of R^n, or show an input where they differ.

    A copy that lacks weights which act hardly anywhere may be proved right wherever these are silent: --where-silent.

    Exit status 0: proved equal; 1: different, with an input that shows it; 3: neither.
    """
    from verify.equality.silence import prove_equal_where_silent
    from verify.equality.structural import prove_equal

    check_report(json_file, first, second)
    networks = load_network(first), load_network(second)
    started = time.monotonic()
    with working() as progress:
        try:
            if where_silent:
                verdict = prove_equal_where_silent(*networks)
            else:
                verdict = prove_equal(*networks, timeout=timeout, progress=progress)
        except InputError as error:
            raise InputError(f"{first} and {second}: {error}") from error
    report = {
        "command": "verify equal",
        "first": described(first, networks[0]),
        "second": described(second, networks[1]),
        **verdict.to_json(),
        "seconds": round(time.monotonic() - started, 3),
    }
    write_report(json_file, report)
    show(text(verdict))
    if verdict.outcome is Outcome.UNKNOWN and not where_silent:
        show("where weights that differ do not act, the networks may be proved equal: --where-silent")
    raise typer.Exit(verdict.outcome.exit_status)


def text(verdict: Verdict) -> str:
    """The verdict for a person."""
    lines = [f"{verdict.outcome.value} on {verdict.domain}: {verdict.reason}"]
    if verdict.witness is not None:
        lines += witness_lines(verdict.witness)
    return "\n".join(lines)


def witness_lines(witness: Witness) -> list[str]:
    """An input on which two networks differ, for a person."""
    from verify.linear_region.symbolic import about

    places = [number for number, value in enumerate(witness.point, 1) if value]
    shown = [f"x{number} = {about(witness.point[number - 1])}" for number in places[:SHOWN]]
    more = len(places) - len(shown)
    rest = [f"{more} more"] if more else ["all others 0"] if len(places) < len(witness.point) else []
    differing = [n for n, (a, b) in enumerate(zip(witness.first, witness.second, strict=True)) if a != b]
    output = differing[0]
    a, b = witness.first[output], witness.second[output]
    name = f"output {output + 1}" if len(witness.first) > 1 else "output"
    return [
        f"input    {', '.join([*shown, *rest]) if places else 'all 0'}",
        f"{name}   {about(a)} and {about(b)}, a difference of {about(b - a)}",
    ]
