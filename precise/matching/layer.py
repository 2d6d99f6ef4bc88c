"""One hidden layer: lines are added until as many neurons as declared are confirmed, or patience ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from flint import arb

from precise.matching.missing import seek
from precise.matching.partial import BIAS, Group, Partial, joined, partial_of, started
from precise.matching.presence import Inputs, Presence, crossings, inputs_along, known_crossings, presence
from precise.matching.surface import runs_as_predicted
from precise.matching.survey import Explained, Survey
from precise.rounding.balls import middle
from precise.rounding.known import KnownLayers, KnownRow

LEAST_MEMBERS = 2  # independent critical points that agree on a row
SEEKS = 12  # targeted searches for one entry


@dataclass(frozen=True)
class Patience:
    """When a layer counts as having no further neuron that can be told."""

    lines: int = 240  # altogether, at this layer
    idle: int = 120  # lines without a new neuron


@dataclass
class LayerMatch:
    """What was found of a layer."""

    rows: list[KnownRow] = field(default_factory=list)
    open_entries: list[list[int]] = field(default_factory=list)  # of rows with entries that no point showed
    partials: int = 0
    groups: int = 0
    lines: int = 0
    told_bits: float = 0.0  # beyond the scale, of the median partial signature that no other one matched


class _Search:
    def __init__(self, survey: Survey, known: KnownLayers, inputs: int, last: bool) -> None:
        self.survey, self.known, self.inputs, self.last = survey, known, inputs, last
        self.along = Inputs(survey.view, known)
        self.groups: list[Group] = []
        self.partials = self._taken = 0
        self._apart: dict[tuple[int, int], tuple[Group, Group]] = {}  # pairs that did not join; kept alive by it
        self._runs: dict[int, tuple[Group, bool]] = {}  # of groups: does the surface run as predicted?
        self._seen: dict[int, tuple[Group, int, Presence]] = {}  # group, lines looked at, what they showed

    def take(self) -> None:
        """Sort the bends that came since the last call into groups."""
        for bend in self.survey.bends[self._taken :]:
            partial = partial_of(self.survey.view, self.known, bend)
            if partial is not None:
                self.partials += 1
                self._place(partial)
        self._taken = len(self.survey.bends)
        self._gather()

    def _place(self, partial: Partial) -> None:
        for number, group in enumerate(self.groups):
            merged = joined(group, partial)
            if merged is not None:
                self.groups[number] = merged
                return
        fresh = started(partial)
        if fresh is not None:
            self.groups.append(fresh)

    def _gather(self) -> None:
        """Put groups together that have become alike by growing."""
        number = 0
        while number < len(self.groups):
            for later in range(len(self.groups) - 1, number, -1):
                merged = self._together(self.groups[number], self.groups[later])
                if merged is not None:
                    self.groups[number] = merged
                    del self.groups[later]
            number += 1

    def _together(self, first: Group, second: Group) -> Group | None:
        if (id(first), id(second)) in self._apart:
            return None
        merged = joined(first, Partial(second.entries, second.members[0].bend))
        if merged is None:
            self._apart[id(first), id(second)] = (first, second)
            return None
        return Group(merged.reference, merged.entries, [*first.members, *second.members])

    def confirmed(self) -> list[Group]:
        """Groups of several members whose surfaces are where they must be, distinct ones only."""
        found: list[Group] = []
        for group in sorted(self.groups, key=lambda g: -len(g.members)):
            if len(group.members) < LEAST_MEMBERS or not self._presence(group).confirmed:
                continue
            if not any(_alike(group, other) for other in found) and (self.last or self._runs_as_predicted(group)):
                found.append(group)
        return found

    def _runs_as_predicted(self, group: Group) -> bool:
        """Asked once a neuron: what it has when it is asked first tells it from deeper ones."""
        first = id(group.members[0])
        if first not in self._runs:
            self._runs[first] = (group, runs_as_predicted(self.survey, self.known, group.entries))
        return self._runs[first][1]

    def _presence(self, group: Group) -> Presence:
        """What all random lines show of a group; only new lines are looked at."""
        _, done, seen = self._seen.get(id(group), (group, 0, Presence(0, 0)))
        lines = self.survey.lines
        along = self.along.along(lines)
        for n in range(done, len(lines)):
            seen += presence(lines[n], along[n], group.entries)
        self._seen[id(group)] = (group, len(lines), seen)
        return seen

    def explained(self, found: Sequence[Group]) -> Explained:
        """Where rows that were found already, and layers below, bend a line."""
        return lambda line: (
            known_crossings(self.survey.view, self.known, line)
            | {i for group in found for i in crossings(inputs_along(self.survey.view, self.known, line), group.entries)}
        )

    def complete(self, group: Group) -> None:
        """Look for critical points where the neurons of open entries are active, again after every entry found."""
        left: list[int] = []
        while (missing := group.missing(self.inputs)) and missing != left:
            left = missing
            for j in missing:
                group = self._sought(group, j)

    def _sought(self, group: Group, neuron: int) -> Group:
        """The group after a search for one entry."""
        for _ in range(SEEKS):
            if neuron in group.entries or not seek(self.survey, self.known, group.entries, neuron):
                break
            self.take()
            group = next((g for g in self.groups if g.members[0] is group.members[0]), group)
        return group


def _alike(first: Group, second: Group) -> bool:
    """May both be one neuron? (Then only one of them is a row.)"""
    common = [j for j in first.entries if j in second.entries and j != BIAS]
    if not common:
        return True
    pivot = max(common, key=lambda j: abs(middle(second.entries[j])))
    if second.entries[pivot].contains(0):
        return True
    factor = first.entries[pivot] / second.entries[pivot]
    return all(first.entries[j].overlaps(second.entries[j] * factor) for j in [*common, BIAS])


def match_layer(
    survey: Survey,
    known: KnownLayers,
    inputs: int,
    width: int,
    last: bool,
    patience: Patience,
    progress: Callable[[int, int], None],
) -> LayerMatch:
    """Find the rows of the layer above `known`, each up to its sign.

    Args:
        inputs: neurons of the layer below (coordinates of the slice for layer 1).
        width: declared neurons.
        last: is it the last hidden layer? Otherwise neurons of deeper layers must be told apart.
        progress: called with (rows confirmed, width).
    """
    search = _Search(survey, known, inputs, last)
    search.take()
    confirmed = search.confirmed()
    idle = lines = 0
    while len(confirmed) < width and lines < patience.lines and idle < patience.idle:
        survey.add_random_line(search.explained(confirmed))
        lines += 1
        search.take()
        before, confirmed = len(confirmed), search.confirmed()
        idle = 0 if len(confirmed) > before else idle + 1
        progress(len(confirmed), width)
    for group in confirmed:
        search.complete(group)
    confirmed = search.confirmed()
    return _result(search, confirmed, inputs, lines)


def _result(search: _Search, confirmed: list[Group], inputs: int, lines: int) -> LayerMatch:
    alone = [group.told_bits for group in search.groups if len(group.members) == 1]
    told = median(alone) if alone else 0.0
    result = LayerMatch(partials=search.partials, groups=len(search.groups), lines=lines, told_bits=told)
    for group in confirmed:
        missing = group.missing(inputs)
        if missing:
            result.open_entries.append(missing)
            continue
        weights = tuple(group.entries[j] if j != group.reference else arb(1) for j in range(inputs))
        result.rows.append(KnownRow(weights, group.entries[BIAS], group.reference))
    return result
