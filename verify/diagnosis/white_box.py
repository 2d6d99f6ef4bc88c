"""The diagnosis with the original at hand: read, name, mend, and prove that mending leaves nothing open.

read every layer as the original's -> the readings with the fewest elementary changes -> faults with names -> mend them
-> canonical forms equal? -> what is common to all explanations of that size is proved
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from precise.network import Network
from precise.symmetry.canonical_form import CanonicalForm, canonical_form
from precise.symmetry.merging import Copy, merge_copies
from verify.diagnosis.agreement_map import agreement_map
from verify.diagnosis.depths import compare_depths
from verify.diagnosis.fault import Certainty, Diagnosis, Fault, Kind
from verify.diagnosis.mending import Bench, mended
from verify.diagnosis.naming import Named, name_faults
from verify.diagnosis.peeling import Peeling, peel
from verify.diagnosis.witnesses import find_witnesses
from verify.equality.structural import CLAIM
from verify.errors import InputError
from verify.verdict import Outcome, Verdict

MOST_COPIES_AWAY = 2  # copies of neurons that are taken to be too many, at the same time
MOST_EXPLANATIONS = 16  # that are mended and compared with the original

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Explanation:
    """One set of faults, and the network with them mended."""

    peeling: Peeling
    dropped: tuple[Copy, ...]
    named: tuple[Named, ...]
    repaired: Network
    proved: bool  # is that the original, by canonical form?
    cut: bool = False  # were explanations of this size or smaller left out of the search?

    @property
    def structure(self) -> frozenset[object]:
        """What is not wrong entries: of explanations that share it, one with the fewest wrong rows is told first."""
        entries = (Kind.ENTRIES, Kind.OUTPUT)
        return frozenset(named.key for named in self.named if named.fault.kind not in entries)

    @property
    def key(self) -> frozenset[object]:
        """The set of faults, for comparison."""
        return frozenset(named.key for named in self.named)


def diagnose(
    original: Network,
    recovered: Network,
    seconds: float = 60.0,
    seed: int = 0,
    progress: Progress = lambda _: None,
) -> Diagnosis:
    """Name everything that is wrong with a recovered network, and mend it.

    Args:
        original: what was to be recovered.
        recovered: what came out, with its neurons in any order and on any positive scales.
        seconds: for the search of inputs that show the faults, all together; 0 looks for none.
        seed: of that search.
        progress: is told each step in a few words.

    Raises:
        InputError: the networks differ in inputs or outputs.
    """
    started = time.monotonic()
    _check_widths(original, recovered)
    progress("canonical forms")
    forms = canonical_form(original), canonical_form(recovered)
    if forms[0] == forms[1]:
        found = _no_fault(original, recovered, forms[0])
    elif len(original.layers) != len(recovered.layers):
        found = compare_depths(original, recovered, seconds, progress)
    else:
        found = _White(original, recovered, forms, seconds, seed, progress).diagnosis()
    return replace(found, seconds=time.monotonic() - started, seed=seed)


class _White:
    """The diagnosis of networks with as many layers that are not proved equal."""

    def __init__(
        self,
        original: Network,
        recovered: Network,
        forms: tuple[CanonicalForm, CanonicalForm],
        seconds: float,
        seed: int,
        progress: Progress,
    ) -> None:
        self._networks, self._forms = (original, recovered), forms
        self._original, self._recovered = merge_copies(original), merge_copies(recovered)
        self._seconds, self._seed, self._progress = seconds, seed, progress

    def diagnosis(self) -> Diagnosis:
        self._progress("layers read one after the other")
        candidates = self._candidates()
        self._progress("explanations mended and compared")
        first, others = self._explained(candidates)
        certain = self._certain(first, others)
        self._progress("inputs that show the faults")
        faults, shown = find_witnesses(
            self._networks,
            [fault for fault, _ in certain],
            [self._without(first, named) for _, named in certain],
            self._seconds,
            self._seed,
        )
        alternatives = tuple(tuple(n.fault for n in other.named) for other in others)
        return Diagnosis(
            faults=tuple(sorted(faults, key=lambda fault: fault.place)),
            explained=first.proved,
            outcome=_outcome(first, len(alternatives), faults, shown, self._seconds),
            repaired=first.repaired if first.proved else None,
            verdict=self._verdict(first) if first.proved else None,
            alternatives=alternatives,
            details={
                "elementary_changes": first.peeling.cost + len(first.dropped),
                "shown": shown,
                "layers": agreement_map(self._original, self._recovered, first.peeling, faults),
            },
        )

    # --- explanations ---

    def _candidates(self) -> list[tuple[Peeling, tuple[Copy, ...]]]:
        """Readings of all layers, those with fewer elementary changes first."""
        found: list[tuple[Peeling, tuple[Copy, ...]]] = []
        for dropped in self._droppable():
            network = self._recovered.without(dropped)
            found += [(peeling, dropped) for peeling in peel(self._original.network, network)]
        return sorted(found, key=lambda pair: (pair[0].cost + len(pair[1]), -len(pair[1]), -pair[0].natural))

    def _droppable(self) -> Iterator[tuple[Copy, ...]]:
        yield ()
        for count in range(1, MOST_COPIES_AWAY + 1):
            for copies in combinations(self._recovered.copies, count):
                if len({(copy.layer, copy.kept) for copy in copies}) == count:
                    yield copies

    def _explained(
        self, candidates: Sequence[tuple[Peeling, tuple[Copy, ...]]]
    ) -> tuple[Explanation, list[Explanation]]:
        """The best explanation and others of the same size; only proved ones, if there are any."""
        proved: list[Explanation] = []
        fallback = None
        size = None
        for peeling, dropped in candidates[:MOST_EXPLANATIONS]:
            if size is not None and peeling.cost + len(dropped) > size:
                break
            found = self._explanation(peeling, dropped)
            fallback = fallback or found
            if proved and self._blames_copies(found):
                continue
            if found.proved and found.key not in {other.key for other in proved}:
                proved.append(found)
                size = peeling.cost + len(dropped)
        assert fallback is not None
        if not proved:
            return fallback, []
        assert size is not None
        structure = proved[0].structure
        proved.sort(key=lambda one: (one.structure != structure, len(one.named) if one.structure == structure else 0))
        left_out = [peeling.cost + len(dropped) for peeling, dropped in candidates[MOST_EXPLANATIONS:]]
        left_out += [p.left_out + len(dropped) for p, dropped in candidates if p.left_out is not None]
        return replace(proved[0], cut=min(left_out, default=size + 1) <= size), proved[1:]

    def _blames_copies(self, explanation: Explanation) -> bool:
        """Does it give all copies of a neuron a wrong scale, where one copy too many explains the same?"""
        copied = {(copy.layer, n) for copy in self._recovered.copies for n in [copy.neuron]}
        return any(
            named.fault.kind is Kind.SCALE and (named.fault.layer, neuron) in copied
            for named in explanation.named
            for neuron in named.fault.neurons
        )

    def _explanation(self, peeling: Peeling, dropped: tuple[Copy, ...]) -> Explanation:
        named = name_faults(self._original, self._recovered, peeling, dropped)
        repaired = mended(self._bench(peeling), [n.mend for n in named])
        proved = self._same(repaired)
        kept = [n for n in named if not (proved and self._idle(n.fault))]
        if len(kept) < len(named):
            without = mended(self._bench(peeling), [n.mend for n in kept])
            if self._same(without):
                named, repaired = kept, without
        return Explanation(peeling, dropped, tuple(named), repaired, proved)

    def _bench(self, peeling: Peeling) -> Bench:
        return Bench.of(self._original.network, self._recovered.network, peeling)

    def _same(self, network: Network) -> bool:
        return canonical_form(network) == self._forms[0]

    def _idle(self, fault: Fault) -> bool:
        """Is a neuron of this fault proved to have no effect? Then the fault may be none."""
        if fault.layer > len(self._forms[0].layers) or not fault.neurons:
            return False
        form = self._forms[0 if fault.kind is Kind.MISSING else 1]
        neurons = form.layers[fault.layer - 1]
        return all(neurons[n - 1].unit is None and neurons[n - 1].state.value != "always active" for n in fault.neurons)

    def _without(self, explanation: Explanation, left: Named) -> Network:
        """The recovered network with all faults mended but one."""
        return mended(self._bench(explanation.peeling), [n.mend for n in explanation.named if n is not left])

    # --- what is known ---

    def _certain(self, first: Explanation, others: Sequence[Explanation]) -> list[tuple[Fault, Named]]:
        """The faults with their certainty: proved is what all explanations of that size, each of them seen, share."""
        common = first.key.intersection(*(other.key for other in others))
        found = []
        for named in first.named:
            sure = first.proved and not first.cut and named.key in common and not self._guessed(first, named.fault)
            fault = replace(named.fault, certainty=Certainty.PROVED if sure else Certainty.LIKELY)
            found.append((fault, named))
        return found

    def _guessed(self, explanation: Explanation, fault: Fault) -> bool:
        """Does the fault rest on a row that is none of the original's, or are most entries of its own row wrong?"""
        layers = {fault.layer, fault.layer - 1}
        if fault.kind in (Kind.MISSING, Kind.SPURIOUS, Kind.PERMUTATION):
            layers.add(fault.layer + 1)
        row = 1 + self._recovered.network.widths[fault.layer - 1]
        below = explanation.peeling.readings[fault.layer - 2] if fault.layer > 1 else None
        if fault.entries and below is not None and below.slack and self._recovered.network.widths[fault.layer] == 1:
            return True  # a weight of a single neuron is wrong, or the scale below, known to some bits only
        if fault.kind is Kind.PRECISION and below is not None and below.slack:
            return True  # the rows seem imprecise already because the scales below are known to some bits only
        return bool(explanation.peeling.vague & layers) or 2 * len(fault.entries) > row

    def _verdict(self, explanation: Explanation) -> Verdict:
        units = len(self._forms[0].units)
        return Verdict(
            Outcome.EQUAL,
            f"all of R^{self._networks[0].input_width}",
            CLAIM,
            f"the repaired network and the original have the same canonical form, {units} units in exact arithmetic",
        )


def _check_widths(original: Network, recovered: Network) -> None:
    for kind, a, b in (
        ("inputs", original.input_width, recovered.input_width),
        ("outputs", original.output_width, recovered.output_width),
    ):
        if a != b:
            raise InputError(f"expected networks with the same number of {kind}, not {a} and {b}")


def _no_fault(original: Network, recovered: Network, form: CanonicalForm) -> Diagnosis:
    reason = f"both networks have the same canonical form, {len(form.units)} units in exact arithmetic"
    verdict = Verdict(Outcome.EQUAL, f"all of R^{original.input_width}", CLAIM, reason)
    return Diagnosis((), True, f"No fault: {reason}.", recovered, verdict)


def _outcome(explanation: Explanation, alternatives: int, faults: Sequence[Fault], shown: bool, seconds: float) -> str:
    count = f"{len(faults)} fault{'s' * (len(faults) != 1)}"
    layers = sorted({fault.layer for fault in faults})
    where = f"in layer {layers[0]}" if len(layers) == 1 else f"the first in layer {layers[0]}" if layers else ""
    if not explanation.proved:
        return (
            f"{count} likely, {where}, but mending them does not give the original: part of the difference is open. "
            "Compare layer by layer from the first one named."
        )
    text = f"{count}, {where}; mending exactly {'this' if len(faults) == 1 else 'these'} gives a network proved equal."
    if alternatives:
        others = "one other explanation" if alternatives == 1 else f"{alternatives} other explanations"
        text += f" The function and the weights allow {others} of the same size: see the alternatives."
    if explanation.peeling.vague:
        vague = ", ".join(map(str, sorted(explanation.peeling.vague)))
        text += (
            f" In layer {vague} a row is none of the original's: which neuron it stands for is a guess, so faults "
            "there are likely at most."
        )
    if explanation.cut:
        text += " The search of other explanations was cut off, so none of these faults is proved."
    if seconds and not shown:
        text += " No input was found on which the outputs differ: whether the function is wrong is open."
    return text
