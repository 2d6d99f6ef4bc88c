"""What the search of one hidden layer has found, and what that took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from precise.equations.partial_rows import PartialRow
from precise.regions.local_map import Row
from precise.regions.probe import Point


@dataclass
class RowRecord:
    """How one row was found."""

    queries: int  # spent on the candidate that gave it
    tries: int  # candidates followed since the row before it
    redundant: int  # equations that held beyond full rank
    witness: Point  # a point on the neuron's surface
    doubted: int = 0  # see `Assembled`


@dataclass
class LayerResult:
    """The rows of a layer and how they were found."""

    rows: list[Row] = field(default_factory=list)
    records: list[RowRecord] = field(default_factory=list)
    lacking: set[tuple[int, int]] = field(default_factory=set)  # (row, feature) of weights that are not known
    parts: dict[int, list[PartialRow]] = field(default_factory=dict)  # what is known of the rows that lack some
    lines: int = 0
    candidates: int = 0
    rechecked: int = 0  # rows whose prediction was tried again at fresh points when the layer was found
    lines_since: int = 0  # searched since the last new row
    candidates_since: int = 0  # followed since the last new row
    ends: dict[str, int] = field(default_factory=dict)  # why candidates gave no row, counted
    seconds_lines: float = 0.0
    seconds_rows: float = 0.0
    queries_lines: int = 0
    queries_rows: int = 0

    @property
    def queries(self) -> int:
        """All that were asked for the layer."""
        return self.queries_lines + self.queries_rows

    def lacking_of(self, number: int) -> tuple[int, ...]:
        """The features whose weight a row lacks."""
        return tuple(sorted(feature for i, feature in self.lacking if i == number))

    def keep(self, numbers: Sequence[int]) -> None:
        """Drop all other rows; the list of rows stays the same one."""
        self.rows[:] = [self.rows[number] for number in numbers]
        self.records = [self.records[number] for number in numbers]
        self.lacking = {(n, feature) for n, number in enumerate(numbers) for i, feature in self.lacking if i == number}
        self.parts = {n: self.parts[number] for n, number in enumerate(numbers) if number in self.parts}
