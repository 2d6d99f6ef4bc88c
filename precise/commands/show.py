"""`precise show`: what a network file holds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import mpmath
import typer
from flint import fmpq, fmpz

from precise.arithmetic import to_mpf, to_text
from precise.commands.output import show as put
from precise.formats import format_of, load_network
from precise.formats.atomic_file import other_file, write_whole
from precise.network import Layer, Network


@dataclass(frozen=True)
class LayerSummary:
    """One layer in figures; exact numbers are text such as -3/8."""

    inputs: int  # of every neuron
    neurons: int  # rows
    activation: str  # relu or none
    weight_range: tuple[str, str]  # smallest and largest weight, exactly
    bias_range: tuple[str, str]  # smallest and largest bias, exactly
    mantissa_bits: int | None  # of the longest weight or bias; None: not all are dyadic
    zero_weights: int  # weights that are exactly 0
    zero_biases: int  # biases that are exactly 0


@dataclass(frozen=True)
class Summary:
    """A network file in figures."""

    file: str  # its path
    format: str  # in words
    activations_stored: bool  # whether the file names them
    widths: tuple[int, ...]  # inputs, hidden neurons ..., outputs
    parameters: int  # weights and biases
    sha256: str  # of the exact parameters
    layers: tuple[LayerSummary, ...]  # first to last


def show(
    file: Annotated[Path, typer.Argument(help="A network: .json .npz .onnx .safetensors .keras .h5 .pt")],
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the figures to FILE as JSON.")
    ] = None,
) -> None:
    """Show what a network file holds."""
    found = summary(file, load_network(file))
    if json_file is not None:
        other_file(json_file, file)
        write_whole(json_file, (json.dumps(asdict(found), indent=1) + "\n").encode())
    put(text(found))


def summary(file: Path, network: Network) -> Summary:
    """The figures of a network that was read from `file`."""
    kind, last = format_of(file), len(network.layers)
    return Summary(
        file=str(file),
        format=kind.name,
        activations_stored=kind.activations,
        widths=network.widths,
        parameters=network.parameter_count,
        sha256=network.sha256,
        layers=tuple(_layer(layer, n < last) for n, layer in enumerate(network.layers, 1)),
    )


def mantissa_bits(value: fmpq) -> int | None:
    """The bits between the first and the last 1 of a dyadic number (0 for 0); None for other rationals."""
    if int(value.q) & (int(value.q) - 1):
        return None
    number = abs(int(value.p))
    return (number // (number & -number)).bit_length() if number else 0


def text(found: Summary) -> str:
    """The figures as lines for a person."""
    rows = [("layer", "inputs", "neurons", "activation", "mantissa", "weights", "biases", "zeros")]
    for number, layer in enumerate(found.layers, 1):
        bits = "not dyadic" if layer.mantissa_bits is None else f"{layer.mantissa_bits} bits"
        rows.append(
            (
                str(number),
                str(layer.inputs),
                str(layer.neurons),
                layer.activation,
                bits,
                _about(layer.weight_range),
                _about(layer.bias_range),
                str(layer.zero_weights + layer.zero_biases),
            )
        )
    lengths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = [
        f"{found.file!r:.200}",
        f"format      {found.format}",
        f"widths      {'-'.join(map(str, found.widths))}",
        f"parameters  {found.parameters:,}",
        f"sha256      {found.sha256} (of the exact parameters)",
        "",
        *("  ".join(cell.ljust(n) for cell, n in zip(row, lengths)).rstrip() for row in rows),
    ]
    if not found.activations_stored:
        lines += ["", "This format stores no activations: a ReLU is taken after every layer but the last."]
    return "\n".join(lines)


def _layer(layer: Layer, hidden: bool) -> LayerSummary:
    weights = [value for row in layer.weights for value in row]
    bits = [mantissa_bits(value) for value in (*weights, *layer.biases)]
    return LayerSummary(
        inputs=layer.inputs,
        neurons=layer.neurons,
        activation="relu" if hidden else "none",
        weight_range=_range(weights),
        bias_range=_range(layer.biases),
        mantissa_bits=None if None in bits else max(b for b in bits if b is not None),
        zero_weights=sum(value == 0 for value in weights),
        zero_biases=sum(value == 0 for value in layer.biases),
    )


def _range(values: Iterable[fmpq]) -> tuple[str, str]:
    ordered = list(values)
    return to_text(min(ordered)), to_text(max(ordered))


def _about(bounds: tuple[str, str]) -> str:
    """Both ends to four digits, whatever their size."""
    # fmpz reads any number of digits; int() stops at 4,300
    numbers = (fmpq(*map(fmpz, bound.split("/"))) for bound in bounds)
    return " .. ".join(mpmath.nstr(to_mpf(number, 53), 4) for number in numbers)
