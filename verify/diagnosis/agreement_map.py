"""How far each neuron of the recovered network is from its counterpart, by layer: the figures of the agreement plot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flint import fmpq

from precise.network import Network
from precise.symmetry.merging import Merged, Rows, merge_copies, rows_of
from verify.diagnosis.agreement import log2
from verify.diagnosis.fault import Fault, Kind
from verify.diagnosis.peeling import Peeling, peel
from verify.diagnosis.sides import Reading, Side

Layer = dict[str, Any]  # "layer", "output" and "neurons", as the heat map of a report takes them


def agreement_map(original: Merged, recovered: Merged, peeling: Peeling, faults: Sequence[Fault]) -> list[Layer]:
    """Per layer every pair of neurons, what they have in common, and the bits to which their rows agree.

    A row is compared on its own scale, with its inputs in the order and on the scales in which the layer reads them: so
    a layer behind a wrong one is not blamed for it. `bits` is the largest b with |difference| <= 2^-b of the row's
    largest entry; None where the rows are the same up to a factor, or where there is no counterpart.
    """
    found = []
    layers = zip(rows_of(original.network), rows_of(recovered.network), peeling.readings, strict=True)
    for number, (rows, others, reading) in enumerate(layers, 1):
        flipped = {n for f in faults if f.kind is Kind.SIGN and f.layer == number for n in f.neurons}
        spurious = {n for f in faults if f.kind is Kind.SPURIOUS and f.layer == number for n in f.neurons}
        neurons = []
        for m, side in enumerate(reading.rows):
            name = recovered.name(number, m + 1)
            if side is None or name in spurious:
                neurons.append({"first": None, "second": name, "match": "extra", "bits": None})
                continue
            bits = _bits(rows, others, reading, m, side)
            match = "sign flipped" if name in flipped else "exact" if bits is None else "differs"
            neurons.append(
                {"first": original.name(number, side.partner + 1), "second": name, "match": match, "bits": bits}
            )
        missing = [n for f in faults if f.kind is Kind.MISSING and f.layer == number for n in f.neurons]
        neurons += [{"first": n, "second": None, "match": "missing", "bits": None} for n in missing]
        found.append({"layer": number, "output": number == len(peeling.readings), "neurons": neurons})
    return found


def compared(original: Network, recovered: Network, faults: Sequence[Fault]) -> list[Layer]:
    """The agreement map of two networks that were not read layer by layer yet; nothing if their depths differ."""
    if len(original.layers) != len(recovered.layers):
        return []
    pair = merge_copies(original), merge_copies(recovered)
    return agreement_map(*pair, peel(pair[0].network, pair[1].network)[0], faults)


def _bits(rows: Rows, others: Rows, reading: Reading, m: int, side: Side) -> int | None:
    row, scale = rows[side.partner], side.scale
    pairs = [(scale * row[0], others[m][0])]
    for number, column in enumerate(reading.columns, 1):
        if column is not None:
            pairs.append((scale * row[column.partner + 1], others[m][number] * column.scale))
    largest = max(max(abs(a), abs(b)) for a, b in pairs) or fmpq(1)
    gap = max(abs(a - b) for a, b in pairs)
    return max(0, int(-log2(gap / largest))) if gap else None
