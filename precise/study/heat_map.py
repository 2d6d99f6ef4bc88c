"""The heat map: decimal digits of every layer's weakest row, against the oracle's precision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from precise.study.drawing import Plot, figure, label
from precise.study.summary import Study
from precise.study.tables import DIGITS_A_BIT

EXACT_COLOUR, LEFT_OUT = "#0b6b45", "#d9d9d9"
MAP = "cividis"


def digits_map(study: Study) -> Plot | None:
    """A panel a model: a line a layer, a column a precision."""
    from matplotlib import colormaps
    from matplotlib.colors import LogNorm
    from matplotlib.patches import Patch

    columns = [*(f"bits:{b}" for b in study["bits"]), *study["formats"]]
    if not columns:
        return None
    lines = [len(model["layers"]) for model in study["models"]]
    height = 1.5 + sum(0.34 * n + 0.45 for n in lines)
    made, axes = figure(
        1.6 + 0.5 * max(len(columns), 6), height, len(lines), 1, height_ratios=[n + 0.01 for n in lines]
    )
    found = [_digits(study, n, columns) for n in range(len(lines))]
    known = [d for model in found for line in model for d, _ in line if d]
    norm = LogNorm(min([1.0, *known]), max([10.0, *known]))
    for number, plane in enumerate(axes[:, 0]):
        _panel(plane, found[number], norm, colormaps[MAP])
        plane.set_yticks(range(lines[number]), [f"layer {i + 1}" for i in range(lines[number])])
        plane.set_title(label(study, number), loc="left")
        names = [c.removeprefix("bits:") for c in columns] if number == len(lines) - 1 else [""] * len(columns)
        plane.set_xticks(range(len(columns)), names, rotation=90 if len(columns) > 8 else 0)
    axes[-1, 0].set_xlabel("precision of the oracle: bits, then hardware formats")
    from matplotlib.cm import ScalarMappable

    bar = made.colorbar(
        ScalarMappable(norm, colormaps[MAP]), ax=list(axes[:, 0]), label="decimal digits", fraction=0.03
    )
    bar.outline.set_visible(False)
    bar.solids.set_rasterized(False)  # drawn, not an image inside the drawing
    kinds = [
        Patch(color=EXACT_COLOUR, label="=: exact"),
        Patch(color=LEFT_OUT, label="k/n: rows right, not all"),
    ]
    made.legend(handles=kinds, loc="outside upper right", ncols=2)
    caption = (
        "Decimal digits to which the weakest row of a layer is proved, by layer and precision. ±: rows without all of "
        "their signs. Green: exact rationals. Grey: not all rows came out; k/n are those that are right, of all."
    )
    return Plot("digits", made, caption, _told(study, found, columns))


Entry = tuple[float | None, str]  # digits of a whole layer, and the text in the cell


def _digits(study: Study, number: int, columns: Sequence[str]) -> list[list[Entry]]:
    """Entries of a model, shape (layers, columns); the seed that gave least stands for all."""
    mine = [r for r in study["extractions"] if r["model"] == number]
    lines = []
    for place in range(len(study["models"][number]["layers"])):
        runs = [[r["layers"][place] for r in mine if r["precision"] == column] for column in columns]
        lines.append([min(map(_entry, each), key=_rank) for each in runs])
    return lines


def _entry(layer: dict[str, Any]) -> Entry:
    if layer["exact"]:
        return None, "="
    if layer["signatures"] < layer["width"] or layer["bits"] is None:
        return None, f"{layer['signatures']}/{layer['width']}"
    digits = layer["bits"] * DIGITS_A_BIT
    mark = "" if layer["signs"] == layer["width"] else "±"
    return max(digits, 0.1), (f"{digits:.0f}" if digits >= 10 else f"{digits:.1f}") + mark


def _rank(entry: Entry) -> float:
    if entry[1] == "=":
        return float("inf")
    return -1.0 if entry[0] is None else entry[0]


def _panel(plane: Any, lines: Sequence[Sequence[Entry]], norm: Any, colours: Any) -> None:
    for y, line in enumerate(lines):
        for x, (digits, text) in enumerate(line):
            colour = EXACT_COLOUR if text == "=" else LEFT_OUT if digits is None else colours(norm(digits))
            plane.add_patch(_square(x, y, colour))
            plane.text(x, y, text, ha="center", va="center", fontsize=7, color=_ink(colour))
    plane.set(xlim=(-0.5, len(lines[0]) - 0.5), ylim=(len(lines) - 0.5, -0.5))
    plane.tick_params(length=0)
    for spine in plane.spines.values():
        spine.set_visible(False)


def _square(x: int, y: int, colour: Any) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.47, y - 0.47), 0.94, 0.94, color=colour, linewidth=0)


def _ink(colour: Any) -> str:
    """Black or white, whichever is told better from the ground (relative luminance)."""
    from matplotlib.colors import to_rgb

    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return "#000000" if 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2] > 0.18 else "#ffffff"


def _told(study: Study, found: Sequence[Sequence[Sequence[Entry]]], columns: Sequence[str]) -> str:
    parts = []
    for number, lines in enumerate(found):
        for layer, line in enumerate(lines, 1):
            cells = ", ".join(f"{column} {text}" for column, (_, text) in zip(columns, line, strict=True))
            parts.append(f"{label(study, number)} layer {layer}: {cells}")
    return "Digits (= exact, k/n rows of an incomplete layer). " + "; ".join(parts)
