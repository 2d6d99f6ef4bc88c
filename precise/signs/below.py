"""The layer below the one that is solved for: how its neurons enter the unknowns, and when its signs are decided.

As long as the signs are open, a row has separate coefficients for both sides of every neuron below. Where these could
not be told apart (more neurons than independent inputs) or something may be missing below, it has one coefficient a
neuron and a free linear part instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from random import Random

from flint import fmpq, fmpq_mat

from precise.arithmetic import primitive
from precise.equations.open_row import open_row
from precise.equations.partial_rows import Equations, PartialRow
from precise.equations.row_system import rank_modulo_prime
from precise.regions.local_map import Known, Row, passed_on
from precise.signs.elimination import signs_not_refuted
from precise.signs.exact import Sign, SignEvidence, acting_unknowns, apply_signs, rows_of
from precise.signs.linear_part import FreeRow, Settled, agreed_weight, settle, with_both_sides, with_signs, with_weight
from precise.signs.open_part import signs_of_part
from precise.signs.partial import acting_sides
from precise.signs.sides_apart import free_row, sides

TELLING = 3  # rows with sides apart: two tell what one neuron hands on that never changes state, the third agrees

Vector = list[fmpq]  # coefficients of a row over the layer below, then its bias


@dataclass(frozen=True)
class Decision:
    """Signs were decided: the rows over the layer as it is now."""

    vectors: list[Vector]
    substitution: list[Vector]  # what an unknown of before is in those of now, shape (before, now)


class LayerBelow:
    """Layer `index` (from 0; -1: the inputs) of the known part, seen from the layer that is solved for."""

    def __init__(
        self,
        known: Known,
        index: int,
        missing: int,
        random: Random,
        lacking: Set[tuple[int, int]] = frozenset(),
        ignored: int = 0,
        ignored_lacking: Set[tuple[int, int]] = frozenset(),
    ) -> None:
        """Nothing is known of the signs yet.

        Args:
            missing: neurons of the layer that were not found and are reckoned with from the start.
            lacking: (neuron, feature) of weights that are not known; only too large ones stand for them, or 0.
            ignored, ignored_lacking: more of both, taken to be without effect as long as the next layer's rows agree.
        """
        self._known = known
        self._index = index
        self._missing = missing
        self._ignored = ignored
        self.lacking = lacking
        self.ignored_lacking = ignored_lacking
        self._random = random
        self._neurons = tuple(known.layers[index]) if index >= 0 else ()
        self._count = len(self._neurons)
        self.features = [[j] for j in range(self._count)]  # of the next layer, by neuron
        self._evidence = SignEvidence(self._count)
        self._looked_at: frozenset[Equations] = frozenset()  # parts, together
        self.signs: list[Sign] | None = None if index >= 0 else []
        self._further: tuple[Sequence[Vector], Settled | None] | None = None  # rows, and what they tell; `_by_further`
        self._parted = False  # are there features for both sides of some neurons? Then no sign is told any more
        self.twins = self.always_active = 0
        self.loose: list[int] = []  # always-active neurons that stand for what ignored weights pass on
        self.assumed: tuple[int, ...] = ()  # neurons whose side is taken for granted
        self.rows_assumed: list[int] = []  # their rows in the layer, once its signs are decided
        self.free = index >= 0 and (missing > 0 or bool(lacking) or _dependent(known.layers[index]))
        if self.free:
            features = known.inputs if index == 0 else len(known.layers[index - 1])
            known.layers[index] = [*known.layers[index], *passed_on(features)]
            known.changed()

    @property
    def doubtful(self) -> list[int]:
        """Features of the next layer that are not known to be on where they seem to be, or stand for something else."""
        lacking = {i for i, _ in self.lacking | self.ignored_lacking}
        return sorted({*self.loose, *(feature for i in lacking for feature in self.features[i])})

    @property
    def unknown_weights(self) -> set[tuple[int, int]]:
        """(row, feature) of weights that are not known, of the layer as it is now: one neuron may have two rows."""
        return {(row, p) for i, p in self.lacking | self.ignored_lacking for row in self.features[i]}

    @property
    def separate(self) -> bool:
        """Does a row have unknowns for both sides of every neuron?"""
        return self.signs is None and not self.free

    @property
    def contradictory(self) -> bool:
        """Were more neurons seen to act on both sides than any further ones of the layer explain?

        A further neuron either has its hyperplane in common with one of them, or never changes its state; then all of
        them act on both sides, if its own weights are a combination of theirs, which span everything. So they do where
        a weight is ignored that acts. While a few rows may still tell what is handed on, it is no contradiction.
        """
        if self.free or not self._more_on_both_sides(self._evidence.signs() if self.signs is None else self.signs):
            return False
        if not (self._ignored or self.ignored_lacking):
            return True
        if self.signs is None and (self._further is None or len(self._further[0]) < TELLING):
            return False
        weights = [row.plus for row in self._neurons]
        return rank_modulo_prime(weights) < len(weights[0])

    @property
    def _closed(self) -> bool:
        """Are the signs decided, or left open for good?"""
        return self.signs is not None or self._parted

    def learn(self, acting: Set[int]) -> None:
        """Take in sides that a walk has shown to act: unknowns (plus ..., minus ...) that are other than 0."""
        if self.separate:
            self._evidence.add(acting)

    def learn_part(self, part: PartialRow) -> None:
        """Take in what a partial row tells of the signs; with a free linear part, as if no neuron were missing."""
        if self.separate:
            self.learn(acting_sides(part.system(), self._count))
            return
        if not self.free or not self._count or self._closed or self._missing or self.lacking:
            return
        features = len(self._known.layers[self._index])
        known = open_row(part, features, features - self._count - 1)
        if known is None:
            return
        self._take(signs_of_part(self._neurons, known, self._random, self._blurred))

    def learn_parts(self, parts: Sequence[PartialRow]) -> None:
        """Take in what partial rows tell together of a layer with dependent rows of which no neuron is missing."""
        fresh = frozenset(part.equations for part in parts)
        if self.free and not (self._closed or self._missing or self._ignored or fresh <= self._looked_at):
            self._looked_at = fresh
            self._take(signs_not_refuted(self._neurons, parts, self.lacking))

    def unseen(self) -> list[int]:
        """The neurons of which no row tells the sign so far."""
        return [j for j, sign in enumerate(self._evidence.signs()) if sign is Sign.UNSEEN] if self.separate else []

    def assume(self, sides: Mapping[int, Sign]) -> None:
        """Take these neurons to act on these sides, as nothing shows them to act on their others."""
        self.assumed = tuple(sides)
        self._take(sides)

    def _take(self, signs: Mapping[int, Sign]) -> None:
        """These neurons, by number, act on these sides."""
        self._evidence.add({j if sign is Sign.POSITIVE else self._count + j for j, sign in signs.items()})

    def keep_both(self, neurons: Sequence[int]) -> None:
        """Add the negative sides of these neurons, whose signs are open, as features of the next layer."""
        self._parted, layer = True, self._known.layers[self._index]
        for place, j in enumerate(neurons, len(layer)):
            self.features[j] = [*self.features[j], place]
        self._known.layers[self._index] = [*layer, *(layer[j].negated() for j in neurons)]
        self._known.changed()

    def completed(self, rows: Sequence[Row], weights: Set[tuple[int, int]]) -> None:
        """Note that these (neuron, feature) are known now, and the neurons with them, whose signs are open."""
        self._neurons = tuple(rows[: self._count])
        self.solved(weights)

    def solved(self, weights: Set[tuple[int, int]]) -> None:
        """Note that these (neuron, feature) are known now."""
        self.lacking, self.ignored_lacking = self.lacking - weights, self.ignored_lacking - weights

    def ready(self, vectors: Sequence[Vector]) -> bool:
        """Do these rows, which need not be all, decide the signs?"""
        if self._closed:
            return False
        if self.free:
            return self._settled(vectors, final=False) is not None or Sign.UNSEEN not in self._evidence.signs()
        self._see(vectors)
        signs = self._evidence.signs()
        if Sign.UNSEEN in signs:
            return False
        return not self._more_on_both_sides(signs) or self._by_further(vectors, final=False) is not None

    def decide(
        self, vectors: Sequence[Vector], final: bool, whole: bool = True, untold: Set[int] = frozenset()
    ) -> Decision | None:
        """Decide the signs and rewrite the layer, if these rows (and, when final, no others) tell them.

        Args:
            whole: are these all rows of the next layer? If not, a neuron that none of them sees keeps both sides.
            untold: of a free linear part, the features that acted nowhere.
        """
        if self._closed:
            return None
        if self.free:
            return self._by_linear_part(vectors, final, whole, untold)
        return self._by_sides(vectors, final, whole)

    def idle_sides(self, rows: Sequence[Row]) -> list[int]:
        """Leave out the sides on which no row acts, of neurons that kept both because no row told by then.

        Args:
            rows: of the next layer, as they are now.

        Returns:
            Which features of theirs are left out.
        """
        idle, signs = list[int](), self.signs or []
        for j, features in enumerate(self.features if signs else ()):
            acting = [p for p in features if any(row.plus[p] for row in rows)]
            if signs[j] is Sign.UNSEEN and len(features) == 2 and len(acting) == 1:
                signs[j] = Sign.POSITIVE if acting[0] == features[0] else Sign.NEGATIVE
                idle += [p for p in features if p not in acting]
        if idle:
            self._keep([p for p in range(len(self._known.layers[self._index])) if p not in idle])
        return idle

    def _keep(self, features: Sequence[int]) -> None:
        """Leave out all other rows of the layer."""
        layer, place = self._known.layers[self._index], {p: n for n, p in enumerate(features)}
        self._known.layers[self._index] = [layer[p] for p in features]
        self._known.changed()
        self.features = [[place[p] for p in own if p in place] for own in self.features]
        self.loose = [place[p] for p in self.loose if p in place]

    def idle(self, rows: Sequence[Row]) -> list[int]:
        """The features of neurons whose sign is open and on which none of these rows, the next layer's, acts."""
        pairs = zip(self.signs or (), self.features, strict=False)  # of the inputs no sign is open
        unseen = [features[0] for sign, features in pairs if sign is Sign.UNSEEN and len(features) == 1]
        return [p for p in unseen if not any(row.plus[p] or row.minus[p] for row in rows)]

    def turn_around(self, features: Sequence[int]) -> None:
        """Call the other sides of these features' neurons positive; their signs stay open."""
        layer = self._known.layers[self._index]
        self._known.layers[self._index] = [row.negated() if p in features else row for p, row in enumerate(layer)]
        self._known.changed()

    def released(self, rows: Sequence[Row]) -> list[Row]:
        """The next layer's rows without what ignored weights passed on; those that rows agree on are read off first."""
        layer, vectors = list(self._known.layers[self._index]), [[fmpq(w) for w in (*r.plus, r.bias)] for r in rows]
        for i, p in sorted(self.ignored_lacking):
            for unit in (n for n in self.loose if layer[n].plus[p]):
                delta = agreed_weight([(v[i], v[unit] * layer[unit].plus[p]) for v in vectors])
                if delta is not None:
                    layer[i], factor = with_weight(layer[i], p, delta)
                    for vector in vectors:
                        vector[i] /= factor
                    self.ignored_lacking -= {(i, p)}
        kept = [n for n in range(len(layer)) if n not in self.loose]
        self._known.layers[self._index] = layer
        self._keep(kept)
        self.always_active -= len(layer) - len(kept)
        whole = [[int(w.p) for w in primitive([*(v[n] for n in kept), v[-1]])] for v in vectors]
        return [Row.of(vector, len(kept)) for vector in whole]

    def _by_sides(self, vectors: Sequence[Vector], final: bool, whole: bool) -> Decision | None:
        self._see(vectors)
        signs = self._evidence.signs()
        if Sign.UNSEEN in signs and not final:
            return None
        if self._more_on_both_sides(signs):
            settled = self._by_further(vectors, final)
            if settled:
                settled = settled if whole else with_both_sides(settled)
                free = fmpq_mat(_substitution(self._neurons, settled))
                return self._taken(settled, (fmpq_mat(sides(self._neurons)) * free).tolist())
            if not final:
                return None
        kept = signs if whole else [Sign.BOTH if sign is Sign.UNSEEN else sign for sign in signs]
        self._set(signs, apply_signs(self._known.layers[self._index], kept))
        self.twins, self.features = signs.count(Sign.BOTH), rows_of(kept)
        self.rows_assumed = [row for j in self.assumed for row in self.features[j]]
        chosen = acting_unknowns(kept)
        substitution = [[fmpq(int(old == c)) for c in chosen] for old in range(2 * self._count + 1)]
        return Decision([[vector[c] for c in chosen] for vector in vectors], substitution)

    def _more_on_both_sides(self, signs: Sequence[Sign]) -> bool:
        """Do more neurons act on both sides than have their hyperplane in common with one that was not found?"""
        return signs.count(Sign.BOTH) > self._ignored

    def _by_further(self, vectors: Sequence[Vector], final: bool) -> Settled | None:
        """The signs where what is ignored hands something on, once the rows tell what.

        That is what neurons do that never change state, or too large or small a weight.
        """
        if self._further is None or self._further[0] != vectors:
            self._further = vectors, self._settled_by_further([free_row(self._neurons, vector) for vector in vectors])
        settled = self._further[1]
        return settled if settled and (final or Sign.UNSEEN not in settled.signs) else None

    def _settled_by_further(self, rows: Sequence[FreeRow]) -> Settled | None:
        settled = settle(self._neurons, rows, self._ignored, self._random) if rows and self._ignored else None
        if settled is None and rows and self.ignored_lacking:
            settled = settle(self._neurons, rows, self._ignored, self._random, self.ignored_lacking)
        told = settled and settled.signs.count(Sign.BOTH) <= settled.twins  # either side may do where rows are too few
        return settled if told else None

    def _by_linear_part(self, vectors: Sequence[Vector], final: bool, whole: bool, untold: Set[int]) -> Decision | None:
        settled = self._settled(vectors, final, untold)
        if settled is not None and not whole:
            settled = with_both_sides(settled)
        settled = settled or self._by_parts(vectors, final)
        return self._taken(settled, _substitution(self._neurons, settled)) if settled else None

    def _taken(self, settled: Settled, substitution: list[Vector]) -> Decision:
        """The decision for these signs, with what else hands on something."""
        self._set(settled.signs, settled.layer)
        twins = {row.negated(): n for n, row in enumerate(settled.layer) if n >= self._count and not row.linear}
        self.features = [
            [j, *([twins[row]] if row in twins else [])] for j, row in enumerate(settled.layer[: self._count])
        ]
        self.loose = [n for n, row in enumerate(settled.layer) if row.linear and self._by_ignored(row)]
        self.twins, self.always_active = settled.twins, settled.always_active
        self.solved(settled.solved)
        return Decision([list(row) for row in settled.rows], substitution)

    def _settled(self, vectors: Sequence[Vector], final: bool, untold: Set[int] = frozenset()) -> Settled | None:
        if not vectors or ((self._missing or self.lacking) and not final):
            return None
        rows = self._rows(vectors)
        settled = settle(self._neurons, rows, self._missing, self._random, self.lacking, untold)
        if settled is None and self.ignored_lacking:
            told = settle(self._neurons, rows, self._missing, self._random, self.lacking | self.ignored_lacking, untold)
            settled = told if told and (final or self._nothing_else(told)) else None
        for more in range(1, self._ignored + 1 if final and settled is None else 0):
            settled = settled or settle(self._neurons, rows, self._missing + more, self._random, self.lacking, untold)
        return settled

    def _nothing_else(self, settled: Settled) -> bool:
        """Is all that goes on unexplained from features whose weights are not all known?"""
        return not settled.twins and all(self._by_ignored(row) for row in settled.layer if row.linear)

    def _by_ignored(self, row: Row) -> bool:
        return all(p in self._blurred for p, w in enumerate(row.plus) if w)

    @property
    def _blurred(self) -> set[int]:
        return {p for _, p in self.ignored_lacking}

    def _by_parts(self, vectors: Sequence[Vector], final: bool) -> Settled | None:
        """By what partial rows tell, if the whole ones agree; at the end what nothing tells keeps both sides."""
        signs = self._evidence.signs()
        known = [sign for sign in signs if sign is not Sign.UNSEEN]
        if not known or Sign.BOTH in known or not (final or len(known) == len(signs)):
            return None
        return with_signs(self._neurons, self._rows(vectors), signs)

    def _rows(self, vectors: Sequence[Vector]) -> list[FreeRow]:
        return [FreeRow(tuple(v[: self._count]), tuple(v[self._count : -1]), v[-1]) for v in vectors]

    def _see(self, vectors: Sequence[Vector]) -> None:
        for vector in vectors:
            self._evidence.add({unknown for unknown, v in enumerate(vector[:-1]) if v})

    def _set(self, signs: Sequence[Sign], layer: Sequence[Row]) -> None:
        self.signs = list(signs)
        self._known.layers[self._index] = list(layer)
        self._known.changed()


def _dependent(layer: Sequence[Row]) -> bool:
    """Are there relations between the preactivations, so that both sides of all of them cannot be told apart?"""
    return not layer or rank_modulo_prime([row.plus for row in layer]) < len(layer)


def _substitution(layer: Sequence[Row], settled: Settled) -> list[Vector]:
    """What v, the linear part and the bias over a layer are in the coefficients over the settled one and the bias.

    A neuron on its other side acts in v as well, and through -eta: relu(-eta) = relu(eta) - eta.
    """
    columns = []
    for number, row in enumerate(settled.layer):
        column = [fmpq(0)] * len(layer) + [fmpq(w) for w in (*row.plus, row.bias)]
        if not row.linear:
            twin = number >= len(layer)
            own = settled.layer.index(row.negated()) if twin else number
            factor = _factor(row, layer[own], {p for j, p in settled.solved if j == own})
            column[own] = factor
            if (settled.signs[own] is Sign.NEGATIVE) == twin:
                kept = [fmpq(0)] * len(layer) + [factor * w for w in (*layer[own].plus, layer[own].bias)]
                column = [a - b for a, b in zip(column, kept, strict=True)]
        columns.append(column)
    columns.append([*[fmpq(0)] * (len(columns[0]) - 1), fmpq(1)])
    return [list(row) for row in zip(*columns, strict=True)]


def _factor(row: Row, other: Row, changed: Set[int]) -> fmpq:
    """The size of one row over that of another which is the same but for its sign and some weights."""
    pairs = [
        (row.bias, other.bias),
        *((a, b) for p, (a, b) in enumerate(zip(row.plus, other.plus, strict=True)) if p not in changed),
    ]
    return next((abs(fmpq(a, b)) for a, b in pairs if b), fmpq(1))
