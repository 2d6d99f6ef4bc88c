"""The faults' names for the numbers that a fit has changed."""

from __future__ import annotations

from flint import fmpq

from precise.arithmetic import primitive, to_float
from precise.network import Network, Row
from verify.diagnosis.fault import Certainty, Entry, Fault, Kind
from verify.verdict import Witness

SHOWN = 4  # entries that the evidence names


def named(base: Network, mended: Network, witness: Witness | None) -> list[Fault]:
    """What was wrong with the base, given the mended network: scales, spurious neurons, rows, the output layer."""
    rows = _changed_rows(base, mended)
    found: list[Fault] = []
    for (k, i), j in _exchanged(base, mended, rows).items():
        rows = {place: entries for place, entries in rows.items() if place[0] != k + 1}
        text = (
            f"The outgoing weights of neurons {i} and {j} of layer {k} fit only if they change places: the two rows "
            f"were exchanged, and what layer {k + 1} reckons with was not."
        )
        found.append(Fault(Kind.PERMUTATION, k, (i, j), text, Certainty.LIKELY, witness=witness))
    for (k, j), factor in _whole_columns(base, mended).items():
        above = {place for place in rows if place[0] == k + 1}
        if all(_only(base, mended, place, j) for place in above):
            for place in above:
                rows.pop(place)
            copies = [] if factor else _copies(base, k, j)
            found.append(_duplicate(k, copies, witness) if copies else _column_fault(k, j, factor, witness))
    for (k, i), entries in rows.items():
        found.append(_row_fault(base, mended, k, i, entries, witness))
    return found


def missing(layer: int, mended: Network, witness: Witness | None) -> Fault:
    """The neuron that was added to a layer, last in it; the original's number of it is not known."""
    neuron = mended.widths[layer]
    text = (
        f"The recovered network gives the answers on one side of a surface and not on the other, and in the inputs of "
        f"layer {layer} this surface is a hyperplane that none of its neurons has. With a neuron there, number "
        f"{neuron} of the repaired network's layer, all answers are explained."
    )
    return Fault(Kind.MISSING, layer, (neuron,), text, Certainty.LIKELY, witness=witness)


def changed_entries(base: Network, mended: Network) -> int:
    """How many numbers differ."""
    return sum(len(entries) for entries in _changed_rows(base, mended).values())


def _row(network: Network, k: int, i: int) -> Row:
    """Bias and weights."""
    layer = network.layers[k - 1]
    return (layer.biases[i - 1], *layer.weights[i - 1])


def _changed_rows(base: Network, mended: Network) -> dict[tuple[int, int], tuple[Entry, ...]]:
    found = {}
    for k, layer in enumerate(base.layers, 1):
        for i in range(1, layer.neurons + 1):
            pairs = zip(_row(base, k, i), _row(mended, k, i), strict=True)
            entries = tuple(Entry(n, a, b) for n, (a, b) in enumerate(pairs) if a != b)
            if entries:
                found[k, i] = entries
    return found


def _whole_columns(base: Network, mended: Network) -> dict[tuple[int, int], fmpq]:
    """{(layer, neuron): factor} of hidden neurons whose outgoing weights are all this multiple now.

    A single outgoing weight is a wrong weight like any other, unless it is 0 now: then the neuron has no effect.
    """
    found = {}
    for k in range(1, len(base.layers)):
        for j in range(base.widths[k]):
            pairs = [
                (a[j], b[j]) for a, b in zip(base.layers[k].weights, mended.layers[k].weights, strict=True) if a[j]
            ]
            factors = {b / a for a, b in pairs}
            told = len(pairs) > 1 or factors == {fmpq(0)}
            if told and len(factors) == 1 and factors != {fmpq(1)}:
                found[k, j + 1] = factors.pop()
    return found


def _copies(network: Network, k: int, j: int) -> list[int]:
    """The neurons of a layer whose rows are positive multiples of one of them; none if it is alone."""
    own = _row(network, k, j)
    if not any(own):
        return []
    same = [i for i in range(1, network.widths[k] + 1) if primitive(_row(network, k, i)) == primitive(own)]
    return same if len(same) > 1 else []


def _duplicate(k: int, neurons: list[int], witness: Witness | None) -> Fault:
    names = " and ".join(map(str, neurons))
    text = (
        f"The rows of neurons {names} of layer {k} are positive multiples of each other, and without the outgoing "
        "weights of one of them all answers are explained: the copy's weights were not shared out."
    )
    return Fault(Kind.DUPLICATE, k, tuple(neurons), text, Certainty.LIKELY, witness=witness)


def _exchanged(
    base: Network, mended: Network, rows: dict[tuple[int, int], tuple[Entry, ...]]
) -> dict[tuple[int, int], int]:
    """{(layer, neuron): other neuron} where the layer above differs only by two exchanged columns."""
    found = {}
    for k in range(1, len(base.layers)):
        changed = [{e.index for e in entries} for place, entries in rows.items() if place[0] == k + 1]
        if changed and len(changed[0]) == 2 and 0 not in changed[0] and all(c == changed[0] for c in changed):
            i, j = sorted(changed[0])
            pairs = zip(base.layers[k].weights, mended.layers[k].weights, strict=True)
            if all((a[i - 1], a[j - 1]) == (b[j - 1], b[i - 1]) for a, b in pairs):
                found[k, i] = j
    return found


def _only(base: Network, mended: Network, place: tuple[int, int], neuron: int) -> bool:
    pairs = zip(_row(base, *place), _row(mended, *place), strict=True)
    return all(a == b for n, (a, b) in enumerate(pairs) if n != neuron)


def _column_fault(k: int, j: int, factor: fmpq, witness: Witness | None) -> Fault:
    if not factor:
        text = f"Without neuron {j} of layer {k}, whose outgoing weights fit only as 0, all answers are explained."
        return Fault(Kind.SPURIOUS, k, (j,), text, Certainty.LIKELY, witness=witness)
    text = (
        f"All outgoing weights of neuron {j} of layer {k} fit only as {to_float(factor):.6g} times what they are: its "
        f"row is {to_float(1 / factor):.6g} times what the next layer reckons with."
    )
    return Fault(Kind.SCALE, k, (j,), text, Certainty.LIKELY, factor=1 / factor, witness=witness)


def _row_fault(
    base: Network, mended: Network, k: int, i: int, entries: tuple[Entry, ...], witness: Witness | None
) -> Fault:
    old, new = _row(base, k, i), _row(mended, k, i)
    if k < len(base.layers) and new[0] <= 0 and not any(new[1:]):
        text = f"Without neuron {i} of layer {k}, whose row fits as that of one that is off, all answers are explained."
        return Fault(Kind.SPURIOUS, k, (i,), text, Certainty.LIKELY, witness=witness)
    factors = {b / a for a, b in zip(old, new, strict=True) if a}
    if k < len(base.layers) and len(factors) == 1 and len(entries) > 1 and min(factors) > 0:
        factor = 1 / factors.pop()
        text = (
            f"The whole row of neuron {i} of layer {k} is {to_float(factor):.6g} times the row that fits the answers."
        )
        return Fault(Kind.SCALE, k, (i,), text, Certainty.LIKELY, factor=factor, witness=witness)
    shown = "; ".join(
        f"{f'weight of input {e.index}' if e.index else 'bias'} {to_float(e.found):.6g} instead of "
        f"{to_float(e.right or fmpq(0)):.6g}"
        for e in entries[:SHOWN]
    )
    more = f" and {len(entries) - SHOWN} more" if len(entries) > SHOWN else ""
    kind = Kind.ENTRIES if k < len(base.layers) else Kind.OUTPUT
    text = f"With the row of neuron {i} of layer {k} fitted, all answers are explained: {shown}{more}."
    return Fault(kind, k, (i,), text, Certainty.LIKELY, entries=entries, witness=witness)
