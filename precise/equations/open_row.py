"""What is open in a row of which walks have seen only a part."""

from __future__ import annotations

from dataclasses import dataclass

from flint import fmpq

from precise.arithmetic import primitive
from precise.equations.partial_rows import PartialRow, kernel
from precise.regions.local_map import Row


@dataclass(frozen=True)
class OpenRow:
    """A row that is known up to some combinations of its coefficients."""

    row: Row  # one that fulfils the equations
    open: tuple[Row, ...]  # independent ones that may be added to it in any multiple


def open_row(partial: PartialRow, features: int, most: int) -> OpenRow | None:
    """What is open in a partial row: at least one and at most `most` combinations; else None.

    The equations are homogeneous. Of their solutions those at which the first lead vanishes are what is open: the lead
    is other than 0 at the row.
    """
    if not 1 <= partial.open <= most:
        return None
    lead = partial.leads[0]
    solutions = kernel(partial.equations)
    values = [sum(a * b for a, b in zip(lead, s, strict=True)) for s in solutions]
    chosen = next((n for n, v in enumerate(values) if v), None)
    if chosen is None:
        return None
    base, at = solutions[chosen], values[chosen]
    others = [
        [int(w.p) for w in primitive([fmpq(a * at - b * v) for a, b in zip(s, base, strict=True)])]
        for n, (s, v) in enumerate(zip(solutions, values, strict=True))
        if n != chosen
    ]
    return OpenRow(Row.of(base, features), tuple(Row.of(other, features) for other in others))


def unseen(known: OpenRow) -> list[int] | None:
    """The neurons below whose coefficient is open, when the open combinations are just these (signs known); else None.

    The row has 0 there.
    """
    absent = absent_unknowns(known)
    return absent if absent is not None and all(c < len(known.row.plus) for c in absent) else None


def absent_unknowns(known: OpenRow) -> list[int] | None:
    """The unknowns (plus ..., minus ..., bias) that are open, when the open combinations are just these."""
    table = [[*row.plus, *row.minus, row.bias] for row in known.open]
    absent = sorted({c for row in table for c, v in enumerate(row) if v})
    return absent if len(absent) == len(table) else None
