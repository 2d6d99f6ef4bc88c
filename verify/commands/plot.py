"""`verify plot`: pictures of a comparison."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from precise.formats import load_network
from precise.formats.atomic_file import other_file
from verify.commands.output import show
from verify.commands.question import Asked, Ball, Box, Clip, First, Pair, Region, Second
from verify.errors import InputError


def plot(
    first: First,
    second: Second,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The picture: .png, .pdf or .svg.")],
    box: Box = None,
    ball: Ball = None,
    clip: Clip = None,
    region: Region = None,
    inputs: Annotated[Pair, typer.Option(metavar="I J", help="The two inputs of the slice, from 1.")] = ("1", "2"),
    neuron: Annotated[int, typer.Option("--neuron", metavar="N", help="Which output, from 1.")] = 1,
) -> None:
    """Draw g - f over two inputs, the others in the middle of the domain, with the borders of the linear regions.

    Drawn from floating point: a picture proves nothing. Needs the extra `plots`.
    """
    from verify.plots import difference_slice, save

    other_file(output, *[path for path in (first, second, region) if path is not None])
    networks = load_network(first), load_network(second)
    asked = Asked(box, ball, clip, None, False, None, None, True, region)
    try:
        if not all(text.isdecimal() for text in inputs):
            raise InputError(f"--inputs: expected two numbers, not {' and '.join(inputs)}")
        domain, _, _ = asked.task(networks[0].input_width, networks[0].output_width)
        figure = difference_slice(*networks, domain, (int(inputs[0]), int(inputs[1])), neuron)
    except InputError as error:
        raise InputError(f"{first} and {second}: {error}") from error
    save(figure, output)
    show(f"picture in {output}")


def plot_gap(
    report: Annotated[Path, typer.Argument(help="A report that `verify equivalent --json` wrote.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The picture: .png, .pdf or .svg.")],
) -> None:
    """Draw how the bound of a proof came down over time. Needs the extra `plots`."""
    from precise.arithmetic import rational, to_float
    from verify.plots import gap_over_time, save

    other_file(output, report)
    try:
        found = json.loads(report.read_bytes())
        history = [(float(seconds), float(bound)) for seconds, bound in found["history"]]
        attained = found["details"].get("attained")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{report}: expected a report of verify equivalent") from error
    try:
        figure = gap_over_time(history, None if attained is None else to_float(rational(attained)))
    except InputError as error:
        raise InputError(f"{report}: {error}") from error
    save(figure, output)
    show(f"picture in {output}")
