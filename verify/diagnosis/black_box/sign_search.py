"""Wrong signs from answers alone: proved layer by layer where one neuron can be moved, then by trying sets of signs.

All proofs suppose that the recovered rows are right up to their signs; whether they are shows at fresh points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from precise.network import Network
from precise.symmetry.canonical_form import CanonicalForm, canonical_form
from verify.diagnosis.black_box.answers import Answers, Floats, Place, Questions, flipped, on_slice, slice_of
from verify.diagnosis.black_box.fresh_points import disagreeing
from verify.diagnosis.black_box.isolated_moves import IsolatedMoves
from verify.diagnosis.black_box.relaxed_signs import RelaxedSigns
from verify.diagnosis.black_box.sampling import Sampler
from verify.diagnosis.black_box.sign_sets import SPARE, fitted, greedy, largest_size, not_refuted, try_all
from verify.diagnosis.black_box.signs import Signs
from verify.diagnosis.black_box.solver_signs import SolverSigns

ALL_PLACES = 17  # all 2^17 sets of so many places are tried; of more places all sets up to a size
MORE_ANSWERS = 3  # times that the answers are doubled while signs stay open
TELLING_ROUNDS = 8
TELLING_POINTS = 256  # looked at in a round to find those that tell explanations apart
FEW = 32  # explanations that are told apart point by point
Progress = Callable[[str], None]


class SignSearch:
    """Asks what is needed to tell all signs."""

    def __init__(self, questions: Questions, recovered: Network, generator: np.random.Generator) -> None:
        self.questions = questions
        self.recovered = recovered
        self.generator = generator
        self.columns = slice_of(recovered)
        self.sliced = on_slice(recovered, self.columns)
        weights, biases = self.sliced.to_numpy()[0]
        self.sampler = Sampler(weights, biases, generator)
        self.last = len(recovered.layers) - 1
        self.signs = Signs(columns=self.columns)
        self._unsettled: frozenset[Place] = frozenset()  # of the last hidden layer, with real t in place of whole ones

    def run(self, progress: Progress) -> Signs:
        """Find the sets of wrong signs that explain the answers.

        Raises:
            BudgetExceeded, OracleError: what was found until then is in `signs`.
        """
        silent = _silent(self.recovered)
        self.signs.open = frozenset(silent)
        self._isolated(progress)
        proved = frozenset(place for place, proof in self.signs.proofs.items() if proof.sign < 0)
        known = {*self.signs.proofs, *silent}
        below = [(k, i) for k in range(1, self.last) for i in range(1, self.recovered.widths[k] + 1)]
        self.signs.places = tuple(place for place in below if place not in known)
        outputs = self.recovered.output_width
        self._more(-(-(self.recovered.widths[-2] + SPARE) // outputs))
        progress("sets of wrong signs")
        sets = self._below(proved)
        found = self._tell_apart([(proved | chosen) for chosen in sets], progress)
        self._sort(self._by_solver(proved, found, progress))
        return self.signs

    def _isolated(self, progress: Progress) -> None:
        moves = IsolatedMoves(self.questions, self.columns, self.sliced, self.sampler, self.signs.proofs)
        for layer in range(1, self.last):
            progress(f"layer {layer}: one neuron at a time")
            if moves.decide(layer):
                return

    def _more(self, count: int) -> None:
        points = self.questions.to_grid(self.sampler.draw(count))
        self._keep(self.questions.ask(points, self.columns))

    def _keep(self, answers: Answers) -> None:
        self.signs.answers = answers if self.signs.answers is None else self.signs.answers.joined(answers)

    # -- sets below the last hidden layer ----------------------------------------------------------------------------

    def _relaxed(self, proved: frozenset[Place], first: int) -> RelaxedSigns:
        assert self.signs.answers is not None
        return RelaxedSigns(flipped(self.sliced, proved), first, self.questions, self.signs.answers)

    def _below(self, proved: frozenset[Place]) -> list[frozenset[Place]]:
        places = self.signs.places
        if not places:
            return [frozenset()]
        first = min(k for k, _ in places)
        size = len(places) if len(places) <= ALL_PLACES else largest_size(len(places))
        relaxed = self._relaxed(proved, first)
        self.signs.tried = try_all(relaxed, places, size)
        sets = self.signs.tried.sets
        if not sets and size < len(places):
            found = fitted(relaxed, places, self.generator)
            self.signs.excluded = False
            sets = [] if found is None else [found]
        for _ in range(MORE_ANSWERS):
            if len(sets) <= 1:
                break
            self._more(len(self.signs.answers or ()))
            sets = not_refuted(self._relaxed(proved, first), places, sets)
        return sets

    # -- the last hidden layer, and what is left ---------------------------------------------------------------------

    def _tell_apart(self, sets: Sequence[frozenset[Place]], progress: Progress) -> list[frozenset[Place]]:
        progress("the last hidden layer")
        found = self._complete(sets)
        for _ in range(TELLING_ROUNDS):
            if len(found) <= 1 or not self._told(found, progress):
                break
            found = self._complete(sets)
        return found

    def _told(self, found: Sequence[frozenset[Place]], progress: Progress) -> bool:
        """Ask what tells explanations apart, if anything does."""
        progress(f"{len(found)} explanations: a question that tells them apart")
        points = self._telling(found)
        if points is not None:
            self._keep(self.questions.ask(points, self.columns))
        return points is not None

    def _complete(self, sets: Sequence[frozenset[Place]]) -> list[frozenset[Place]]:
        """The sets with the wrong signs of the last hidden layer, as far as the answers determine them."""
        found: list[frozenset[Place]] = []
        self._unsettled = frozenset()
        for chosen in sets[:FEW]:
            for _ in range(MORE_ANSWERS + 1):
                signs = self._relaxed(chosen, self.last).last_signs()
                acting = signs is not None and self._open_at_last(signs)
                if not acting:
                    break
                self._more(len(self.signs.answers or ()))
            if signs is not None:
                self._unsettled |= {(self.last, i) for i in self._open_at_last(signs)}
                found.append(chosen | {(self.last, i) for i, t in enumerate(signs, 1) if t == 1})
        return found

    # -- all that is open, in one question to Z3 ---------------------------------------------------------------------

    def _by_solver(
        self, proved: frozenset[Place], found: list[frozenset[Place]], progress: Progress
    ) -> list[frozenset[Place]]:
        """Let Z3 look for further explanations, and ask what tells them apart, until there are none."""
        unsettled = self._unsettled
        hidden = [(k, i) for k in range(1, self.last + 1) for i in range(1, self.recovered.widths[k] + 1)]
        places = [place for place in hidden if place not in self.signs.proofs and place not in self.signs.open]
        if found and places:
            progress(f"Z3: {len(places)} open signs")
            found = self._fitting(found) if unsettled else found
            found = self._enumerated(proved, places, found, progress)
        if not self.signs.by_solver or not found:
            self.signs.open |= unsettled
        elif unsettled:
            self.signs.excluded = False  # the bounds did not decide these
        return found

    def _enumerated(
        self, proved: frozenset[Place], places: list[Place], found: list[frozenset[Place]], progress: Progress
    ) -> list[frozenset[Place]]:
        for _ in range(TELLING_ROUNDS):
            assert self.signs.answers is not None
            solver = SolverSigns(flipped(self.sliced, proved), places, self.questions, self.signs.answers)
            wanted = max((len(chosen - proved) for chosen in found), default=0)
            answer = solver.other([chosen - proved for chosen in found], wanted)
            if not isinstance(answer, frozenset):
                self.signs.solver = answer
                break
            found = [*found, proved | answer]
            if len(found) > 1 and self._told(found, progress):
                found = self._fitting(found)
        return found

    def _fitting(self, found: Sequence[frozenset[Place]]) -> list[frozenset[Place]]:
        """Those that no answer refutes."""
        assert self.signs.answers is not None
        batch = self.questions.batch(self.signs.answers.points)
        return [c for c in found if not disagreeing(flipped(self.sliced, c).evaluate(batch).rows(), self.signs.answers)]

    def _open_at_last(self, signs: Sequence[int | None]) -> list[int]:
        return [i for i, t in enumerate(signs, 1) if t is None and (self.last, i) not in _silent(self.recovered)]

    def _telling(self, found: Sequence[frozenset[Place]]) -> np.ndarray | None:
        """Grid points at which explanations differ by more than an answer's error, the most telling first; or None."""
        assert self.signs.answers is not None
        points = self.questions.to_grid(self.sampler.draw(TELLING_POINTS))
        values = np.array(
            [_outputs(flipped(self.sliced, chosen), self.questions.to_floats(points)) for chosen in found[:FEW]]
        )
        spread = (values.max(axis=0) - values.min(axis=0)).max(axis=1)
        enough = 4 * float(np.median(self.signs.answers.errors))
        best = [int(i) for i in np.argsort(-spread)[:4] if spread[i] > max(enough, 1e-12 * float(np.abs(values).max()))]
        return points[best] if best else None

    def nearest(self) -> frozenset[Place]:
        """The set of wrong signs at which a greedy search leaves least, whatever refutes it: for imprecise rows."""
        if self.signs.answers is None:
            return frozenset()
        places = [(k, i) for k in range(1, self.last) for i in range(1, self.recovered.widths[k] + 1)]
        shares = np.zeros(len(places))
        if places:
            shares = greedy(self._relaxed(frozenset(), 1), places, shares)
        below = frozenset(place for place, t in zip(places, shares, strict=True) if t)
        tables, rights = self._relaxed(below, self.last).systems((), np.zeros((1, 0)))
        found = np.linalg.lstsq(tables[0], rights[0], rcond=None)[0]
        return below | {(self.last, i) for i, t in enumerate(found, 1) if t > 0.5}

    def _sort(self, found: Sequence[frozenset[Place]]) -> None:
        """Explanations that are one function are one, and the signs in which they differ are open."""
        kept: list[frozenset[Place]] = []
        forms: list[CanonicalForm | None] = []
        for chosen in sorted(found, key=len):
            form = canonical_form(flipped(self.recovered, chosen)) if len(found) > 1 else None
            same = next((k for k, other in zip(kept, forms, strict=True) if form is not None and other == form), None)
            if same is None:
                kept.append(chosen)
                forms.append(form)
            else:
                self.signs.open |= chosen ^ same
        self.signs.explanations = [chosen - self.signs.open for chosen in kept]


def _silent(network: Network) -> list[Place]:
    """Neurons whose outgoing weights are all 0: nothing depends on their signs."""
    return [
        (k, i)
        for k, above in enumerate(network.layers[1:], 1)
        for i in range(1, above.inputs + 1)
        if not any(row[i - 1] for row in above.weights)
    ]


def _outputs(network: Network, points: Floats) -> Floats:
    held = points
    arrays = network.to_numpy()
    for weights, biases in arrays[:-1]:
        held = np.maximum(held @ weights + biases, 0)
    return np.asarray(held @ arrays[-1][0] + arrays[-1][1])
