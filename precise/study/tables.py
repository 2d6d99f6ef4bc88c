"""The tables of a study: rows of text, written as Markdown here and as HTML by the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from typing import Any

from precise.study.summary import Study

DIGITS_A_BIT = log10(2)


@dataclass(frozen=True)
class Table:
    """Cells of text; the first column names the row."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def markdown(self) -> str:
        """As GitHub-flavoured Markdown."""
        lines = [f"## {self.title}", "", *([self.note, ""] if self.note else [])]
        lines += [_line(self.head), _line(["---", *["---:"] * (len(self.head) - 1)])]
        return "\n".join([*lines, *map(_line, self.rows)]) + "\n"

    def text(self) -> str:
        """Aligned columns, for a terminal."""
        lines = [self.head, *self.rows]
        widths = [max(len(line[n]) for line in lines) for n in range(len(self.head))]
        return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, widths)).rstrip() for line in lines)


def tables(study: Study) -> list[Table]:
    """All tables: the smallest precisions, one table a model with every cell, and one with the sign method."""
    found = [smallest_table(study)]
    found += [cells_table(study, number) for number in range(len(study["models"]))]
    if study["signs"]:
        found.append(signs_table(study))
    return found


def smallest_table(study: Study) -> Table:
    """A line a layer and one for the whole of every model."""
    rows = []
    for model in study["models"]:
        for layer in model["layers"]:
            rows.append([model["name"], f"layer {layer['layer']}", str(layer["width"]), *_needs(layer)])
            rows[-1].append("-" if layer["growth_bits"] is None else f"{layer['growth_bits']:.1f}")
        rows.append([model["name"], "whole network", "-".join(map(str, model["widths"])), *_needs(model), ""])
    head = ("Model", "Part", "Width", "Recovered from", "Exact from", "Recovered from the formats", "Condition, bits")
    return Table(
        "Smallest precision",
        head,
        rows,
        "Bits from which on every precision of the grid, with every seed, gave all signatures and signs (recovered) or "
        "exact rationals (exact); the next smaller precision that was tried failed. The whole network includes the "
        "output layer and the first layer's weights on every input. Condition: log2 of the product of the "
        "condition numbers of the layers up to this one.",
    )


def _needs(part: dict[str, Any]) -> list[str]:
    formats = ", ".join(name for name, came_out in part["formats"].items() if came_out)
    return [_bits(part["recovered"]), _bits(part["exact"]), formats or ("none" if part["formats"] else "not tried")]


def _bits(found: dict[str, int | None]) -> str:
    if found["bits"] is None:
        return "not tried" if found["above"] is None else f"more than {found['above']:,}"
    return f"{found['bits']:,}" + ("" if found["above"] is None else f" (not {found['above']:,})")


def cells_table(study: Study, model: int) -> Table:
    """A line for every extraction of one model."""
    known = study["models"][model]
    seeds = {record["seed"] for record in study["extractions"]}
    head = ["Precision", *(["Seed"] if len(seeds) > 1 else []), "Engine", "Result"]
    for layer in known["layers"]:
        number = layer["layer"]
        head += [f"Layer {number}: rows", "signs", "bits", "digits"]
    head += ["Queries", "Seconds"]
    rows = []
    for record in study["extractions"]:
        if record["model"] != model:
            continue
        row = [record["precision"], *([str(record["seed"])] if len(seeds) > 1 else []), engines(record), result(record)]
        for layer in record["layers"]:
            row += _layer(layer, record["engine"])
        rows.append([*row, f"{record['queries']:,}", f"{record['seconds']:.1f}"])
    return Table(
        f"Extractions of {known['name']}",
        head,
        rows,
        "Rows and signs that are right, of all; bits and decimal digits to which the weakest row of the layer is "
        "proved, relative to its largest entry. An asterisk marks rows that the run itself calls provisional. Seconds "
        "are of the processor.",
    )


def engines(record: dict[str, Any]) -> str:
    """The engine that gave the result, and one that was refused before it."""
    refused = [trial["engine"] for trial in record["trials"][:-1]]
    return str(record["engine"]) + (f" ({refused[0]} refused)" if refused else "")


def result(record: dict[str, Any]) -> str:
    """In one or two words."""
    if record["wrong"]:
        return f"{record['wrong']} WRONG CLAIMS"
    if record["exact"]:
        return "exact"
    return "enclosed" if record["recovered"] else "incomplete"


def _layer(layer: dict[str, Any], engine: str) -> list[str]:
    mark = "*" if layer["provisional"] and layer["signatures"] else ""
    counts = [f"{layer['signatures']}/{layer['width']}{mark}", f"{layer['signs']}/{layer['width']}"]
    if layer["exact"]:
        return [*counts, "exact", "exact"]
    if layer["bits"] is None:
        return [*counts, "-", "-"]
    return [*counts, f"{layer['bits']:.1f}", f"{layer['bits'] * DIGITS_A_BIT:.1f}"]


def signs_table(study: Study) -> Table:
    """A line for every model, layer and format: signs right, wrong and undecided with the most critical points."""
    rows = []
    for record in study["signs"]:
        for layer in record["layers"]:
            last = layer["points"][-1]
            name = f"{study['models'][record['model']]['name']}, {record['precision']}, layer {layer['layer']}"
            counts = [str(last[kind]) for kind in ("right", "wrong", "undecided")]
            rows.append([name, str(record["seed"]), str(last["points"]), *counts, f"{layer['queries']:,}"])
    head = ("Model, format, layer", "Seed", "Points a neuron", "Right", "Wrong", "Undecided", "Queries")
    note = "The published sign method on true rows [CCHRSS24], [FMSH24]; queries include those of the distances."
    return Table("Neuron wiggle", head, rows, note)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
