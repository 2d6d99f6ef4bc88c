"""How hard every neuron's sign is to tell, as the literature measures it, next to what is true.

*By votes* [FMSH24]: the neuron wiggle at s = 15 critical points, each vote weighted by its confidence; a neuron whose
votes are unanimous and confident is easy. *By distance*: how far the wished change of the layer, this neuron by 1 and
no other one, is from the nearest change that moving the input makes, at random points. At 0 the neuron can be moved
alone; towards 1 the others move more than it does, and a wiggle compares sums in which its own part may be lost. The
truth is exact: the true rows are at hand here, and a vote is right if it names their active side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import numpy as np

from precise.network import Network
from precise.oracle import ExactOracle
from precise.rounding.balls import working_precision
from precise.rounding.known import KnownLayers
from precise.rounding.view import View
from precise.signs.question import SignQuestion
from precise.signs.wiggle import MOST_POINTS, Ballot, ballots
from precise.study.sign_curves import known_rows

SPARE_INPUTS = 2  # of the slice, beyond the first layer's width
PLACES = 5  # random points at which the distance is measured; the median counts


@dataclass(frozen=True)
class SignConfidence:
    """One hidden neuron; numbers count from 1."""

    layer: int
    neuron: int  # of the network that was asked
    right: int  # votes for the true sign
    wrong: int  # votes against it
    points: int  # critical points asked, also those that could not be told
    confidence: float  # of the majority, in [0, 1]
    distance: float  # from being moved alone, in [0, 1]
    easy: bool  # are the votes unanimous and confident?

    @property
    def told(self) -> bool:
        """Does the majority of the votes, as the literature weighs them, name the true sign?"""
        return self.right > self.wrong

    def to_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "layer": self.layer,
            "neuron": self.neuron,
            "easy": self.easy,
            "confidence": round(self.confidence, 6),
            "distance": round(self.distance, 6),
            "votes_right": self.right,
            "votes_wrong": self.wrong,
            "points": self.points,
        }


def sign_confidences(
    network: Network, points: int = MOST_POINTS, seed: int = 0, progress: Callable[[str], None] = lambda _: None
) -> list[SignConfidence]:
    """Every hidden neuron's sign as the neuron wiggle sees it, with an oracle that answers exactly.

    Args:
        network: with its true rows and signs.
        points: critical points for every neuron.
        seed: of all choices.
        progress: is told each layer.
    """
    found = []
    with working_precision():
        for layer in range(1, len(network.layers)):
            progress(f"signs of layer {layer}, {points} points a neuron")
            question = _question(network, layer, seed)
            distances = _distances(question)
            for neuron, ballot in enumerate(ballots(question, points, points)):
                found.append(_judged(layer, neuron + 1, ballot, distances[neuron]))
    return found


def _judged(layer: int, neuron: int, ballot: Ballot, distance: float) -> SignConfidence:
    right = sum(vote > 0 for vote in ballot.votes)
    wrong = sum(vote < 0 for vote in ballot.votes)
    return SignConfidence(layer, neuron, right, wrong, ballot.asked, ballot.confidence, distance, ballot.easy)


def _question(network: Network, layer: int, seed: int) -> SignQuestion:
    """The layer's rows as they are, positive on their active sides, above layers that are known."""
    random = Random(f"{seed} {layer}")
    width = min(network.input_width, network.widths[1] + SPARE_INPUTS)
    columns = sorted(random.sample(range(network.input_width), width))
    combination = [1] if network.output_width == 1 else [random.randint(1, 7) for _ in range(network.output_width)]
    view = View(ExactOracle(network), columns, combination)
    known = KnownLayers([known_rows(network, number, columns) for number in range(layer)])
    return SignQuestion(view, known, (), random, layer == len(network.layers) - 1)


def _distances(question: SignQuestion) -> list[float]:
    generator = np.random.default_rng(question.random.getrandbits(63))
    found = []
    for _ in range(PLACES):
        rows, _ = question.known.float_local(generator.standard_normal(question.view.width))[-1]
        found.append(_from_alone(rows))
    return [float(v) for v in np.median(np.array(found), axis=0)]


def _from_alone(rows: np.ndarray) -> np.ndarray:
    """For every row j the distance of e_j from the changes M d that a layer with the local map M can make."""
    left, values, _ = np.linalg.svd(rows, full_matrices=False)
    reachable = left[:, values > np.max(values, initial=0.0) * len(rows) * np.finfo(float).eps]
    return np.asarray(np.sqrt(np.maximum(0.0, 1.0 - np.sum(reachable**2, axis=1))))
