"""A row predicts its whole surface: fresh points far from where it was recovered must be critical points.

A surface of a deeper layer satisfies a layer-k row's equations as long as the neurons between keep their states, so
that redundant equations from one neighbourhood are no proof. Far away they change, and the prediction fails.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import fmpq

from precise.regions.aim import line_between, random_line
from precise.regions.critical_points import Line
from precise.regions.hyperplane import Hyperplane, displaced, interpolated, onto
from precise.regions.local_map import Known, Row
from precise.regions.probe import Point
from precise.regions.walk import Surface, Walker

SAMPLES = 24  # points of a line at which the predicted preactivation is evaluated to find its zeros
HALVINGS = 48  # of a bracket, at most, until both ends lie in one known region


@dataclass(frozen=True)
class Confirmation:
    """How a row's prediction fared at fresh points."""

    present: int  # points where the oracle bends exactly as predicted
    silent: int  # points around which the oracle is constant, so that nothing can be seen
    absent: tuple[Surface, ...]  # predicted places where the oracle varies but does not bend


def confirm(walker: Walker, row: Row, witness: Point, wanted: int, generator: np.random.Generator) -> Confirmation:
    """Look at up to `wanted` fresh predicted critical points: 2 queries each.

    Args:
        row: of the growing last layer; it need not be among the known rows yet.
        witness: a point on its surface; lines near it serve a neuron that random lines do not meet.
    """
    known = Known(walker.known.inputs, [*walker.known.layers[:-1], [row]])
    present = silent = looked = 0
    absent: list[Surface] = []
    for attempt in range(8 * wanted):
        if looked >= wanted:
            break
        line = random_line(known, generator) if attempt < 2 * wanted else _line_near(witness, generator)
        for surface in predicted(known, line, generator):
            looked += 1
            if walker.present(surface.plane, surface.point):
                present += 1
            elif walker.silent(surface.plane, surface.point):
                silent += 1
            else:
                absent.append(surface)
    return Confirmation(present, silent, tuple(absent))


def _line_near(witness: Point, generator: np.random.Generator) -> tuple[Line, int, int]:
    scale = 2.0 ** generator.uniform(-2, 5)
    ends = scale * generator.standard_normal((2, len(witness)))
    return line_between(displaced(witness, ends[0]), displaced(witness, ends[1]))


def predicted(known: Known, searched: tuple[Line, int, int], generator: np.random.Generator) -> list[Surface]:
    """One zero of the last known layer's only row on a line, if the line has any."""
    line, low, high = searched
    step = (high - low) // SAMPLES
    points = [line.point(low + step * i) for i in range(SAMPLES + 1)]
    signs = [values[0] > 0 for values in known.preactivations(points)[-1]]
    changes = [i for i in range(SAMPLES) if signs[i] != signs[i + 1]]
    if not changes:
        return []
    chosen = changes[int(generator.integers(len(changes)))]
    surface = _refined(known, points[chosen], points[chosen + 1], signs[chosen])
    return [surface] if surface else []


def _refined(known: Known, low: Point, high: Point, low_positive: bool) -> Surface | None:
    """Halve until both ends lie in one region of the layers before, then intersect."""
    layer = len(known.layers) - 1
    for _ in range(HALVINGS):
        patterns = known.patterns([low, high])
        if patterns[0][:-1] == patterns[1][:-1]:
            entries = known.affine(layer, patterns[0]).tolist()[0]
            plane = Hyperplane(tuple(int(v) for v in entries[:-1]), int(entries[-1]))
            start, end = plane.value(low), plane.value(high)
            crossing = interpolated(low, high, fmpq(start, start - end))
            point = onto(crossing, [plane])
            return Surface(plane, point, (*patterns[0][:-1], ()), fmpq(1)) if point else None
        middle = [(a + b) >> 1 for a, b in zip(low, high, strict=True)]
        if (known.preactivations([middle])[-1][0][0] > 0) == low_positive:
            low = middle
        else:
            high = middle
    return None
