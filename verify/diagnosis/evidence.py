"""The paragraphs: what was seen of a fault, and what else it cannot be."""

from __future__ import annotations

from collections.abc import Sequence

from flint import fmpq

from precise.symmetry.merging import Merged
from verify.diagnosis.agreement import log2
from verify.diagnosis.fault import Entry, Kind

SHOWN = 4  # entries that are named one by one


class Evidence:
    """Sentences about one layer; neurons come in from 0, in the networks without copies, and go out by their names."""

    def __init__(self, original: Merged, recovered: Merged, layer: int) -> None:
        self._original, self._recovered, self._layer = original, recovered, layer

    def recovered(self, neuron: int) -> int:
        """The number of a recovered neuron, from 1."""
        return self._recovered.name(self._layer, neuron + 1)

    def original(self, neuron: int) -> int:
        """The number of one of the original's neurons, from 1."""
        return self._original.name(self._layer, neuron + 1)

    def input(self, entry: int) -> int:
        """The number of an entry of a recovered row: 0 the bias, then the layer's inputs as the file has them."""
        return entry if not entry or self._layer == 1 else self._recovered.name(self._layer - 1, entry)

    def entries(self, m: int, i: int, entries: Sequence[Entry], count: int, output: bool) -> str:
        """A row with wrong entries."""
        right = count - len(entries)
        if output:
            start = f"Output {m + 1}: {right} of its {count} entries are the original's"
        elif right:
            start = f"{right} of the {count} entries of the row are those of the original's neuron {self.original(i)}"
            start += ", all on one scale"
        else:
            start = "No entry of the row is right"
            start += f"; by its outgoing weights the neuron stands for the original's neuron {self.original(i)}"
        shown = ", ".join(self._entry(entry) for entry in entries[:SHOWN])
        more = f" and {len(entries) - SHOWN} more" if len(entries) > SHOWN else ""
        which = "is not" if len(entries) == 1 else "are not"
        excluded = f" On any other scale more entries would be wrong than {len(entries)}." if right > 1 else ""
        return f"{start}; {shown}{more} {which}.{excluded}" if right else f"{start}: {shown}{more}."

    def _entry(self, entry: Entry) -> str:
        from verify.linear_region.symbolic import about

        name = "the bias" if entry.index == 0 else f"weight {entry.index}"
        if entry.right is None:
            return f"{name} ({about(entry.found)})"
        off = "" if not entry.right else f", off by 2^{round(log2((entry.found - entry.right) / entry.right))} of it"
        return f"{name} ({about(entry.found)} for {about(entry.right)}{off})"

    def factor(self, kind: Kind, m: int, i: int, factor: fmpq, count: int, home: int) -> str:
        """A row that is a multiple of what the next layer reckons with."""
        from verify.linear_region.symbolic import about

        row = f"the row of the original's neuron {self.original(i)}"
        if kind is Kind.SIGN:
            by = "" if factor == -1 else f", and {about(abs(factor))} times as large as the next layer reckons with"
            return (
                f"The row is {row} with the opposite sign, in all {count} entries that are not named as wrong{by}: "
                "the neuron is active exactly where the original's is not. No positive factor and no change of the "
                "next layer's weights makes up for that."
            )
        return (
            f"The row is {row} {about(factor)} times as large as the next layer reckons with: its entries have one "
            f"ratio, the weights of layer {self._layer + 1} on it another one, the same in every row that is right. "
            "Read as wrong weights of that layer, it would be one in each of its rows."
        )

    def permutation(self, cycle: Sequence[int]) -> str:
        """Rows that stand where others belong."""
        moves = "; ".join(
            f"the row at place {self.recovered(a)} belongs at place {self.recovered(b)}"
            for a, b in zip(cycle, (*cycle[1:], cycle[0]), strict=True)
        )
        return (
            f"The rows of layer {self._layer} and the weights of layer {self._layer + 1} on them are in different "
            f"orders: {moves}. Every one of these rows is one of the original's, and so are the weights on them, as a "
            "whole."
        )

    def spurious(self, m: int) -> str:
        """A neuron that the original does not have."""
        return (
            f"Neither the row of neuron {self.recovered(m)} nor its outgoing weights are those of any of the "
            "original's neurons that are still without a counterpart. Without it the layers fit."
        )

    def missing(self, i: int) -> str:
        """A neuron of the original that is not there."""
        return (
            f"No row of layer {self._layer} is a multiple of the original's neuron {self.original(i)}, and no weights "
            f"of layer {self._layer + 1} are those on it. All other rows have their counterparts."
        )

    def duplicate(self, members: Sequence[int]) -> str:
        """Copies that count too often."""
        names = " and ".join(map(str, members))
        return (
            f"The rows of neurons {names} are positive multiples of each other, and together their outgoing weights "
            "are too large by one of them: the copy's weights were not shared out. Without the copy the layers fit."
        )

    def precision(self, bits: int, wrong: int, count: int) -> str:
        """A layer that is right to some bits."""
        return (
            f"{wrong} of {count} entries of layer {self._layer} differ, none by more than 2^-{bits} of its size, and "
            f"no row is exact: the layer is right to {bits} bits and no further."
        )
