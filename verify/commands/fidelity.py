"""`verify fidelity`: how good a copy is, in the field's terms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from precise.formats import load_network
from precise.formats.atomic_file import other_file
from verify.commands.output import described, show, working, write_report
from verify.commands.question import Asked, Ball, Box, Clip, First, Region, Second
from verify.errors import InputError


def fidelity(
    first: First,
    second: Second,
    box: Box = None,
    ball: Ball = None,
    clip: Clip = None,
    region: Region = None,
    samples: Annotated[int, typer.Option(min=1, metavar="N", help="Random points for the estimates.")] = 1000,
    timeout: Annotated[float, typer.Option(min=0, metavar="S", help="Seconds for the proof.")] = 60.0,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="Processes.")] = 1,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the summary to FILE as JSON.")
    ] = None,
) -> None:
    """Summarise how close a copy is: epsilon proved, estimates from samples, bits of agreement layer by layer."""
    from verify.equivalence import Effort
    from verify.fidelity import fidelity as summary

    if json_file is not None:
        other_file(json_file, *[path for path in (first, second, region) if path is not None])
    networks = load_network(first), load_network(second)
    asked = Asked(box, ball, clip, None, False, None, None, True, region)
    try:
        domain, _, _ = asked.task(networks[0].input_width, networks[0].output_width)
        with working() as progress:
            found = summary(*networks, domain, Effort(timeout, jobs, tracer=progress), samples)
    except InputError as error:
        raise InputError(f"{first} and {second}: {error}") from error
    names = {"first": described(first, networks[0]), "second": described(second, networks[1])}
    write_report(json_file, {"command": "verify fidelity", **names, **found.to_json()})
    show(found.text())
