"""Wrong numbers from answers alone: which few rows or columns, fitted, explain what no set of signs explains.

A single row's entries (or one neuron's outgoing weights) are fitted to answers on the slice, the rest being as it is.
What fits all of them, and fresh points in all inputs, is an explanation; that there is no other one is not proved, so
these faults are called likely. First-layer weights outside the slice show as wrong slopes, input after input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from flint import fmpq
from scipy.linalg import qr

from precise.network import Network
from verify.diagnosis.black_box.answers import Answers, Floats, Place, Questions, flipped, on_slice
from verify.diagnosis.black_box.fresh_points import Agreement, agreement, disagreeing, fresh_answers
from verify.diagnosis.black_box.isolated_moves import IsolatedMoves
from verify.diagnosis.black_box.missing_neuron import Added, MissingNeuron
from verify.diagnosis.black_box.outside_slice import OutsideSlice, widened
from verify.diagnosis.black_box.parameter_fit import Fit, FloatNetwork, Parameter, fit, settled, with_entries
from verify.diagnosis.black_box.row_faults import changed_entries, missing, named
from verify.diagnosis.black_box.sampling import Sampler
from verify.diagnosis.black_box.signs import Signs
from verify.diagnosis.black_box.single_numbers import far_starts
from verify.diagnosis.fault import Certainty, Fault, Kind
from verify.verdict import Witness

EQUATIONS = 3  # an unknown
SPARE = 60
CLOSE = (24, 8, 8)  # sets of parameters that are fitted after a first linear step, round by round
DRAWN = 512  # points looked at for those that show a set of parameters
NEAR = 1e-6  # share of the disagreement below which a fit is worth more answers
WIDE = (0.25, 1.0, 4.0, 16.0)  # sizes of points that follow no recovered row
ELSEWHERE = 48  # of them
Progress = Callable[[str], None]
Group = tuple[Parameter, ...]


class RowSearch:
    """One search for wrong numbers."""

    def __init__(
        self,
        questions: Questions,
        recovered: Network,
        signs: Signs,
        generator: np.random.Generator,
        progress: Progress,
    ) -> None:
        self.questions = questions
        self.recovered = recovered
        self.signs = signs
        self.generator = generator
        self.progress = progress
        self.columns = signs.columns
        weights, biases = on_slice(recovered, self.columns).to_numpy()[0]
        self.sampler = Sampler(weights, biases, generator)
        self._outside = OutsideSlice(questions, self.columns, self.sampler, generator, progress)

    def run(self, fresh: Agreement) -> dict[str, object]:
        """The diagnosis' faults, outcome and repaired network.

        Raises:
            BudgetExceeded, OracleError: from the oracle.
        """
        witness = fresh.witness(self.questions)
        for turned in self.bases():
            self.progress("numbers: rows and columns one by one")
            base = flipped(self.recovered, turned)
            found = self._mended(base, fresh.answers)
            if found is not None:
                return self._explained(turned, base, found, witness)
        for turned in self.bases():
            self.progress("a neuron that is missing")
            added = self._added(flipped(self.recovered, turned), fresh.answers)
            if added is not None:
                return self._explained(turned, None, added.network, witness, added.layer)
        return self._unexplained(witness)

    def bases(self) -> list[frozenset[Place]]:
        """Sets of signs to start from: those that fit on the slice, and what single moves say, fewer layers first."""
        wrong = frozenset(place for place, proof in self.signs.proofs.items() if proof.sign < 0)
        layers = sorted({k for k, _ in self.signs.proofs})
        bases = [frozenset(place for place in wrong if place[0] <= k) for k in (0, *layers)]
        return list(dict.fromkeys([*self.signs.explanations, *bases]))

    # -- fitting -----------------------------------------------------------------------------------------------------

    def _mended(self, base: Network, fresh: Answers) -> Network | None:
        """A network that fits the slice and the fresh points; None: none was found."""
        fitting: list[Network] = []
        for _ in range(2):
            fitting = self._inside(base)
            for inside in fitting:
                if agreement(inside, self.questions, fresh).agree:
                    return inside
            if not fitting or not self._refuted_elsewhere(fitting):
                break
        outside = self._outside.refitted(fitting[0]) if fitting else None
        return outside if outside is not None and agreement(outside, self.questions, fresh).agree else None

    def _refuted_elsewhere(self, fitting: Sequence[Network]) -> bool:
        """Do points of the slice that follow no recovered row refute all of these? The answers are kept."""
        scales = np.resize(np.array(WIDE), ELSEWHERE)[:, None]
        points = self.questions.to_grid(scales * self.generator.standard_normal((ELSEWHERE, len(self.columns))))
        more = self.questions.ask(points, self.columns)
        self.signs.answers = more if self.signs.answers is None else self.signs.answers.joined(more)
        batch = self.questions.batch(points)
        return all(disagreeing(on_slice(one, self.columns).evaluate(batch).rows(), more) for one in fitting)

    def _answers(self, unknowns: int) -> Answers:
        count = EQUATIONS * unknowns + SPARE
        have = self.signs.answers
        missing = count - (0 if have is None else len(have))
        if missing > 0:
            more = self.questions.ask(self.questions.to_grid(self.sampler.draw(missing)), self.columns)
            self.signs.answers = more if have is None else have.joined(more)
        assert self.signs.answers is not None
        return self.signs.answers

    def _inside(self, base: Network) -> list[Network]:
        """The base with a few rows or columns fitted so that all answers on the slice are explained, simplest first."""
        sliced = on_slice(base, self.columns)
        answers = self._answers(max(sliced.widths[:-1]) + 1)
        floats, groups = FloatNetwork(sliced), list(_groups(sliced))
        if not disagreeing(sliced.evaluate(self.questions.batch(answers.points)).rows(), answers):
            return [base]
        if without := self._without_one(sliced, answers):
            return [widened(base, sliced, one, self.columns) for one in without]
        points = self.questions.to_floats(answers.points)
        apart = float(np.sqrt(np.mean((floats.held(points)[-1] - answers.values) ** 2)))
        chosen: Group = ()
        for close in CLOSE:
            ranked = self._ranked(floats, groups, chosen, points, answers)
            best: tuple[float, Group] | None = None
            fitting: list[Network] = []
            for group in ranked[:close]:
                together = tuple(dict.fromkeys((*chosen, *group)))
                found = fit(floats, together, points, answers)
                if found.residual < NEAR * apart and not found.determined:
                    answers = self._shown(floats, found)
                    points = self.questions.to_floats(answers.points)
                    found = fit(floats, together, points, answers)
                alone = [(p,) for p in group] if found.residual < NEAR * apart and not found.determined else []
                for part in ([], *alone):
                    tried = fit(floats, (*chosen, *part), points, answers) if part else found
                    if tried.residual > NEAR * apart:
                        continue
                    mended = settled(sliced, tried, self.questions, answers)
                    if not disagreeing(mended.evaluate(self.questions.batch(answers.points)).rows(), answers):
                        fitting.append(mended)
                if best is None or found.residual < best[0]:
                    best = found.residual, together
            fitting = fitting or self._far(sliced, floats, chosen, apart, answers)
            if fitting:
                fitting.sort(key=lambda network: changed_entries(sliced, network))
                return [widened(base, sliced, mended, self.columns) for mended in fitting]
            if best is None:
                return []
            chosen = best[1]
            if EQUATIONS * len(chosen) > 2 * answers.values.size:
                return []
        return []

    def _far(
        self, sliced: Network, floats: FloatNetwork, chosen: Group, apart: float, answers: Answers
    ) -> list[Network]:
        """The base with one number fitted from far away; only where nothing is wrong beside it."""
        points, found = self.questions.to_floats(answers.points), []
        for parameter, value in [] if chosen else far_starts(floats, points, answers):
            start = floats.with_values([parameter], np.array([value]))
            tried = fit(start, [parameter], points, answers)
            if tried.residual < NEAR * apart:
                mended = settled(sliced, tried, self.questions, answers)
                if not disagreeing(mended.evaluate(self.questions.batch(answers.points)).rows(), answers):
                    found.append(mended)
        return found

    def _without_one(self, sliced: Network, answers: Answers) -> list[Network]:
        """The base without the effect of one hidden neuron, where that explains all answers."""
        batch, found = self.questions.batch(answers.points), []
        for k, width in enumerate(sliced.widths[1:-1], 1):
            for j in range(1, width + 1):
                column = [(k + 1, i, j) for i in range(1, sliced.widths[k + 1] + 1)]
                other = with_entries(sliced, column, [fmpq(0)] * len(column))
                if not disagreeing(other.evaluate(batch).rows(), answers):
                    found.append(other)
        return found

    def _added(self, base: Network, fresh: Answers) -> Added | None:
        """The base with one more neuron that explains all answers, the fresh ones included."""
        answers = self._answers(max(base.widths[1:-1]) + 1)
        search = MissingNeuron(self.questions, base, self.columns, self.sampler.draw)
        added = search.run(answers)
        return added if added and agreement(added.network, self.questions, fresh).agree else None

    def _shown(self, floats: FloatNetwork, found: Fit) -> Answers:
        """The answers and more, at points whose outputs depend on what was fitted in as many ways as can be."""
        fitted = floats.with_values(found.parameters, found.values)
        points = self.questions.to_grid(self.sampler.draw(DRAWN))
        slopes = fitted.jacobian(fitted.held(self.questions.to_floats(points)), found.parameters)
        each = slopes.reshape(DRAWN, -1, slopes.shape[1])
        size = np.abs(each).max(axis=(1, 2))
        scaled = each[:, 0] / np.where(size > 0, size, 1)[:, None]
        order = qr(scaled.T, mode="r", pivoting=True)[1]
        best = [int(n) for n in order[: len(found.parameters) + 8] if size[int(n)] > 0]
        assert self.signs.answers is not None
        if best:
            self.signs.answers = self.signs.answers.joined(self.questions.ask(points[best], self.columns))
        return self.signs.answers

    @staticmethod
    def _ranked(
        floats: FloatNetwork, groups: Sequence[Group], chosen: Group, points: Floats, answers: Answers
    ) -> list[Group]:
        """The groups by what a linear step leaves unexplained, the least first."""
        held = floats.held(points)
        left = (answers.values - held[-1]).reshape(-1)
        every = list(dict.fromkeys(p for group in groups for p in group))
        position = {p: n for n, p in enumerate(every)}
        jacobian = floats.jacobian(held, every)
        already = [position[p] for p in chosen]
        scores = []
        for group in groups:
            own = list(dict.fromkeys([*already, *(position[p] for p in group)]))
            table = jacobian[:, own]
            basis = np.linalg.qr(table)[0]
            scores.append(float(np.linalg.norm(left - basis @ (basis.T @ left))) if table.any() else np.inf)
        return [groups[int(n)] for n in np.argsort(scores, kind="stable") if np.isfinite(scores[int(n)])]

    # -- what is said ------------------------------------------------------------------------------------------------

    def _explained(
        self,
        turned: frozenset[Place],
        base: Network | None,
        mended: Network,
        witness: Witness | None,
        layer: int = 0,
    ) -> dict[str, object]:
        """`base`: what was mended in its numbers; None: a neuron was added to this layer."""
        again = agreement(mended, self.questions, fresh_answers(self.questions, self.generator))
        signs = tuple(Fault(Kind.SIGN, k, (i,), _SIGN, Certainty.LIKELY, witness=witness) for k, i in sorted(turned))
        numbers = [missing(layer, mended, witness)] if base is None else named(base, mended, witness)
        if not again.agree:
            return self._unexplained(witness)
        return {
            "faults": tuple(sorted((*signs, *numbers), key=lambda fault: fault.place)),
            "explained": True,
            "outcome": (
                f"No set of wrong signs explains the answers; with {len(numbers)} "
                f"{'fault' if len(numbers) == 1 else 'faults'} in {'numbers' if base else 'structure'} mended"
                f"{f' and {len(signs)} signs' if signs else ''}, the network agrees with the oracle at "
                f"{len(again.answers)} fresh points. Other explanations were not excluded."
            ),
            "repaired": mended,
        }

    def _unexplained(self, witness: Witness | None) -> dict[str, object]:
        layer = self._first_contradiction()
        outcome = (
            "The network is not the oracle's, and neither signs nor a few wrong rows explain the answers. If every row "
            "is right to some bits only, refine it first (precise refine), or lower what the oracle is said to promise."
        )
        if layer is None:
            return {"faults": (), "explained": False, "outcome": outcome}
        fault = Fault(
            Kind.ENTRIES,
            layer,
            (),
            (
                f"A neuron of layer {layer} acts on both sides of its recovered hyperplane, which no neuron does: some "
                f"row of {f'layers 1 to {layer}' if layer > 1 else 'layer 1'} is no multiple of the true one, whatever "
                "the signs and the layers above are; the layers below showed nothing of the kind."
            ),
            Certainty.LIKELY,
            witness=witness,
        )
        return {"faults": (fault,), "explained": False, "outcome": f"Layer {layer} is wrong or rests on one. {outcome}"}

    def _first_contradiction(self) -> int | None:
        """The first layer in which a neuron is proved to act on both sides."""
        sliced = on_slice(self.recovered, self.columns)
        moves = IsolatedMoves(self.questions, self.columns, sliced, self.sampler, self.signs.proofs)
        for layer in sorted({k for k, _ in self.signs.proofs}):
            if moves.contradicted(layer):
                return layer
        return None


_SIGN = (
    "With this row negated and the other faults mended, the network gives the oracle's answers within their errors; "
    "other explanations were not excluded."
)


def _groups(network: Network) -> Iterator[Group]:
    """Every row, and every hidden neuron's outgoing weights."""
    for k, layer in enumerate(network.layers, 1):
        for i in range(1, layer.neurons + 1):
            yield tuple((k, i, j) for j in range(layer.inputs + 1))
    for k, layer in enumerate(network.layers[1:], 2):
        for j in range(1, layer.inputs + 1):
            yield tuple((k, i, j) for i in range(1, layer.neurons + 1))
