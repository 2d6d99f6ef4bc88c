"""Pictures: the difference of two networks over a slice of the domain, and how a proof's gap closed over time.

Pictures are drawn from floats and prove nothing. Matplotlib comes with the extra `plots`.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from precise.formats.atomic_file import write_whole
from precise.network import Network
from verify.checker.joint import joint
from verify.differential import bounds
from verify.differential.attack import outputs
from verify.differential.bounds import Array, FloatLayer
from verify.differential.pairing import pair_neurons
from verify.differential.problem import to_near
from verify.errors import InputError
from verify.properties.domain import Domain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BORDERS = {"f": ("black", "solid"), "g": ("limegreen", "dashed")}
SUFFIXES = (".pdf", ".png", ".svg")


def difference_slice(
    first: Network, second: Network, domain: Domain, axes: tuple[int, int], output: int = 1, points: int = 300
) -> Figure:
    """g - f over two inputs, the others in the middle of the domain, with the borders of the linear regions.

    Args:
        first: f; its borders are drawn in black.
        second: g; its borders are drawn in green, dashed.
        domain: its box gives the range of the two inputs; what its half-spaces exclude is shaded.
        axes: the two inputs, counted from 1.
        output: which one, counted from 1.
        points: of the grid, along each axis.

    Raises:
        InputError: there are no such inputs or outputs, or matplotlib is missing.
    """
    if not all(1 <= axis <= first.input_width for axis in axes) or axes[0] == axes[1]:
        raise InputError(f"expected two different inputs from 1 to {first.input_width}, not {axes[0]} and {axes[1]}")
    if not 1 <= output <= first.output_width:
        raise InputError(f"expected an output from 1 to {first.output_width}, not {output}")
    layers = bounds.as_floats(joint(first, second, pair_neurons(first, second)))
    ranges = [(to_near(domain.lower[axis - 1]), to_near(domain.upper[axis - 1])) for axis in axes]
    xs, ys = (np.linspace(low, high, points) for low, high in ranges)
    grid = np.tile([(to_near(a) + to_near(b)) / 2 for a, b in zip(domain.lower, domain.upper)], (points * points, 1))
    grid[:, axes[0] - 1], grid[:, axes[1] - 1] = (v.ravel() for v in np.meshgrid(xs, ys))
    values = outputs(layers, grid)[:, first.output_width + output - 1].reshape(points, points)
    figure: Figure = _figure()
    plane = figure.add_subplot()
    most = float(np.abs(values).max()) or 1.0
    image = plane.pcolormesh(xs, ys, values, cmap="RdBu", vmin=-most, vmax=most, shading="nearest", rasterized=True)
    figure.colorbar(image, ax=plane, label="g - f")
    for z, d in _preactivations(layers, grid):
        for values, (colour, style) in zip((z, d), BORDERS.values(), strict=True):
            for column in values.T:
                if column.min() < 0 < column.max():
                    shape = column.reshape(points, points)
                    plane.contour(xs, ys, shape, levels=[0.0], colors=colour, linestyles=style, linewidths=1.0)
    outside = _outside(domain, grid).reshape(points, points)
    if outside.any():
        plane.contourf(xs, ys, outside, levels=[0.5, 1.5], colors="0.6", alpha=0.8, hatches="/")
    for name, (colour, style) in BORDERS.items():
        plane.plot([], [], color=colour, linestyle=style, label=f"kinks of {name}")
    figure.legend(loc="outside lower center", ncols=2)
    title = f"Difference at output {output}, and borders of linear regions"
    plane.set(xlabel=f"input {axes[0]}", ylabel=f"input {axes[1]}", title=title)
    return figure


def _outside(domain: Domain, grid: Array) -> Array:
    """1 where a half-space of the domain excludes a point, else 0."""
    found = np.zeros(len(grid))
    for normal, bound in domain.halfspaces:
        found[grid @ np.array([to_near(v) for v in normal]) > to_near(bound)] = 1.0
    return found


def gap_over_time(history: Sequence[Sequence[float]], attained: float | None = None) -> Figure:
    """The greatest open bound of a search over time, and what is attained at a point.

    Args:
        history: (seconds, bound) pairs, as a report of `verify equivalent` has them.
        attained: drawn as a line.

    Raises:
        InputError: the history is empty, or matplotlib is missing.
    """
    if not history:
        raise InputError("expected a search with a history: this one was over at once")
    figure: Figure = _figure()
    axes = figure.add_subplot()
    axes.step([t for t, _ in history], [b for _, b in history], where="post", label="greatest open bound")
    if attained is not None:
        axes.axhline(attained, color="black", linestyle="dashed", label="attained")
    axes.set(xlabel="seconds", ylabel="|g - f|", yscale="log")
    axes.legend()
    return figure


def agreement_by_layer(layers: Sequence[dict[str, Any]]) -> Figure:
    """The share of every layer's neurons by agreement with their counterparts.

    Args:
        layers: as a report of `verify diagnose` has them.

    Raises:
        InputError: there are none, or matplotlib is missing.
    """
    from verify.report_page.drawings import LEGEND, PALETTE, kind_of

    if not layers:
        raise InputError("expected networks whose layers were compared: nothing was read layer by layer here")
    figure: Figure = _figure()
    axes = figure.add_subplot()
    names = ["outputs" if layer["output"] else f"layer {layer['layer']}" for layer in layers]
    left = np.zeros(len(layers))
    for kind, (fill, ink) in PALETTE.items():
        counts = [sum(kind_of(neuron) == kind for neuron in layer["neurons"]) for layer in layers]
        if not any(counts):
            continue
        shares = [100 * count / max(1, len(layer["neurons"])) for count, layer in zip(counts, layers, strict=True)]
        bars = axes.barh(names, shares, left=left, color=fill, label=LEGEND[kind])
        axes.bar_label(bars, [str(count or "") for count in counts], label_type="center", color=ink)
        left += shares
    axes.invert_yaxis()
    axes.set(xlabel="percent of the neurons", xlim=(0, 100), title="Agreement by layer")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a picture, whole or not at all.

    Raises:
        InputError: the suffix is none of a picture, or the file cannot be written.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: expected a picture's name, ending in {', '.join(SUFFIXES)}")
    data = io.BytesIO()
    figure.savefig(data, format=path.suffix[1:], dpi=150)
    write_whole(path, data.getvalue())


def _figure() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError("expected matplotlib for pictures: install precise-verify[plots]") from error
    return Figure(figsize=(6, 5), layout="constrained")


def _preactivations(layers: Sequence[FloatLayer], grid: Array) -> list[tuple[Array, Array]]:
    """(f's, g's) preactivations of every hidden layer, shape (points, blocks)."""
    found, state = [], grid
    for layer in layers[:-1]:
        values = state @ layer.matrix.T + layer.offsets
        z, d = values[:, : layer.blocks], values[:, layer.blocks :]
        found.append((z, z + d))
        state = np.concatenate([np.maximum(z, 0.0), np.maximum(z + d, 0.0) - np.maximum(z, 0.0)], axis=1)
    return found
