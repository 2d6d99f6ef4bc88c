"""The neuron wiggle at one precision: signs against the number of critical points, and votes against the distance.

As in [FMSH24]'s figures. The layer's rows are given up to their signs and the layers below with them, all from the true
network: what is measured is the method, not the extraction before it. A vote is *true* or *false* by the true sign, or
cannot be told, when the balls of both changes overlap. Distances are parts of the way to the nearest border of a known
neuron: beyond 1 the wiggle leaves the linear region of the known layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
from flint import arb

from precise.network import Network
from precise.oracle import Oracle
from precise.rounding.balls import working_precision
from precise.rounding.known import KnownLayers, KnownRow
from precise.rounding.view import View
from precise.signs.places import ROOM, Place, places
from precise.signs.question import SignQuestion
from precise.signs.wiggle import MOST_POINTS, Ballot, vote

SPARE_INPUTS = 2  # of the slice beyond the first layer's width, as in the extraction
SEARCHES = 3  # for each wanted critical point, before a neuron has fewer
DISTANCES = tuple(2.0**e for e in range(-14, 5, 2))  # parts of the way to the next known border
PLACES = 5  # critical points a neuron, for the distances
MOST_NEURONS = 16  # of a layer that are asked, chosen at random


def sign_curves(true: Network, oracle: Oracle, seed: int) -> list[dict[str, Any]]:
    """One record a hidden layer.

    Args:
        true: the network whose exact function the oracle approximates.
        oracle: what is asked.
        seed: every random choice follows from it.
    """
    random = Random(seed)
    width = min(true.input_width, true.widths[1] + SPARE_INPUTS)
    columns = sorted(random.sample(range(true.input_width), width))
    view = View(oracle, columns, [1] * true.output_width)
    with working_precision():
        return [_layer(true, view, columns, number, random) for number in range(len(true.layers) - 1)]


def _layer(true: Network, view: View, columns: Sequence[int], number: int, random: Random) -> dict[str, Any]:
    layers = [known_rows(true, n, columns) for n in range(number + 1)]
    signs = [random.choice((1, -1)) for _ in layers[-1]]
    layers[-1] = [row if s > 0 else row.negated() for row, s in zip(layers[-1], signs, strict=True)]
    question = SignQuestion(view, KnownLayers(layers), [], random, number == len(true.layers) - 2)
    generator = np.random.default_rng(random.getrandbits(63))
    neurons = sorted(random.sample(range(len(signs)), min(len(signs), MOST_NEURONS)))
    asked = view.oracle.queries
    found = [_places(question, j, generator) for j in neurons]
    wanted = [signs[j] for j in neurons]
    votes = _votes(question, found, ROOM)
    return {
        "layer": number + 1,
        "neurons": len(neurons),
        "points": [_tally(votes, wanted, s) for s in range(1, MOST_POINTS + 1)],
        "distances": _distances(question, [each[:PLACES] for each in found], wanted),
        "queries": view.oracle.queries - asked,
    }


def known_rows(network: Network, number: int, columns: Sequence[int]) -> list[KnownRow]:
    """A layer's true rows as exact balls, without signs; the first layer's on some inputs only.

    Args:
        network: the true network.
        number: of the layer, from 0.
        columns: the first layer's inputs that are kept.
    """
    layer = network.layers[number]
    chosen = columns if number == 0 else range(layer.inputs)
    return [
        KnownRow(tuple(arb(row[c]) for c in chosen), arb(bias), 0)
        for row, bias in zip(layer.weights, layer.biases, strict=True)
    ]


def _places(question: SignQuestion, neuron: int, generator: np.random.Generator) -> list[Place]:
    """MOST_POINTS critical points of a neuron, or as many as the searches give."""
    found: list[Place] = []
    for _ in range(SEARCHES * MOST_POINTS):
        if len(found) >= MOST_POINTS:
            break
        found += list(places(question, neuron, generator))
    return found[:MOST_POINTS]


def _votes(question: SignQuestion, found: Sequence[Sequence[Place]], part: float) -> list[list[float | None]]:
    """A vote for every place of every neuron; None: cannot be told."""
    triples = [[place.triple(question, part) for place in each] for each in found]
    answers = iter(question.view.ask([point for each in triples for t in each if t is not None for point in t]))
    votes: list[list[float | None]] = []
    for each in triples:
        votes.append([])
        for points in each:
            if points is None:
                votes[-1].append(None)
                continue
            left, at, right = next(answers), next(answers), next(answers)
            votes[-1].append(vote(abs(left - at), abs(right - at)))
    return votes


def _tally(votes: Sequence[Sequence[float | None]], signs: Sequence[int], points: int) -> dict[str, int]:
    """How many neurons' signs come out right, wrong or undecided with so many critical points each."""
    counts = {"points": points, "right": 0, "wrong": 0, "undecided": 0}
    for given, sign in zip(votes, signs, strict=True):
        decided = Ballot([v for v in given[:points] if v is not None]).decision().sign
        counts["undecided" if not decided else "right" if decided == sign else "wrong"] += 1
    return counts


def _distances(question: SignQuestion, found: Sequence[Sequence[Place]], signs: Sequence[int]) -> list[dict[str, Any]]:
    """How many single votes are true, false or cannot be told at every distance."""
    records = []
    for part in DISTANCES:
        counts: dict[str, Any] = {"distance": part, "true": 0, "false": 0, "untold": 0}
        for given, sign in zip(_votes(question, found, part), signs, strict=True):
            for each in given:
                counts["untold" if each is None else "true" if each * sign > 0 else "false"] += 1
        records.append(counts)
    return records
