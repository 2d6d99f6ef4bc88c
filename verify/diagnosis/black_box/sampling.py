"""Points at which the neurons of many layers are in varied states: questions that tell signs apart."""

from __future__ import annotations

import numpy as np

from verify.diagnosis.black_box.answers import Floats

SHARES = (0.5, 0.65, 0.8, 1.0)  # of first-layer neurons that are meant to be active
FARTHEST = 2.0**8  # coordinates stay below this, half of what the grid holds


class Sampler:
    """Random points of a slice, drawn in the first layer's preactivations where its rows are independent."""

    def __init__(self, weights: Floats, biases: Floats, generator: np.random.Generator) -> None:
        """From the first layer on the slice: weights of shape (inputs, neurons)."""
        self._generator = generator
        self._biases = biases
        self._lengths = np.linalg.norm(weights, axis=0)
        self._inputs = weights.shape[0]
        self._weights, self._inverse = weights, np.linalg.pinv(weights)
        rank = np.linalg.matrix_rank(weights)
        self.independent = bool(rank == weights.shape[1])

    def draw(self, count: int) -> Floats:
        """Shape (count, inputs)."""
        found: list[Floats] = []
        while len(found) < count:
            for point in self._points(64):
                if np.abs(point).max(initial=0.0) < FARTHEST:
                    found.append(point)
        return np.array(found[:count])

    def _points(self, count: int) -> Floats:
        draw = self._generator
        scales = 2.0 ** draw.uniform(-2, 3, (count, 1))
        if not self.independent:
            return np.asarray(scales * draw.standard_normal((count, self._inputs)))
        shares = draw.choice(SHARES, (count, 1))
        sides = np.where(draw.random((count, len(self._biases))) < shares, 1.0, -1.0)
        wanted = sides * np.abs(draw.standard_normal((count, len(self._biases)))) * self._lengths * scales
        points = (wanted - self._biases) @ self._inverse
        free = scales * draw.standard_normal(points.shape)  # where no recovered row sees it
        return np.asarray(points + free - free @ self._weights @ self._inverse)
