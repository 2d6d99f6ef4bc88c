"""Rows that are known up to some weights, as pieces of one neuron's row.

A neuron's surface may have parts apart from each other, and each part may not meet some neurons of the layer below.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from flint import fmpq

from precise.arithmetic import primitive
from precise.regions.local_map import Row

SHARED = 3  # entries in which two rows agree before they are one neuron's


def factors(a: Row, b: Row) -> tuple[int, int] | None:
    """By which two rows are to be multiplied to be one, if there are such and the rows are not 0 in two places."""
    pairs = list(zip([*a.plus, a.bias], [*b.plus, b.bias], strict=True))
    lead = next((pair for pair in pairs if pair[0]), None)
    if lead is None or not lead[1] or sum(bool(v) for v, _ in pairs) < SHARED:
        return None
    return (lead[1], lead[0]) if all(v * lead[1] == w * lead[0] for v, w in pairs) else None


def joined(row: Row, lacking: Set[int], other: Row, absent: Set[int]) -> tuple[Row, fmpq]:
    """A row of a neuron with weights that it lacks from another one of it, on whose side it is; its factor over that.

    Args:
        absent: what the other row lacks; of what both lack it has what the other one has instead.
    """
    found = factors(row.without([*absent, *lacking]), other.without([*absent, *lacking]))
    assert found is not None
    weights = [
        w * found[1] if j in lacking else v * found[0]
        for j, (v, w) in enumerate(zip(row.plus, other.plus, strict=True))
    ]
    whole = [int(v.p) for v in primitive([*map(fmpq, weights), fmpq(row.bias * found[0])])]
    whole_row = replace(row, plus=tuple(whole[:-1]), bias=whole[-1])
    shared = next(j for j, w in enumerate([*other.plus, other.bias]) if w and j not in absent)
    scale = fmpq(whole[shared], [*other.plus, other.bias][shared])
    return (whole_row, scale) if scale > 0 else (whole_row.negated(), -scale)
