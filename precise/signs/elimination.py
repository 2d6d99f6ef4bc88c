"""Signs of a layer with dependent rows, from many rows of the next one of which little is known: by elimination.

Where a next-layer surface never crosses neuron j, it tells nothing of j's coefficient; but if j's active side is the
one that the surface is not on, j adds nothing to it, whatever that coefficient is. So every choice of signs leaves
other coefficients open, and a part of a row that one choice explains may refute another one. All choices are tried; a
sign is told if it is the same in all of them that no part refutes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from flint import nmod_mat

from precise.equations.partial_rows import PartialRow
from precise.equations.row_system import PRIME, residues
from precise.regions.local_map import Row
from precise.signs.exact import Sign

MOST_NEURONS = 14  # all of whose sign choices are tried
MOST_PARTS = 24  # those of which least is open
MOST_OPEN = 3  # combinations of a part, over the number of inputs: of more uncrossed neurons too many are active

Table = list[list[int]]  # modulo PRIME


def signs_not_refuted(
    layer: Sequence[Row], parts: Sequence[PartialRow], lacking: Set[tuple[int, int]] = frozenset()
) -> Mapping[int, Sign]:
    """The signs that all choices have in common which no part refutes. (Refuted wrongly by chance once in 2^60.)

    Args:
        layer: the neurons, none of which is missing.
        parts: of rows of the next layer, in coefficients of the neurons, of the layer's inputs, and the bias.
        lacking: (neuron, input) of weights that are not known. A large one that keeps the active side off where the
            input is on makes no difference.

    Returns:
        Signs by neuron; none if all choices are refuted, or if there are too many to try.
    """
    most = MOST_OPEN * len(layer[0].plus)
    telling = sorted((part for part in parts if part.open <= most), key=lambda part: part.open)[:MOST_PARTS]
    if not telling or len(layer) > MOST_NEURONS:
        return {}
    explained = [_Explained(layer, part, lacking) for part in telling]
    seen: list[set[bool]] = [set() for _ in layer]  # is the negative side active?
    for choice in range(1 << len(layer)):
        refuting = next((n for n, part in enumerate(explained) if part.refutes(choice)), None)
        if refuting is not None:
            explained.insert(0, explained.pop(refuting))  # what refutes one choice is likely to refute the next
            continue
        for j, sides in enumerate(seen):
            sides.add(bool(choice >> j & 1))
        if all(len(sides) == 2 for sides in seen):
            return {}
    told = [(j, sides) for j, sides in enumerate(seen) if len(sides) == 1]
    return {j: Sign.NEGATIVE if True in sides else Sign.POSITIVE for j, sides in told}


class _Explained:
    """What a choice of signs leaves to be 0 of the rows that fulfil a part's equations; modulo the prime.

    With coefficients v and weights W of the neurons, a row's linear part is the sum of -v W over those active on their
    negative side. The rows are combinations of some; a column for each has what is left of that, and one for every
    lacking weight of a neuron that this does not keep off where it would act has its input. A last row has a form that
    is not 0 at the row.
    """

    def __init__(self, layer: Sequence[Row], part: PartialRow, lacking: Set[tuple[int, int]]) -> None:
        count, inputs = len(layer), len(layer[0].plus)
        terms = [[int(v) for v in term] for term in part.left.transpose().tolist()]  # shape (terms, unknowns)
        weights = sorted(lacking)
        form = [sum(a * b for a, b in zip(part.leads[0], term, strict=True)) % PRIME for term in terms]
        last = [form + [0] * len(weights)]
        start = [[term[count + p] for term in terms] + [0] * len(weights) for p in range(inputs)]
        sides: list[tuple[Table, Table]] = []
        for j, row in enumerate(layer):
            acting = [[int(i == j and p == q and row.plus[p] >= 0) for i, p in weights] for q in range(inputs)]
            others = [[int(i == j and p == q and row.plus[p] <= 0) for i, p in weights] for q in range(inputs)]
            positive = [[0] * len(terms) + column for column in acting]
            turned = [
                [term[j] * w % PRIME for term in terms] + column for w, column in zip(row.plus, others, strict=True)
            ]
            sides.append((positive, turned))
        self._half = count // 2
        self._left = _sums(start, sides[: self._half]), _sums(_zeros(start), sides[self._half :])
        whole = [(a + _zeros(last), b + _zeros(last)) for a, b in sides]
        self._whole = _sums(start + last, whole[: self._half]), _sums(_zeros(start + last), whole[self._half :])

    def refutes(self, choice: int) -> bool:
        """Is the form that is not 0 at the row 0 wherever nothing is left?

        Args:
            choice: bit j: is neuron j active on its negative side?
        """
        low, high = choice & ((1 << self._half) - 1), choice >> self._half
        left, whole = self._left[0][low] + self._left[1][high], self._whole[0][low] + self._whole[1][high]
        return bool(whole.rank() == left.rank())


def _sums(start: Table, sides: Sequence[tuple[Table, Table]]) -> list[nmod_mat]:
    """The start with the first or second table of every pair added, by the bits of which are the second ones."""
    sums = [residues(start)]
    for first, second in sides:
        sums = [total + residues(table) for table in (first, second) for total in sums]
    return sums


def _zeros(table: Table) -> Table:
    return [[0] * len(row) for row in table]
