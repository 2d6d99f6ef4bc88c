"""Draws canonical-form.svg: one function as two networks, and what both become. Needs the extra `plots`."""

from fractions import Fraction
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from precise.network import Network
from precise.symmetry.canonical_form import canonical_form

matplotlib.rcParams["svg.hashsalt"] = "canonical form"  # the same file every time
COLOURS = ("#1f5fa8", "#b3261e", "#2e7d32")
PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}  # behind words that lie on lines
ROWS = (((2, -1), 1), ((1, 3), 0), ((-1, 1), 2))  # (weights, bias) of the hidden neurons
OUTGOING = (4, -6, 3)
ORDER, FACTORS = (2, 0, 1), (Fraction(2), Fraction(3), Fraction(1, 2))  # of the second network


def network(order: tuple[int, ...], factors: tuple[Fraction, ...]) -> Network:
    """The network with its neurons in another order and each row times a factor."""
    rows = [[factors[n] * w for w in ROWS[n][0]] for n in order]
    biases = [factors[n] * ROWS[n][1] for n in order]
    return Network.from_rows([(rows, biases), ([[OUTGOING[n] / factors[n] for n in order]], [0])])


def draw(path: Path) -> None:
    """Both networks, side by side, each neuron in one colour; drawn only if their canonical forms are equal."""
    plain = (0, 1, 2), (Fraction(1),) * 3
    assert canonical_form(network(*plain)) == canonical_form(network(ORDER, FACTORS))
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.add_subplot()
    for place, (order, factors) in enumerate((plain, (ORDER, FACTORS))):
        _one(axes, 4.2 * place, order, factors)
    axes.text(3.6, 1.0, "=", fontsize=24, ha="center", va="center")
    axes.set(xlim=(-0.3, 7.5), ylim=(-0.3, 2.6), aspect="equal")
    axes.axis("off")
    figure.savefig(path, metadata={"Date": None}, dpi=72)


def _one(axes: matplotlib.axes.Axes, left: float, order: tuple[int, ...], factors: tuple[Fraction, ...]) -> None:
    for height, neuron in zip((2.0, 1.0, 0.0), order, strict=True):
        colour, factor = COLOURS[neuron], factors[neuron]
        for source in (1.5, 0.5):
            axes.plot([left, left + 1.5], [source, height], color=colour, linewidth=1.2, zorder=1)
        axes.plot([left + 1.5, left + 3], [height, 1.0], color=colour, linewidth=1.2, zorder=1)
        axes.plot(left + 1.5, height, "o", color=colour, markersize=13, zorder=2)
        row = ", ".join(str(factor * w) for w in (*ROWS[neuron][0], ROWS[neuron][1]))
        axes.text(left + 1.5, height + 0.25, f"({row})", color=colour, ha="center", fontsize=10, bbox=PAPER)
        outgoing = f"$\\times$ {OUTGOING[neuron] / factor}"
        middle = 1 + 0.5 * (height - 1)
        axes.text(left + 2.25, middle, outgoing, color=colour, fontsize=10, ha="center", va="center", bbox=PAPER)
    for x, y in ((left, 1.5), (left, 0.5), (left + 3, 1.0)):
        axes.plot(x, y, "o", color="black", markersize=9, zorder=2)


if __name__ == "__main__":
    draw(Path(__file__).with_name("canonical-form.svg"))
