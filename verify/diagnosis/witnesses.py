"""An input for every fault that shows it: the outputs differ there because of this fault, in exact arithmetic.

With all other faults mended the networks may still differ at the input: then it is this fault's doing. Where the
outputs of the whole recovered network differ at it too, as they nearly always do, it is a witness of both. The inputs
of networks that read square pictures are sought among pictures, and the one that shows the fault most is taken.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from flint import fmpq

from precise.network import Network
from verify.diagnosis.fault import Fault, Kind
from verify.equality.float_model import FloatModel
from verify.equality.witness_search import Neuron, WitnessSearch
from verify.report_page.drawings import picture_side
from verify.verdict import Witness

LEAST = 0.2  # seconds for one fault
SHADES = 16  # grey levels between black, 0, and white, 1: exact, short numbers
AT_RANDOM, AIMED = 8, 4  # pictures of noise, and those that are made to move a suspect neuron, each with its negative


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
    suspects = _suspects(fault, alone)
    if picture_side(original.input_width) is not None:
        shown = _picture(networks, alone, suspects, np.random.default_rng(seed))
        if shown is not None:
            return shown
    found = WitnessSearch(original, alone, seed).run(suspects, seconds)
    if found is None:
        return None
    outputs = tuple(recovered(found.point))
    return None if outputs == found.first else Witness(found.point, found.first, outputs)


def _picture(
    networks: tuple[Network, Network], alone: Network, suspects: Sequence[Neuron], generator: np.random.Generator
) -> Witness | None:
    """Of some pictures the one at which the original and the network with this fault alone differ most.

    It shows the fault only if the whole recovered network differs there, too; None: no picture does.
    """
    original, recovered = networks
    points = picture_points((original, alone), suspects, generator)
    right, wrong, whole = ([tuple(network(point)) for point in points] for network in (original, alone, recovered))
    gaps = [max(abs(a - b) for a, b in zip(*pair, strict=True)) for pair in zip(right, wrong, strict=True)]
    told = [n for n, gap in enumerate(gaps) if gap and right[n] != whole[n]]
    if not told:
        return None
    best = max(told, key=lambda n: gaps[n])
    return Witness(tuple(points[best]), right[best], whole[best])


def picture_points(
    networks: tuple[Network, Network], suspects: Sequence[Neuron], generator: np.random.Generator
) -> list[list[fmpq]]:
    """Inputs in [0, 1]: noise, and for the first suspect neuron the signs of its slopes as white and black."""
    inputs = networks[0].input_width
    noise = generator.integers(0, SHADES + 1, (AT_RANDOM, inputs)) / SHADES
    found = list(noise)
    for number, layer, neuron in suspects[:1]:
        _, slopes = FloatModel(networks[number]).local(noise[:AIMED], layer, neuron)
        found += [*(slopes > 0).astype(float), *(slopes < 0).astype(float)]
    return [[fmpq(int(value * SHADES), SHADES) for value in row] for row in found if np.any(row)]


def _suspects(fault: Fault, alone: Network) -> list[Neuron]:
    if fault.layer >= len(alone.layers):
        return []
    if fault.kind is Kind.MISSING:
        return [(0, fault.layer, neuron) for neuron in fault.neurons]
    width = alone.layers[fault.layer - 1].neurons
    return [(1, fault.layer, neuron) for neuron in fault.neurons if neuron <= width]
