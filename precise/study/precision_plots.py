"""The smallest sufficient precision against depth and width, and lost bits against the condition numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from precise.study.drawing import Plot, figure, label, series
from precise.study.fit import Line
from precise.study.summary import Study
from precise.study.svg import INK


def precision_by_depth(study: Study) -> Plot | None:
    """The smallest sufficient bits of every layer, and of the whole networks against their widths."""
    made, axes = figure(7.4, 3.3, 1, 2, sharey=True, width_ratios=(3, 2))
    depth, width = axes[0]
    told = []
    for number, model in enumerate(study["models"]):
        style = series(number)
        for kind, fill in (("recovered", "none"), ("exact", "full")):
            known = [(e["layer"], e[kind]["bits"]) for e in model["layers"] if e[kind]["bits"] is not None]
            name = f"{label(study, number)}, {kind}"
            shift = 0.08 * (number - (len(study["models"]) - 1) / 2)
            depth.plot([x + shift for x, _ in known], [y for _, y in known], label=name, **style | {"fillstyle": fill})
            told += [f"{name}, layer {x}: {y} bits" for x, y in known]
            if model[kind]["bits"] is not None:
                place = max(model["widths"][1:-1]) * 2 ** (1.2 * shift)
                width.plot(place, model[kind]["bits"], **style | {"fillstyle": fill, "linestyle": "none"})
                told.append(f"{name}, whole network: {model[kind]['bits']} bits")
    if not told:
        return None
    depth.set(xlabel="layer", ylabel="smallest precision, bits", title="each layer", yscale="log")
    depth.set_xticks(range(1, 1 + max(len(m["layers"]) for m in study["models"])))
    _bits_axis(depth, study["bits"])
    widths = sorted({max(m["widths"][1:-1]) for m in study["models"]})
    width.set(xlabel="widest layer, neurons", title="whole network", xscale="log")
    width.set_xlim(widths[0] / 1.7, widths[-1] * 1.7)
    width.set_xticks(widths, list(map(str, widths)))
    width.minorticks_off()
    for plane in (depth, width):
        plane.grid(alpha=0.25, linewidth=0.5)
    made.legend(*depth.get_legend_handles_labels(), loc="outside lower center", ncols=2 if len(told) > 1 else 1)
    caption = (
        "Smallest precision on the grid from which on a layer (left) and the whole network (right) comes out: enclosed "
        "with all signs (hollow) and as exact rationals (filled). What is missing was not reached."
    )
    return Plot("precision-by-depth", made, caption, "; ".join(told))


def precision_by_condition(study: Study) -> Plot | None:
    """Bits that rows lack against the growth of the condition numbers, with the fitted line."""
    points = study["fit"]["points"]
    if not points:
        return None
    made, axes = figure(5.2, 3.4)
    plane = axes[0, 0]
    for number in range(len(study["models"])):
        mine = [p for p in points if p["model"] == number]
        if mine:
            style = series(number) | {"linestyle": "none", "fillstyle": "none"}
            plane.plot([p["growth"] for p in mine], [p["lost"] for p in mine], label=label(study, number), **style)
    said = "too few layers for a fit"
    if study["fit"]["line"] is not None:
        line = Line(**study["fit"]["line"])
        ends = [min(p["growth"] for p in points), max(p["growth"] for p in points)]
        plane.plot(ends, [line.at(x) for x in ends], color=INK, linewidth=1, label="least squares")
        said = (
            f"lost bits = {line.intercept:.1f} + {line.slope:.2f} x growth, residual {line.residual:.1f} bits over "
            f"{line.points} points"
        )
    plane.set(
        xlabel="log2 of the product of condition numbers up to the layer",
        ylabel="bits of the answers - bits of the row",
    )
    plane.grid(alpha=0.25, linewidth=0.5)
    plane.ticklabel_format(useOffset=False)
    plane.set_xlim(left=0)
    plane.set_ylim(0, 1.25 * max(2.0, *(p["lost"] for p in points)))
    made.legend(loc="outside upper center", ncols=4)
    caption = (
        "What a layer's weakest row lacks of the oracle's bits, over complete extractions by matching, against the "
        f"growth of the condition numbers: {said}. The line describes these points and claims nothing beyond."
    )
    return Plot("precision-by-condition", made, caption, f"Scatter of lost bits against condition; {said}.")


def _bits_axis(plane: Any, bits: Sequence[int]) -> None:
    """Labels at powers of two; the grid of the study may be finer than text."""
    ticks = [
        b for b in (8, 16, 32, 64, 128, 256, 512, 1024, 2048) if min(bits, default=8) / 2 < b < 2 * max(bits, default=8)
    ]
    plane.set_yscale("log", base=2)
    plane.set_yticks(ticks or list(bits), list(map(str, ticks or bits)))
