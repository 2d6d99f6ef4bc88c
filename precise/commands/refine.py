"""`precise refine`: the last digits of a recovered network, from a more precise oracle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from precise.commands.output import check_place, progress_display, show
from precise.commands.reference import oracle_from
from precise.errors import BudgetExceeded, InputError, PrecisionError
from precise.formats import format_of, load_network, save_network
from precise.formats.atomic_file import other_file, write_whole

if TYPE_CHECKING:
    from precise.refinement import Refinement

INCOMPLETE = 3


def refine(
    recovered: Annotated[Path, typer.Argument(help="A network that is right in its rows' leading bits and signs.")],
    oracle: Annotated[
        str, typer.Option(metavar="ORACLE", help="module:function, or a network's file, which only the oracle reads.")
    ],
    out: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="The file to write, such as exact.json.")],
    oracle_precision: Annotated[
        str | None,
        typer.Option(
            metavar="PRECISION",
            help="How it answers: exact, bits:256, float64, ...; a function: exact or bits:P.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Every random choice follows from it.")] = 0,
    max_queries: Annotated[
        int | None, typer.Option(min=1, help="Stop cleanly before asking more.", show_default=False)
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the figures to FILE as JSON.")
    ] = None,
) -> None:
    """Refine an imprecise network from a more precise oracle, to exact rationals where its answers certify them.

    Exit status 0: every row is exact; 3: some are only more precise than before, or nothing could be told and no file
    was written.
    """
    from precise.refinement import refine_network

    if not format_of(out).writes:
        raise InputError(f"{out}: expected a format that can be written: .json .npz .onnx .safetensors")
    other_file(out, recovered, *([json_file] if json_file else []))
    if json_file is not None:
        other_file(json_file, recovered, out)
    for place in (out, json_file):
        check_place(place)
    network = load_network(recovered)
    asked = oracle_from(oracle, oracle_precision, network, max_queries)
    try:
        with progress_display() as progress:
            found = refine_network(asked, network, seed, progress)
    except (PrecisionError, BudgetExceeded) as stop:
        show(f"Incomplete: {stop}. Nothing was written.")
        raise typer.Exit(INCOMPLETE) from stop
    if json_file is not None:
        write_whole(json_file, (json.dumps(_figures(found, seed), indent=1) + "\n").encode())
    saved = save_network(found.network, out)
    rounded = f", {saved.rounded:,} values rounded to float64" if saved.rounded else ""
    show(
        f"{found.outcome}\n{found.queries:,} queries, {found.seconds:.2f} s, seed {seed}\n"
        f"written to {out} ({saved.format}{rounded})"
    )
    if not found.complete:
        raise typer.Exit(INCOMPLETE)


def _figures(found: Refinement, seed: int) -> dict[str, object]:
    return {
        "command": "precise refine",
        "outcome": found.outcome,
        "complete": found.complete,
        "start_bits": found.start_bits,
        "bits": round(found.bits, 1),
        "exact_rows": found.exact_rows,
        "rows": found.rows,
        "fresh_points": found.fresh_points,
        "queries": found.queries,
        "seconds": round(found.seconds, 3),
        "seed": seed,
    }
