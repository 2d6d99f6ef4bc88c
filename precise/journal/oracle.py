"""An oracle whose answers are kept: a resumed run, which asks the same again, gets them from the journal.

What one run asks several times is asked several times, so that an oracle that changes its mind is still found out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

from flint import fmpz, fmpz_mat

from precise.arithmetic import Batch, SliceBatch
from precise.errors import BudgetExceeded
from precise.journal.file import Journal
from precise.oracle import Oracle

KEY_BYTES = 20


class JournaledOracle:
    """The oracle `inner` with a journal in front of it; on another machine, `inner` alone."""

    def __init__(self, inner: Oracle, journal: Journal) -> None:
        self.inner = inner
        self.journal = journal
        self.input_width = inner.input_width
        self.output_width = inner.output_width
        self.precision = inner.precision
        self.budget = inner.budget
        self._task: bytes | None = None
        self._asked: Counter[bytes] = Counter()  # how often, within the task

    @property
    def queries(self) -> int:
        """Points answered so far, from the journal or not."""
        return self.inner.queries

    @queries.setter
    def queries(self, number: int) -> None:
        self.inner.queries = number

    def query(self, points: Batch) -> Batch:
        """See `Oracle.query`."""
        key = self._key(points)
        kept = self.journal.answer(key)
        if kept is None:
            answers = self.inner.query(points)
            self.journal.keep_answer(key, _packed(answers), self._task)
            return answers
        if self.budget is not None and self.queries + points.size > self.budget:
            raise BudgetExceeded(
                f"the budget of {self.budget} queries is used up: {self.queries} asked, {points.size} more needed"
            )
        try:
            answers = _unpacked(kept, points.size, self.output_width)
        except (ValueError, IndexError) as error:
            raise self.journal.unreadable() from error
        self.queries += points.size
        return answers

    @contextmanager
    def within(self, task: bytes) -> Iterator[None]:
        """Answers belong to this task."""
        outside = self._task, self._asked
        self._task, self._asked = task, Counter()
        try:
            yield
        finally:
            self._task, self._asked = outside

    def _key(self, points: Batch) -> bytes:
        content = content_hash(points)
        self._asked[content] += 1
        place = content + (self._task or b"") + str(self._asked[content]).encode()
        return blake2b(place, digest_size=KEY_BYTES).digest()

    def __reduce__(self) -> tuple[Any, ...]:
        return _alone, (self.inner,)


def _alone(oracle: Oracle) -> Oracle:
    return oracle


def content_hash(points: Batch) -> bytes:
    """A hash of the points of a batch."""
    inside = points.inside if isinstance(points, SliceBatch) else points.numerators
    columns = points.columns if isinstance(points, SliceBatch) else ()
    digest = blake2b(
        f"{points.width} {columns} {points.size} {int(points.denominator):x}".encode(), digest_size=KEY_BYTES
    )
    digest.update(",".join([f"{int(value):x}" for value in inside.entries()]).encode())
    return digest.digest()


def _packed(answers: Batch) -> bytes:
    numbers = [int(answers.denominator), *map(int, answers.numerators.entries())]
    return ",".join([f"{number:x}" for number in numbers]).encode()


def _unpacked(kept: bytes, size: int, width: int) -> Batch:
    denominator, *entries = (int(number, 16) for number in kept.decode().split(","))
    if denominator < 1:
        raise ValueError("a denominator is positive")
    return Batch(fmpz_mat(size, width, entries), fmpz(denominator))
