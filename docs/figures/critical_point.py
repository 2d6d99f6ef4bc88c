"""Draws critical-point.svg: two affine pieces on a line and where they meet. Needs the extra `plots`."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

matplotlib.rcParams["svg.hashsalt"] = "critical point"  # the same file every time
BLUE, RED = "#1f5fa8", "#b3261e"
LEFT, RIGHT = (0.4, 1.0), (-0.9, 2.3)  # slope and value at 0 of either piece


def draw(path: Path) -> None:
    """The output on a line; the pieces at both ends, prolonged, meet at the critical point."""
    at = (RIGHT[1] - LEFT[1]) / (LEFT[0] - RIGHT[0])
    figure = Figure(figsize=(5, 3), layout="constrained")
    axes = figure.add_subplot()
    for (slope, value), ends, colour in ((LEFT, (0.0, at), BLUE), (RIGHT, (at, 2.0), RED)):
        whole, piece = np.array([0.0, 2.0]), np.array(ends)
        axes.plot(whole, slope * whole + value, color=colour, linewidth=1, linestyle=(0, (4, 4)))
        axes.plot(piece, slope * piece + value, color=colour, linewidth=2.2)
        end = ends[0] if ends[0] == 0 else ends[1]
        axes.plot(end, slope * end + value, "o", color=colour, markersize=7)
    axes.plot(at, LEFT[0] * at + LEFT[1], "o", color="black", markersize=7)
    axes.annotate(
        "critical point $t^*$", (at, LEFT[0] * at + LEFT[1]), (at, 1.85), ha="center", arrowprops={"arrowstyle": "-"}
    )
    axes.annotate("value and slope here", (0, 1.0), (0.06, 0.62), color=BLUE)
    axes.annotate("and here", (2, 0.5), (1.62, 0.36), color=RED)
    axes.set(xlabel="$t$", ylabel="$f(x + t v)$", xticks=[], yticks=[], ylim=(0.2, 2.4))
    figure.savefig(path, metadata={"Date": None}, dpi=72)


if __name__ == "__main__":
    draw(Path(__file__).with_name("critical-point.svg"))
