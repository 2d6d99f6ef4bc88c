"""The exact format: JSON with every parameter as the text of a rational, so that nothing is ever rounded."""

from __future__ import annotations

import json
import re
from typing import Any

from flint import fmpq, fmpz

from precise.arithmetic import to_text
from precise.errors import InputError
from precise.formats.limits import MAX_PARAMETERS
from precise.formats.strict_json import parse
from precise.network import Layer, Network, Row

FORMAT, VERSION = "precise-network", 1
_RATIONAL = re.compile(r"(-?[0-9]+)(?:/([0-9]+))?\Z")
_REQUIRED = {"format", "version", "widths", "layers"}


def read(data: bytes) -> Network:
    """The network in a file of the exact format.

    Raises:
        InputError: a field is missing, unknown or not what it must be.
    """
    file = parse(data, "the file")
    if not isinstance(file, dict) or file.get("format") != FORMAT:
        raise InputError(f'format: expected a JSON object with "format": "{FORMAT}"')
    if file.get("version") != VERSION or isinstance(file["version"], bool):
        raise InputError(f"version: expected {VERSION}, the only one that this program knows")
    for key in sorted(_REQUIRED - file.keys()):
        raise InputError(f"{key}: expected this field, and there is none")
    for key in sorted(file.keys() - _REQUIRED - {"metadata"}):
        raise InputError(f"{key[:60]!r}: expected no such field; further fields belong under metadata")
    layers = _items(file["layers"], "layers")
    network = Network(tuple(_layer(layer, f"layers[{number}]") for number, layer in enumerate(layers)))
    if file["widths"] != list(network.widths):
        raise InputError(f"widths: expected {list(network.widths)}, as the layers have")
    return network


def write(network: Network) -> tuple[bytes, int]:
    """(the bytes of a file of the exact format, 0 values rounded); one neuron a line."""
    layers = []
    for layer in network.layers:
        rows = ",\n    ".join(json.dumps([to_text(value) for value in row]) for row in layer.weights)
        biases = json.dumps([to_text(value) for value in layer.biases])
        layers.append(f'  {{"weights": [\n    {rows}],\n   "biases": {biases}}}')
    head = f'"format": "{FORMAT}", "version": {VERSION}, "widths": {json.dumps(network.widths)}'
    text = f'{{{head}, "layers": [\n' + ",\n".join(layers) + "\n]}\n"
    return text.encode(), 0


def _layer(layer: Any, field: str) -> Layer:
    if not isinstance(layer, dict) or layer.keys() != {"weights", "biases"}:
        raise InputError(f"{field}: expected an object with weights and biases, and no other field")
    rows = _items(layer["weights"], f"{field}.weights")
    weights = tuple(_row(row, f"{field}.weights[{number}]") for number, row in enumerate(rows))
    return Layer(weights, _row(layer["biases"], f"{field}.biases"))


def _row(row: Any, field: str) -> Row:
    return tuple(_rational(text, f"{field}[{number}]") for number, text in enumerate(_items(row, field)))


def _items(value: Any, field: str) -> list[Any]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_PARAMETERS:
        raise InputError(f"{field}: expected a list that is not empty")
    return value


def _rational(text: Any, field: str) -> fmpq:
    found = _RATIONAL.match(text) if isinstance(text, str) else None
    if not found:
        raise InputError(f'{field}: expected the text of a rational such as "-3/8", not {str(text)[:40]!r}')
    # fmpz reads any number of digits; int() stops at 4,300
    denominator = fmpz(found[2] or "1")
    if denominator == 0:
        raise InputError(f"{field}: expected a denominator that is not 0")
    return fmpq(fmpz(found[1]), denominator)
