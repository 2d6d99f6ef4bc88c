"""Rows that are put into a copy which is whole but for them."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace
from random import Random

import numpy as np
from flint import fmpq

from precise.layers.output_layer import OutputRow
from precise.layers.postponed import Solved, solve_last, solve_postponed
from precise.regions.aim import random_points
from precise.regions.float_layers import FloatLayers
from precise.regions.local_map import Known, Row
from precise.regions.probe import Point, Probe

SHARE_POINTS = 4096  # random points that tell on which side a neuron hardly ever is


def appended(
    probe: Probe,
    known: Known,
    outputs: Sequence[OutputRow],
    layer: int,
    row: Row,
    random: Random,
    near: Sequence[Point],
) -> Solved | None:
    """Put a neuron into the known part, and solve what the next layer makes of it; None if nothing shows that.

    Args:
        near: points, some of which are by its surface.
    """
    before, neuron = list(known.layers), len(known.layers[layer])
    known.layers[layer] = [*known.layers[layer], row]
    if layer + 1 < len(known.layers):
        known.layers[layer + 1] = [replace(r, plus=(*r.plus, 0), minus=(*r.minus, 0)) for r in known.layers[layer + 1]]
        known.changed()
        solved = solve_postponed(probe, known, outputs, layer, neuron, random, near)
        if len(solved.unseen) < len(known.layers[layer + 1]):
            return solved
    else:
        known.changed()
        wider = [OutputRow((*output.weights, fmpq(0)), output.bias) for output in outputs]
        last = solve_last(probe, known, wider, neuron, random, near)
        if last is not None:
            return Solved(last, ())
    known.layers[:] = before
    known.changed()
    return None


def rarely_on(known: Known, layer: int, row: Row, lacking: Set[int], random: Random) -> Row:
    """The row with the side called positive on which random points hardly ever are; what it lacks keeps it off."""
    generator = np.random.default_rng(random.getrandbits(64))
    bare = row.without(list(lacking))
    floats = FloatLayers(Known(known.inputs, [*known.layers[:layer], [bare]]))
    values = floats.preactivations(random_points(known, generator, SHARE_POINTS))
    usual = values[-1][:, 0]
    if lacking:
        apart = (values[-2][:, list(lacking)] <= 0).all(axis=1)
        usual = usual[apart] if apart.any() else usual
    chosen = bare.negated() if (usual > 0).mean() > 1 / 2 else bare
    large = max(abs(w) for w in (*row.plus, row.bias))  # as what is lacking was taken to be
    return replace(chosen, plus=tuple(-large if j in lacking else w for j, w in enumerate(chosen.plus)))


def kept_off(row: Row, lacking: Set[int]) -> Row:
    """The row with what stands for weights that it lacks on the side on which it is off."""
    return replace(row, plus=tuple(-abs(w) if j in lacking else w for j, w in enumerate(row.plus)))


def turned_around(row: Row, lacking: Set[int]) -> Row:
    """The row with its other side called positive; what it lacks keeps it off all the same."""
    return replace(row.negated(), plus=tuple(w if j in lacking else -w for j, w in enumerate(row.plus)))
