"""What the plots of a study share: the look, and the names of models.

Colours are told apart by people who see no red or no green, and differ from white and from black alike; every series
has a marker or a dash of its own as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from precise.study.summary import Study
from precise.study.svg import INK

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#A3559C")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("solid", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)))
STYLE = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "legend.frameon": False,
    **{f"{part}.color": INK for part in ("text", "xtick", "ytick")},
    **{f"axes.{part}color": INK for part in ("edge", "label", "title")},
}


@dataclass(frozen=True)
class Plot:
    """A figure (matplotlib) with its file name, caption and alternative text."""

    name: str
    figure: Any
    caption: str
    alternative: str


def figure(width: float, height: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Any, Any]:
    """A figure in inches, and its axes in an array of shape (rows, columns)."""
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout="constrained")
    return made, made.subplots(rows, columns, squeeze=False, **options)


def series(number: int) -> dict[str, Any]:
    """Colour, marker and dash of the n-th series."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": DASHES[number % len(DASHES)],
        "markersize": 4,
        "linewidth": 1.4,
    }


def label(study: Study, number: int) -> str:
    """Widths as the papers write them; the name where two models have the same."""
    labels = [shape(model["widths"]) for model in study["models"]]
    return labels[number] if labels.count(labels[number]) == 1 else str(study["models"][number]["name"])


def shape(widths: Sequence[int]) -> str:
    """784-16x3-1 for (784, 16, 16, 16, 1)."""
    hidden = list(widths[1:-1])
    if len(hidden) > 1 and len(set(hidden)) == 1:
        return f"{widths[0]}-{hidden[0]}x{len(hidden)}-{widths[-1]}"
    return "-".join(map(str, widths))
