"""Questions about pairs of networks for methods to be compared by: shapes from 2 inputs to 784, one layer to eight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.equivalence import FIXTURES, copied, rounded
from fixtures import mutants
from precise.arithmetic import rational
from precise.formats import load_network
from precise.network import Network
from precise.random_networks import random_network
from verify.properties.claim import Within, within
from verify.properties.domain import Domain, ball, box

SHAPES = ("2-3-1", "4-8x2-1", "10-15x2-1", "3-5-2", "2-4x3-1", "6-10x2-3", "5-20-1", "4-6x5-1")
IMAGES = ("8x2", "16x2", "16x3")  # hidden layers of the trained 784-input networks
NARROW = ("0.6 -0.5 -0.5 0.45 -0.5", "0.68 0.5 0.5 0.5 -0.45")  # a box of collision avoidance


@dataclass(frozen=True)
class Question:
    """Do two networks differ by more than epsilon on a box?"""

    name: str
    first: Network
    second: Network
    domain: Domain
    epsilon: str

    @property
    def claim(self) -> Within:
        """|g - f| <= epsilon."""
        return within(self.epsilon, self.first.output_width)


def questions() -> Iterator[Question]:
    """Pairs from tiny to six layers of 50: within epsilon by far, beyond it by little, beyond it by far."""
    for shape in SHAPES:
        network = random_network(shape, seed=1)
        domain = box(-1, 1, network.input_width)
        yield Question(f"{shape}, noise 1e-9", network, copied(network, 1e-9), domain, "1e-6")
        yield Question(f"{shape}, sign flipped", network, mutants.flip_sign(network, 1, 1), domain, "1e-6")
        moved = mutants.shift_bias(network, len(network.layers), 1, "1.001e-9")
        yield Question(f"{shape}, output off by 1.001e-9", network, moved, domain, "1e-9")
    for shape in SHAPES[:3]:
        network = random_network(shape, seed=2)
        domain = box(-1, 1, network.input_width)
        yield Question(f"{shape}, permuted and scaled", network, copied(network, 0.0), domain, "1e-12")
    centre = np.random.default_rng(0).integers(0, 256, 784) / 256
    around = ball(centre.tolist(), "0.1", clip=(0, 1))
    for shape in IMAGES:
        network = load_network(FIXTURES / f"mnist_784_{shape}_1.npz")
        yield Question(f"784-{shape}-1, noise 1e-9", network, copied(network, 1e-9), around, "1e-6")
        yield Question(f"784-{shape}-1, sign flipped", network, mutants.flip_sign(network, 2, 3), around, "1e-6")
    noisy = copied(load_network(FIXTURES / "mnist_784_16x2_1.npz"), 1e-9)
    yield Question("784-16x2-1, rounded to float32", noisy, rounded(noisy), around, "1e-4")
    network = random_network("5-50x6-5", seed=0)
    domain = Domain(*(tuple(map(rational, side.split())) for side in NARROW))
    yield Question("5-50x6-5, noise 1e-6", network, copied(network, 1e-6), domain, "0.05")
    yield Question("5-50x6-5, sign flipped", network, mutants.flip_sign(network, 1, 1), domain, "0.05")
