"""First-layer weights of inputs outside the slice: a wrong one shows as a wrong slope along its input."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from precise.network import Network
from verify.diagnosis.black_box.answers import Integers, Questions, on_slice
from verify.diagnosis.black_box.fresh_points import agreement
from verify.diagnosis.black_box.parameter_fit import FloatNetwork, Parameter, fit, settled, with_entries
from verify.diagnosis.black_box.sampling import Sampler

EQUATIONS = 3  # an unknown
MOST_INPUTS = 16  # outside the slice whose weights are refitted; more are no few wrong numbers
STEP = 2.0**-3  # along an input outside the slice, in search of wrong slopes; short, so that few neurons turn off
CENTRES = 64  # looked at for those at which all slopes outside the slice are asked for
Progress = Callable[[str], None]


class OutsideSlice:
    """Looks for them, and refits the few inputs that it finds."""

    def __init__(
        self,
        questions: Questions,
        columns: Sequence[int],
        sampler: Sampler,
        generator: np.random.Generator,
        progress: Progress,
    ) -> None:
        self._questions, self._columns, self._sampler = questions, list(columns), sampler
        self._generator, self._progress = generator, progress

    def refitted(self, base: Network) -> Network | None:
        """First-layer weights of the inputs outside the slice, refitted where a slope is another one."""
        others = [c for c in range(base.input_width) if c not in set(self._columns)]
        if not others:
            return None
        self._progress("first-layer weights outside the slice")
        wrong = self._wrong_slopes(base, others)
        neurons = base.widths[1]
        if not 0 < len(wrong) <= MOST_INPUTS or len(wrong) * (EQUATIONS * neurons + 8) > self._questions.left:
            return None
        mended = base
        for c in wrong:
            at = [*self._columns, c]
            points = np.hstack([self._sampler.draw(EQUATIONS * neurons + 8), np.zeros((EQUATIONS * neurons + 8, 1))])
            points[:, -1] = self._generator.choice([-2.0, -1.0, 1.0, 2.0], len(points))
            answers = self._questions.ask(self._questions.to_grid(points), at)
            sliced = on_slice(mended, at)
            group = tuple((1, i, len(at)) for i in range(1, neurons + 1))
            found = fit(FloatNetwork(sliced), group, self._questions.to_floats(answers.points), answers)
            mended = widened(mended, sliced, settled(sliced, found, self._questions, answers), at)
        return mended

    def _wrong_slopes(self, base: Network, others: Sequence[int]) -> list[int]:
        """Inputs outside the slice along which an answer refutes the base."""
        wrong: set[int] = set()
        for centre in self._centres(base):
            points = np.zeros((len(others), base.input_width), dtype=np.int64)
            points[:, self._columns] = centre
            points[np.arange(len(others)), list(others)] = int(STEP * 2**self._questions.grid)
            answers = self._questions.ask(points, range(base.input_width))
            wrong |= {others[n] for n in agreement(base, self._questions, answers).refuted}
        return sorted(wrong)

    def _centres(self, base: Network) -> Integers:
        """Points of the slice that between them show every first-layer neuron that acts at any."""
        points = self._questions.to_grid(self._sampler.draw(CENTRES))
        sliced = FloatNetwork(on_slice(base, self._columns))
        biases = [(1, i, 0) for i in range(1, base.widths[1] + 1)]
        slopes = sliced.jacobian(sliced.held(self._questions.to_floats(points)), biases)
        acting = np.abs(slopes).reshape(CENTRES, -1, len(biases)).max(axis=1) > 0
        return points[cover(acting)]


def cover(shown: np.ndarray) -> list[int]:
    """Few rows of a table of truths that have True in every column that has one, greedily."""
    chosen: list[int] = []
    missing = shown.any(axis=0)
    while missing.any():
        chosen.append(int(np.argmax((shown & missing).sum(axis=1))))
        missing = missing & ~shown[chosen[-1]]
    return chosen


def widened(base: Network, sliced: Network, mended: Network, columns: Sequence[int]) -> Network:
    """The base with what was mended on the slice."""
    parameters: list[Parameter] = []
    values = []
    for k, (old, new) in enumerate(zip(sliced.layers, mended.layers, strict=True), 1):
        for i, (before, after) in enumerate(zip(old.weights, new.weights, strict=True), 1):
            changed = [(j, w) for j, (v, w) in enumerate(zip(before, after, strict=True)) if v != w]
            parameters += [(k, i, 1 + (columns[j] if k == 1 else j)) for j, _ in changed]
            values += [w for _, w in changed]
        changed = [(i, b) for i, (a, b) in enumerate(zip(old.biases, new.biases, strict=True), 1) if a != b]
        parameters += [(k, i, 0) for i, _ in changed]
        values += [b for _, b in changed]
    return with_entries(base, parameters, values)
