"""`verify export-smt`: the question as SMT-LIB 2, for any other solver."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from precise.formats import load_network
from precise.formats.atomic_file import other_file, write_whole
from verify.commands.output import show
from verify.commands.question import (
    Asked,
    Ball,
    Box,
    Clip,
    Confidence,
    Epsilon,
    First,
    Margin,
    Maximum,
    Region,
    Second,
    Top1,
)
from verify.errors import InputError


def export_smt(
    first: First,
    second: Second,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The script to write.")],
    box: Box = None,
    ball: Ball = None,
    clip: Clip = None,
    region: Region = None,
    epsilon: Epsilon = None,
    top1: Top1 = False,
    margin: Margin = None,
    confidence: Confidence = None,
    maximum: Maximum = False,
    facts: Annotated[
        bool, typer.Option("--facts", help="Also state the range of every neuron: solvers find inputs sooner.")
    ] = False,
) -> None:
    """Write what `verify equivalent` would decide as an SMT-LIB 2 script (QF_LRA): unsat proves it.

    Every number is exact. Solvers cope with some tens of hidden neurons. With --max the script maximises the
    variable `largest`: Z3 and OptiMathSAT can do that.
    """
    from verify.smt_lib import script

    other_file(output, *[path for path in (first, second, region) if path is not None])
    networks = load_network(first), load_network(second)
    asked = Asked(box, ball, clip, epsilon, top1, margin, confidence, maximum, region)
    try:
        domain, claim, _ = asked.task(networks[0].input_width, networks[0].output_width)
        text = script(*networks, domain, claim, facts)
    except InputError as error:
        raise InputError(f"{first} and {second}: {error}") from error
    write_whole(output, text.encode())
    if claim is None:
        show(f"{output}: (get-value (largest)) is the maximum of |g(x) - f(x)| on {domain.describe()}")
    else:
        show(f"{output}: unsat proves that {claim.describe()} on {domain.describe()}")
