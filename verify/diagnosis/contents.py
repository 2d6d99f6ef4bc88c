"""What a diagnosis says, for programs: JSON-ready, and the same for the page, the plot and the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from precise.network import Network
from verify.diagnosis.fault import Diagnosis, Fault
from verify.diagnosis.formulas import Formulas
from verify.diagnosis.sign_confidence import SignConfidence
from verify.report_page.contents import network_described, versions

FORMAT, VERSION = "precise-verify diagnosis", 1

Contents = dict[str, Any]


def contents_of(
    diagnosis: Diagnosis,
    files: Sequence[tuple[Path, Network]],
    signs: Sequence[SignConfidence] = (),
    formulas: Sequence[Formulas | None] = (),
    repair: dict[str, object] | None = None,
    oracle: str | None = None,
) -> Contents:
    """The report of a diagnosis.

    Args:
        diagnosis: what was found.
        files: the networks that were read, the recovered one last.
        signs: how hard the original's signs are to tell; none: it was not looked at.
        formulas: for every fault; none: they were not asked for.
        repair: file, verdict and what was rounded of the repaired network, if it was written.
        oracle: what was asked, by name; None: the original was at hand.
    """
    faults = [fault.to_json() for fault in diagnosis.faults]
    for fault, found in zip(faults, formulas, strict=False):
        fault["formulas"] = None if found is None else found.to_json()
    return {
        "format": FORMAT,
        "version": VERSION,
        "oracle": oracle,
        "networks": [network_described(path, network) for path, network in files],
        "outcome": diagnosis.outcome,
        "explained": diagnosis.explained,
        "first_layer": diagnosis.first_layer,
        "faults": faults,
        "alternatives": [[fault.to_json() for fault in other] for other in diagnosis.alternatives],
        "verdict_of_repaired": None if diagnosis.verdict is None else diagnosis.verdict.to_json(),
        "repair": repair,
        "layers": diagnosis.details.get("layers", []),
        "signs": _signs(signs, diagnosis.faults, diagnosis.details.get("layers", [])),
        "details": {key: value for key, value in diagnosis.details.items() if key != "layers"},
        "queries": diagnosis.queries,
        "seconds": round(diagnosis.seconds, 3),
        "seed": diagnosis.seed,
        "versions": versions(),
    }


def _signs(signs: Sequence[SignConfidence], faults: Sequence[Fault], layers: Any) -> list[dict[str, object]]:
    """The original's neurons, with what the recovered network has in their place."""
    state = {
        (layer["layer"], neuron["first"]): neuron
        for layer in layers
        if not layer["output"]
        for neuron in layer["neurons"]
    }
    words = {"sign flipped": "wrong", "missing": "missing"}
    found = []
    for one in signs:
        neuron = state.get((one.layer, one.neuron))
        recovered = "right" if neuron is None else words.get(neuron["match"], "right")
        other = None if neuron is None else neuron["second"]
        found.append({**one.to_json(), "recovered_neuron": other, "recovered_sign": recovered})
    return found
