"""Draws linear-regions.svg: the pieces of a 2-5-4-1 network, as the theory speaks of them. Needs the extra `plots`."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from precise.random_networks import random_network

matplotlib.rcParams["svg.hashsalt"] = "linear regions"  # the same file every time


def draw(path: Path) -> None:
    """Zero sets of the neurons of both layers in a square; those of the second bend where they meet the first's."""
    (w1, b1), (w2, b2), (w3, b3) = random_network("2-5-4-1", seed=6).to_numpy()
    axis = np.linspace(-3, 3, 500)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1)
    first = grid @ w1 + b1
    second = np.maximum(first, 0) @ w2 + b2
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.pcolormesh(axis, axis, (np.maximum(second, 0) @ w3 + b3)[..., 0], cmap="Greys", alpha=0.5, rasterized=True)
    for values, colour, width in ((first, "#1f5fa8", 1.2), (second, "#b3261e", 1.6)):
        for neuron in range(values.shape[-1]):
            axes.contour(axis, axis, values[..., neuron], levels=[0.0], colors=colour, linewidths=width)
    axes.set(xlabel="input 1", ylabel="input 2", aspect="equal")
    figure.savefig(path, metadata={"Date": None}, dpi=72)


if __name__ == "__main__":
    draw(Path(__file__).with_name("linear-regions.svg"))
