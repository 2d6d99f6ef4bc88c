"""For every fault an input that shows it: there the network with this fault alone, and the recovered one, are wrong."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from precise.network import Network
from verify.diagnosis.fault import Fault, Kind
from verify.equality.witness_search import Neuron, WitnessSearch
from verify.verdict import Witness

LEAST = 0.2  # seconds for one fault


def find_witnesses(
    networks: tuple[Network, Network], faults: Sequence[Fault], alone: Sequence[Network], seconds: float, seed: int
) -> tuple[list[Fault], bool]:
    """The faults with their witnesses, and whether any input shows that the networks differ.

    Args:
        networks: the original and the recovered one.
        faults: what was found.
        alone: for every fault the recovered network with all others mended.
        seconds: for all of them; 0 looks for none.
        seed: of the search.
    """
    deadline = time.monotonic() + seconds
    found, shown = [], False
    for number, (fault, network) in enumerate(zip(faults, alone, strict=True)):
        left = deadline - time.monotonic()
        witness = None
        if seconds and left > 0:
            witness = _witness(networks, fault, network, max(LEAST, left / (len(faults) - number)), seed)
        shown = shown or (witness is not None and witness.first != witness.second)
        found.append(replace(fault, witness=witness))
    return found, shown


def _witness(
    networks: tuple[Network, Network], fault: Fault, alone: Network, seconds: float, seed: int
) -> Witness | None:
    original, recovered = networks
    search = WitnessSearch(original, alone, seed)
    found = search.run(_suspects(fault, alone), seconds)
    if found is None:
        return None
    outputs = tuple(recovered(found.point))
    return None if outputs == found.first else Witness(found.point, found.first, outputs)


def _suspects(fault: Fault, alone: Network) -> list[Neuron]:
    if fault.layer >= len(alone.layers):
        return []
    if fault.kind is Kind.MISSING:
        return [(0, fault.layer, neuron) for neuron in fault.neurons]
    width = alone.layers[fault.layer - 1].neurons
    return [(1, fault.layer, neuron) for neuron in fault.neurons if neuron <= width]
