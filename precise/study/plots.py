"""The plots of a study, in the order of [FMSH24]'s figures, then those of precision."""

from __future__ import annotations

from collections.abc import Callable
from statistics import mean
from typing import Any

from precise.study.drawing import COLOURS, STYLE, Plot, figure, label
from precise.study.heat_map import digits_map
from precise.study.precision_plots import precision_by_condition, precision_by_depth
from precise.study.sign_plots import signs_by_points, votes_by_distance
from precise.study.summary import Study
from precise.study.svg import INK


def plots(study: Study) -> list[Plot]:
    """Every plot that the study has points for."""
    import matplotlib

    makers: tuple[Callable[[Study], Plot | None], ...] = (
        recovery_time,
        signs_by_points,
        votes_by_distance,
        digits_map,
        precision_by_depth,
        precision_by_condition,
    )
    with matplotlib.rc_context(STYLE):
        return [plot for make in makers if (plot := make(study)) is not None]


def recovery_time(study: Study) -> Plot | None:
    """Seconds for signatures and for signs, a pair of bars a model."""
    chosen = _timed(study)
    if chosen is None:
        return None
    precision, records = chosen
    numbers = sorted({record["model"] for record in records})
    short = [n for n in numbers if not all(r["complete"] for r in records if r["model"] == n)]
    names = [label(study, n) + ("\n(not complete)" if n in short else "") for n in numbers]
    made, axes = figure(max(4.2, 1.5 + 1.1 * len(names)), 3.2)
    plane, drawn = axes[0, 0], []
    for number, part in enumerate(("signatures", "signs")):
        heights = [mean(_seconds(r, part) for r in records if r["model"] == n) for n in numbers]
        places = [i + 0.4 * (number - 0.5) for i in range(len(names))]
        bars = plane.bar(places, heights, 0.36, label=part, color=COLOURS[number], hatch=("", "////")[number])
        plane.bar_label(bars, [_short(h) for h in heights], padding=2, fontsize=8, color=INK)
        drawn += heights
    plane.set_xticks(range(len(names)), names)
    plane.set(ylabel="seconds", yscale="log" if min(drawn) > 0 else "linear")
    plane.margins(y=0.15)
    made.legend(loc="outside upper center", ncols=2)
    told = "; ".join(
        f"{name.replace(chr(10), ' ')}: {_short(a)} and {_short(b)} s"
        for name, a, b in zip(names, drawn, drawn[len(names) :])
    )
    caption = (
        f"Elapsed time for signatures and for signs, all layers, by matching from {precision} (mean of the seeds). "
        "Not complete: the time until the run could not go on."
    )
    return Plot("recovery-time", made, caption, f"Bars of seconds for signatures and for signs. {told}.")


def _timed(study: Study) -> tuple[str, list[dict[str, Any]]] | None:
    """The extractions by matching whose times are shown: from float64 if there are any, else from most bits."""
    matched = [r for r in study["extractions"] if r["engine"] == "match"]
    order = ["float64", *(f"bits:{b}" for b in sorted(study["bits"], reverse=True))]
    for precision in order:
        found = [r for r in matched if r["precision"] == precision]
        if found:
            return precision, found
    return None


def _seconds(record: dict[str, Any], part: str) -> float:
    return float(sum(layer[f"{part}_seconds"] for layer in record["layers"]))


def _short(seconds: float) -> str:
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.2g}"
