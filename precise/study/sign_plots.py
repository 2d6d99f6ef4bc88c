"""The published sign method in plots: against the number of critical points, and against the distance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import mean
from typing import Any

from precise.study.drawing import Plot, figure, label, series
from precise.study.summary import Study
from precise.study.svg import INK


def signs_by_points(study: Study) -> Plot | None:
    """Right signs against the number of critical points, a panel a layer, a line a format."""

    def draw(plane: Any, layers: Sequence[dict[str, Any]], style: dict[str, Any], name: str) -> None:
        points = [each["points"] for each in layers[0]["points"]]
        shares = [
            100 * mean(layer["points"][i]["right"] / layer["neurons"] for layer in layers) for i in range(len(points))
        ]
        plane.plot(points, shares, label=name, **style)

    caption = (
        "Sign recovery of the neuron wiggle against the number s of critical points a neuron [FMSH24]; rows are given."
    )
    labels = {"xlabel": "critical points s", "ylabel": "right signs, %", "xticks": (1, 5, 10, 15)}
    made = _panels(study, draw, labels)
    return None if made is None else Plot("signs-by-points", made, caption, _told_signs(study))


def votes_by_distance(study: Study) -> Plot | None:
    """True and false votes against the wiggle's length, a panel a layer."""

    def draw(plane: Any, layers: Sequence[dict[str, Any]], style: dict[str, Any], name: str) -> None:
        distances = [each["distance"] for each in layers[0]["distances"]]
        for kind, dash, fill in (("true", "solid", "full"), ("false", (0, (2, 2)), "none")):
            shares = [
                100 * mean(_share(layer["distances"][i], kind) for layer in layers) for i in range(len(distances))
            ]
            plane.plot(distances, shares, label=f"{name}, {kind}", **style | {"linestyle": dash, "fillstyle": fill})
        plane.axvline(1, color=INK, linewidth=0.6)
        plane.set_xscale("log", base=2)

    caption = (
        "True (filled, solid) and false (hollow, dashed) votes against the distance of the wiggle, in parts of the way "
        "to the nearest known border (the vertical line); the rest cannot be told at the format's precision."
    )
    labels = {"xlabel": "distance / way to the border", "ylabel": "votes, %", "xticks": (2**-12, 2**-6, 1)}
    made = _panels(study, draw, labels)
    alternative = "Shares of true and false votes grow with the distance; " + _told_votes(study)
    return None if made is None else Plot("votes-by-distance", made, caption, alternative)


def _panels(study: Study, draw: Callable[..., None], labels: dict[str, Any]) -> Any:
    """A row of panels a model, a panel a hidden layer, a series a format."""
    if not study["signs"]:
        return None
    models = study["models"]
    columns = max(len(model["layers"]) for model in models)
    made, axes = figure(max(4.6, 1.3 + 2.0 * columns), 0.9 + 1.75 * len(models), len(models), columns, sharey=True)
    for number, model in enumerate(models):
        for place in range(columns):
            plane = axes[number, place]
            if place >= len(model["layers"]):
                plane.set_axis_off()
                continue
            for order, name in enumerate(study["formats"]):
                layers = [r["layers"][place] for r in study["signs"] if r["model"] == number and r["precision"] == name]
                draw(plane, layers, series(order), name)
            plane.set(title=f"{label(study, number)}, layer {place + 1}", ylim=(-4, 104), xticks=labels["xticks"])
            plane.grid(alpha=0.25, linewidth=0.5)
            if place == 0:
                plane.set_ylabel(labels["ylabel"])
            if number == len(models) - 1 or place >= len(models[number + 1]["layers"]):
                plane.set_xlabel(labels["xlabel"])
    handles, names = axes[0, 0].get_legend_handles_labels()
    made.legend(handles, names, loc="outside upper center", ncols=min(len(names), 2 if columns < 3 else 4))
    return made


def _share(counts: dict[str, Any], kind: str) -> float:
    total = counts["true"] + counts["false"] + counts["untold"]
    return float(counts[kind] / total) if total else 0.0


def _told_signs(study: Study) -> str:
    parts = []
    for record in study["signs"]:
        for layer in record["layers"]:
            last = layer["points"][-1]
            place = f"{label(study, record['model'])} layer {layer['layer']} from {record['precision']}"
            parts.append(f"{place}: {last['right']} of {layer['neurons']} right")
    return f"With {study['signs'][0]['layers'][0]['points'][-1]['points']} points: " + "; ".join(parts)


def _told_votes(study: Study) -> str:
    parts = []
    for record in study["signs"]:
        for layer in record["layers"]:
            most = max(layer["distances"], key=lambda each: each["true"])
            place = f"{label(study, record['model'])} layer {layer['layer']} from {record['precision']}"
            parts.append(
                f"{place}: at best {100 * _share(most, 'true'):.0f} % true, {100 * _share(most, 'false'):.0f} % false"
            )
    return "; ".join(parts)
