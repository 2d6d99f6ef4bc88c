"""The records of a study put together: the smallest sufficient precisions, and how they grow. Everything in study.json.

"Smallest" is on the grid, and from there on up: every larger number of bits that was tried came out as well, with every
seed. Between it and the next smaller one of the grid lies the border.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from precise.network import Network
from precise.rounding.balls import WORKING_BITS
from precise.study.cells import EXTRACTION, SIGNS, bits_of
from precise.study.conditions import conditions
from precise.study.fit import Line, fitted
from precise.study.record import Record

Study = dict[str, Any]
FORMAT, VERSION = "precise-study", 1
ROOM_BITS = 32  # of the working precision, beyond which midpoints and not the oracle limit the digits


def study_of(
    networks: Sequence[Network], files: Sequence[str], names: Sequence[str], records: Sequence[Record]
) -> Study:
    """The content of study.json, but for how the study was run."""
    models = [_model(*model, records) for model in enumerate(zip(networks, files, names, strict=True))]
    lost = lost_bits(models, records)
    line = fitted([(point["growth"], point["lost"]) for point in lost])
    return {
        "format": FORMAT,
        "version": VERSION,
        "models": models,
        "fit": _fit(line, lost),
        "extractions": [record for record in records if record["kind"] == EXTRACTION],
        "signs": [record for record in records if record["kind"] == SIGNS],
    }


def _model(number: int, model: tuple[Network, str, str], records: Sequence[Record]) -> dict[str, Any]:
    network, file, name = model
    mine = [r for r in records if r["model"] == number and r["kind"] == EXTRACTION]
    layers = []
    for known in conditions(network):
        runs = [record["layers"][known.layer - 1] | {"precision": record["precision"]} for record in mine]
        layers.append(
            {
                "layer": known.layer,
                "width": network.layers[known.layer - 1].neurons,
                "condition_bits": known.bits,
                "growth_bits": known.growth,
                **_needs(runs),
            }
        )
    return {
        "name": name,
        "file": file,
        "sha256": network.sha256,
        "widths": list(network.widths),
        "parameters": network.parameter_count,
        "layers": layers,
        **_needs(mine),
    }


def _needs(runs: Sequence[Record]) -> dict[str, Any]:
    """What a layer or a network needs, from its runs at all precisions."""
    return {
        "recovered": smallest(runs, "recovered"),
        "exact": smallest(runs, "exact"),
        "formats": _formats(runs, "recovered"),
    }


def smallest(records: Sequence[Record], goal: str) -> dict[str, int | None]:
    """{"bits": from where on every precision came out with every seed, "above": the next smaller one, which failed}."""
    tried: dict[int, bool] = {}
    for record in records:
        bits = bits_of(record["precision"])
        if bits is not None:
            tried[bits] = tried.get(bits, True) and bool(record[goal])
    found: int | None = None
    for bits in sorted(tried, reverse=True):
        if not tried[bits]:
            return {"bits": found, "above": bits}
        found = bits
    return {"bits": found, "above": None}


def _formats(records: Sequence[Record], goal: str) -> dict[str, bool]:
    """Whether it came out from every hardware format, with every seed."""
    found: dict[str, bool] = {}
    for record in records:
        if bits_of(record["precision"]) is None:
            found[record["precision"]] = found.get(record["precision"], True) and bool(record[goal])
    return found


def lost_bits(models: Sequence[dict[str, Any]], records: Sequence[Record]) -> list[dict[str, Any]]:
    """Points of the fit: a layer of a complete extraction by matching, the bits that its weakest row lacks."""
    points = []
    for record in records:
        bits = bits_of(record["precision"])
        if record["kind"] != EXTRACTION or bits is None or not record["complete"] or record["engine"] != "match":
            continue
        for layer in record["layers"]:
            growth = models[record["model"]]["layers"][layer["layer"] - 1]["growth_bits"]
            if growth is not None and layer["bits"] is not None and bits <= WORKING_BITS - ROOM_BITS:
                place = {"model": record["model"], "layer": layer["layer"], "bits": bits, "seed": record["seed"]}
                points.append(place | {"growth": growth, "lost": bits - layer["bits"]})
    return points


def _fit(line: Line | None, points: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"line": None if line is None else asdict(line), "points": list(points)}
