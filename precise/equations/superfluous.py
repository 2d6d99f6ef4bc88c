"""Features that a layer hands on though others hand on the same, so that rows over it have superfluous unknowns."""

from __future__ import annotations

from precise.equations.row_system import rank_modulo_prime
from precise.regions.local_map import Known


def superfluous(known: Known, layer: int) -> list[int]:
    """The features of a layer (from 0; -1: the inputs) whose coefficients may be 0 in every row of the next one.

    Where linear rows hand on what a neuron is made of, relu(-eta) = relu(eta) - eta is no feature of its own.
    """
    rows = known.layers[layer] if layer >= 0 else []
    linear = [row.plus for row in rows if row.linear]
    if not linear:
        return []
    below, seconds = set(superfluous(known, layer - 1)), known.seconds(layer)
    rank = rank_modulo_prime(linear) if seconds else 0
    return [
        n
        for n, row in enumerate(rows)
        if (n in seconds and rank_modulo_prime([*linear, row.plus]) == rank)
        or (row.linear and any(row.plus) and all(p in below for p, w in enumerate(row.plus) if w))
    ]
