"""A fault's neuron as formulas: its hyperplane around the input that shows the fault, and the region there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import fmpq

from precise.arithmetic import to_text
from precise.network import Network
from verify.diagnosis.fault import Fault, Kind
from verify.linear_region.region import preactivation_at, region_at
from verify.linear_region.symbolic import readable

TERMS = 6  # of a formula for people
BORDERS = 4  # half-spaces of a region that are shown to people


@dataclass(frozen=True)
class Formulas:
    """The neuron of one fault around one input, in x1, x2, ..."""

    network: str  # "recovered", or "original" for a missing neuron
    neuron: int  # from 1
    hyperplane: str  # exact, = 0 is the hyperplane in the region
    region: tuple[str, ...]  # exact inequalities, those of the nearest borders first
    lines: tuple[str, ...]  # the same for people, shortened

    def to_json(self) -> dict[str, object]:
        """For programs: text that SymPy reads."""
        return {
            "network": self.network,
            "neuron": self.neuron,
            "hyperplane": self.hyperplane,
            "region": list(self.region),
        }


def formulas_of(original: Network | None, recovered: Network, fault: Fault) -> Formulas | None:
    """The formulas of a fault with a witness; None: it has none, names no neuron, or one of an original not at hand."""
    if fault.witness is None or not fault.neurons:
        return None
    missing = fault.kind is Kind.MISSING
    network, name = (original, "original") if missing else (recovered, "recovered")
    if network is None:
        return None
    point, neuron = fault.witness.point, fault.neurons[0]
    row = preactivation_at(network, point, fault.layer, neuron)
    region = region_at(network, point)
    spaces = sorted(region.bounding, key=lambda space: space.distance)
    output = fault.layer == len(network.layers)
    lines = [
        f"{name} network, layer {fault.layer} neuron {neuron}: {_readable(row)}{'' if output else ' = 0'}",
        *(f"region: {_readable(space.row)} {'>=' if space.active else '<='} 0" for space in spaces[:BORDERS]),
    ]
    if len(spaces) > BORDERS:
        lines.append(f"region: and {len(spaces) - BORDERS} more, further away")
    exact = tuple(f"{formula_text(space.row)} {'>=' if space.active else '<='} 0" for space in spaces)
    return Formulas(name, neuron, formula_text(row), exact, tuple(lines))


def formula_text(row: Sequence[fmpq]) -> str:
    """(constant, weights ...) as exact text that SymPy reads; SymPy's own printer takes seconds for 784 terms."""
    terms = [f"{to_text(weight)}*x{n}" for n, weight in enumerate(row[1:], 1) if weight]
    if row[0] or not terms:
        terms.append(to_text(row[0]))
    return " + ".join(terms).replace("+ -", "- ")


def _readable(row: tuple[fmpq, ...]) -> str:
    return readable(row, TERMS)
