"""`precise convert`: a network from one file format to another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from precise.commands.output import show
from precise.formats import format_of, load_network, save_network
from precise.formats.atomic_file import other_file, write_whole


def convert(
    source: Annotated[Path, typer.Argument(help="The network to read.")],
    target: Annotated[Path, typer.Argument(help="The file to write: .json (exact) .npz .onnx .safetensors")],
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write what was done to FILE as JSON.")
    ] = None,
) -> None:
    """Convert a network file and say how many values were rounded."""
    format_of(target)  # a bad name is said before a long read
    if json_file is not None:
        other_file(json_file, source, target)
    network = load_network(source)
    saved = save_network(network, target)
    if json_file is not None:
        report = {
            "source": str(source),
            "target": str(target),
            "format": saved.format,
            "widths": network.widths,
            "parameters": network.parameter_count,
            "rounded": saved.rounded,
            "source_sha256": network.sha256,
        }
        write_whole(json_file, (json.dumps(report, indent=1) + "\n").encode())
    widths, total = "-".join(map(str, network.widths)), f"{network.parameter_count:,}"
    show(f"{str(target)!r:.200}: {saved.format}, {widths}, {total} parameters, {_rounding(saved.rounded)}")


def _rounding(rounded: int) -> str:
    if not rounded:
        return "all exact"
    return f"{rounded:,} of them rounded to float64: another function; .json holds every value exactly"
