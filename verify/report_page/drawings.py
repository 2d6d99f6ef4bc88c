"""Crisp pictures for the page, as SVG: the heat map of errors, and inputs that are square pictures."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby
from math import isqrt
from typing import Any

from flint import fmpq

# class -> (fill, text on it); every pair has a contrast of at least 4.5 in either colour scheme
PALETTE = {
    "exact": ("#0b6b45", "#ffffff"),
    "close": ("#f7e08b", "#1b1b1b"),
    "near": ("#f2a33a", "#1b1b1b"),
    "far": ("#b3261e", "#ffffff"),
    "flipped": ("#6b21a8", "#ffffff"),
    "alone": ("#55585d", "#ffffff"),
}
LEGEND = {
    "exact": "same up to a factor",
    "close": "agrees to 24 bits or more",
    "near": "to 8 bits or more",
    "far": "to fewer than 8 bits",
    "flipped": "opposite sign",
    "alone": "no counterpart",
}
MARKS = {"exact": "=", "flipped": "±", "alone": "-"}  # in a cell, beside its colour; else the bits
CELL, GAP, COLUMNS = 26, 2, 12  # twelve are as wide as a phone
SMALLEST_PICTURE, LARGEST_PICTURE = 4, 128  # pixels along a side


def heat_map(layer: dict[str, Any]) -> str:
    """One layer of an error map: a cell a neuron, in the first network's order, COLUMNS a line."""
    neurons = layer["neurons"]
    name = "Outputs" if layer["output"] else f"Layer {layer['layer']}"
    counts = {kind: sum(kind_of(neuron) == kind for neuron in neurons) for kind in PALETTE}
    summary = ", ".join(f"{count} {LEGEND[kind]}" for kind, count in counts.items() if count)
    columns, lines = min(len(neurons), COLUMNS), -(-len(neurons) // COLUMNS)
    size = (columns * (CELL + GAP), lines * (CELL + GAP))
    cells = "".join(_cell(number, neuron) for number, neuron in enumerate(neurons))
    return _svg(size, f"{name}: {summary}", cells, size[0])


def picture_side(inputs: int) -> int | None:
    """The side of the square picture that so many inputs can be; None: they are not drawn."""
    side = isqrt(inputs)
    return side if side * side == inputs and SMALLEST_PICTURE <= side <= LARGEST_PICTURE else None


def picture(point: Sequence[fmpq], alternative: str) -> str:
    """A point as a square picture with its caption, from black at the smallest value to white at the largest.

    Args:
        point: of a square number of inputs, see `picture_side`.
        alternative: what the picture is of, for people who do not see it; the range is added.
    """
    side = isqrt(len(point))
    low, high = min(point), max(point)
    levels = [int(255 * (value - low) / (high - low)) if high > low else 0 for value in point]
    bars = []
    for row in range(side):
        column = 0
        for level, run in groupby(levels[row * side : (row + 1) * side]):
            length = len(list(run))
            if level:
                bars.append(
                    f'<rect x="{column}" y="{row}" width="{length}" height="1" fill="rgb({level},{level},{level})"/>'
                )
            column += length
    ground = f'<rect width="{side}" height="{side}" fill="#000"/>'
    shades = f"black is {_short(low)}, white {_short(high)}" if high > low else f"every input is {_short(low)}"
    text = f"{alternative}, {side} by {side}; {shades}"
    drawn = _svg((side, side), text, ground + "".join(bars), 280, ' shape-rendering="crispEdges" class="picture"')
    return (
        f'<figure>{drawn}<figcaption class="muted">{side} by {side} inputs, row by row; {shades}</figcaption></figure>'
    )


def kind_of(neuron: dict[str, Any]) -> str:
    """The class of a pair of neurons, a key of PALETTE and LEGEND."""
    if neuron["match"] in ("missing", "extra"):
        return "alone"
    if neuron["match"] == "sign flipped":
        return "flipped"
    if neuron["match"] == "exact":
        return "exact"
    return "close" if neuron["bits"] >= 24 else "near" if neuron["bits"] >= 8 else "far"


def _cell(number: int, neuron: dict[str, Any]) -> str:
    kind = kind_of(neuron)
    fill, ink = PALETTE[kind]
    x, y = number % COLUMNS * (CELL + GAP), number // COLUMNS * (CELL + GAP)
    mark = MARKS.get(kind, str(neuron["bits"]))
    return (
        f'<g><title>{escape(describe(neuron))}</title><rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" rx="3" '
        f'fill="{fill}"/><text x="{x + CELL / 2}" y="{y + 17}" text-anchor="middle" font-size="11" fill="{ink}">'
        f"{mark}</text></g>"
    )


def describe(neuron: dict[str, Any]) -> str:
    """A pair of neurons in words."""
    if neuron["match"] == "extra":
        return f"neuron {neuron['second']} of the second network: no counterpart"
    if neuron["match"] == "missing":
        return f"neuron {neuron['first']}: no counterpart"
    name = f"neuron {neuron['first']} (in the second {neuron['second']})"
    return f"{name}: {LEGEND['exact']}" if neuron["match"] == "exact" else f"{name}: {_differing(neuron)}"


def _differing(neuron: dict[str, Any]) -> str:
    return LEGEND["flipped"] if neuron["match"] == "sign flipped" else f"agrees to {neuron['bits']} bits"


def _svg(size: tuple[int, int], alternative: str, inside: str, width: int, attributes: str = "") -> str:
    text = escape(alternative, quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}" width="{width}" role="img" '
        f'aria-label="{text}"{attributes}>{inside}</svg>'
    )


def _short(value: fmpq) -> str:
    from verify.linear_region.symbolic import about

    return str(about(value))
