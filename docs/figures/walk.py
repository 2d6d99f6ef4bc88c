"""Draws walk.svg: a walk along the zero set of one neuron of the second layer. Needs the extra `plots`."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from precise.random_networks import random_network

matplotlib.rcParams["svg.hashsalt"] = "walk"  # the same file every time
BLUE, RED = "#1f5fa8", "#b3261e"
NEURON = 0


def draw(path: Path) -> None:
    """First-layer hyperplanes, the followed surface, its bends in order and its normal on every piece."""
    (w1, b1), (w2, b2), _ = random_network("2-4-3-1", seed=45).to_numpy()
    axis = np.linspace(-3, 3, 1201)
    first = np.stack(np.meshgrid(axis, axis), axis=-1) @ w1 + b1
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    for neuron in range(first.shape[-1]):
        axes.contour(axis, axis, first[..., neuron], levels=[0.0], colors=BLUE, linewidths=1.2)
    followed = (np.maximum(first, 0) @ w2 + b2)[..., NEURON]
    surface = axes.contour(axis, axis, followed, levels=[0.0], colors=RED, linewidths=2)
    points = max(surface.allsegs[0], key=len)
    on = points @ w1 + b1 > 0
    bends = np.flatnonzero((on[1:] != on[:-1]).any(axis=1))
    for number, bend in enumerate(bends, 1):
        axes.plot(*points[bend], "o", color="black", markersize=6)
        axes.annotate(str(number), points[bend], xytext=(7, 7), textcoords="offset points")
    for start, stop in zip([0, *bends + 1], [*bends, len(points) - 1], strict=True):
        middle = points[(start + stop) // 2]
        normal = w1 @ (w2[:, NEURON] * (middle @ w1 + b1 > 0))
        tip = middle + 0.55 * normal / np.linalg.norm(normal)
        if stop - start > 20:  # shorter pieces have no room for an arrow
            axes.annotate("", tip, middle, arrowprops={"arrowstyle": "->", "color": RED})
    axes.set(xlabel="input 1", ylabel="input 2", aspect="equal")
    figure.savefig(path, metadata={"Date": None}, dpi=72)


if __name__ == "__main__":
    draw(Path(__file__).with_name("walk.svg"))
