"""Where two networks differ, in words and figures: by their canonical forms and by their alignment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from precise.arithmetic import to_text
from precise.symmetry.alignment import LayerAlignment, Match, Pair
from precise.symmetry.canonical_form import CanonicalForm
from verify.equality.witness_search import Neuron


@dataclass(frozen=True)
class Gap:
    """Where two canonical forms differ first."""

    text: str  # a clause for the user, naming layer and neurons
    suspects: tuple[Neuron, ...]  # hidden neurons of both networks that have no counterpart there


def first_gap(first: CanonicalForm, second: CanonicalForm) -> Gap:
    """The first layer at which two forms that are not equal differ, and the neurons that do."""
    pairs = enumerate(zip(first.units, second.units, strict=False))
    place = next((n for n, (a, b) in pairs if a != b), min(len(first.units), len(second.units)))
    if place == len(first.units) == len(second.units):
        rows = enumerate(zip(first.outputs, second.outputs, strict=True), 1)
        numbers = [number for number, (a, b) in rows if a != b]
        which = f"output {numbers[0]}" if len(numbers) == 1 else f"outputs {_some(numbers)}"
        return Gap(f"the canonical forms differ in the last layer only, in {which}", ())
    forms = first, second
    layer = min(form.sources(place)[0][0] for form in forms if place < len(form.units))
    unmatched = [
        sorted(
            min(neuron for at, neuron in form.sources(unit) if at == layer)
            for unit in _units_of_layer(form, layer)
            if form.units[unit] not in other.units
        )
        for form, other in (forms, forms[::-1])
    ]
    named = " and ".join(
        f"{'neuron' if len(numbers) == 1 else 'neurons'} {_some(numbers)} of the {name} network"
        for numbers, name in zip(unmatched, ("first", "second"), strict=True)
        if numbers
    )
    suspects = tuple((n, layer, neuron) for n, numbers in enumerate(unmatched) for neuron in numbers)
    where = f", in {named}" if named else " in the order of the neurons"  # a unit may come a layer later in one
    return Gap(f"the canonical forms differ first in layer {layer}{where}", suspects)


def alignment_figures(layers: Sequence[LayerAlignment]) -> list[dict[str, object]]:
    """An alignment as JSON: per layer the counts, and every pair that is not exact."""
    return [
        {
            "layer": layer.layer,
            "counts": layer.count(),
            "faults": [
                {
                    "first": pair.first,
                    "second": pair.second,
                    "match": pair.match.value,
                    "scale": None if pair.scale is None else to_text(pair.scale),
                    "cosine": pair.cosine,
                    "entries": list(pair.entries),
                }
                for pair in layer.pairs
                if pair.match.value != "exact"
            ],
        }
        for layer in layers
    ]


def first_fault(layers: Sequence[LayerAlignment]) -> Gap | None:
    """The first layer in which an alignment is not exact; None if there is none."""
    for layer in layers:
        faults = [pair for pair in layer.pairs if pair.match is not Match.EXACT]
        if faults:
            shown = "; ".join(_described(pair) for pair in faults[:3])
            more = f"; and {len(faults) - 3} more" if len(faults) > 3 else ""
            hidden = layer is not layers[-1]
            numbers = [(n, at) for pair in faults for n, at in enumerate((pair.first, pair.second)) if at]
            suspects = tuple((n, layer.layer, at) for n, at in numbers) if hidden else ()
            return Gap(f"the networks differ first in layer {layer.layer}: {shown}{more}", suspects)
    return None


def _described(pair: Pair) -> str:
    if pair.match is Match.EXTRA:
        return f"neuron {pair.second} of the second network has no counterpart"
    if pair.match is Match.MISSING:
        return f"neuron {pair.first} of the first network has no counterpart"
    name = f"neuron {pair.first}" + (f" (in the second {pair.second})" if pair.first != pair.second else "")
    if pair.match is Match.FLIPPED:
        return f"{name} has the opposite sign"
    names = ["the bias" if entry == 0 else f"weight {entry}" for entry in pair.entries[:3]]
    more = len(pair.entries) - 3
    return f"{name} differs in {', '.join(names)}" + (f" and {more} more" if more > 0 else "")


def _units_of_layer(form: CanonicalForm, layer: int) -> list[int]:
    return [unit for unit in range(len(form.units)) if form.sources(unit)[0][0] == layer]


def _some(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:5]))
    return shown if len(numbers) <= 5 else f"{shown} and {len(numbers) - 5} more"
