"""Looks at parts of the domain as text, for a checkpoint; a text from elsewhere is checked before it is used.

Nothing here is evidence: what a search kept is checked exactly at its end like what it has just found.
"""

from __future__ import annotations

import base64
import json
import math
from hashlib import blake2b
from typing import Any

import numpy as np

from precise.journal.file import Journal
from precise.journal.oracle import KEY_BYTES
from verify.differential.bounds import Array, Part
from verify.differential.branching import Candidate, Split
from verify.differential.phases import by_phase
from verify.differential.problem import MOST_SPLITS, Step

MOST_STATE = 4  # of a variable in a basis of HiGHS
MOST_POINTS = 64  # candidates for a counterexample that one look has


def key(part: Part, split: Split | None, target: int, limit: float) -> bytes:
    """A hash of a look: of the part, the split of it, the target and the limit."""
    digest = blake2b(json.dumps([split, target, limit.hex()]).encode(), digest_size=KEY_BYTES)
    for values in (part.lower, part.upper, *part.boxes):
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.digest()


class Kept:
    """The looks that a checkpoint holds."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def steps(self, place: bytes, part: Part) -> tuple[Step, ...] | None:
        """What a look at this part, or at its two halves, has given; None: it was not finished.

        Raises:
            InputError: the checkpoint is damaged.
        """
        text = self._journal.outcome(place)
        if text is None:
            return None
        try:
            return tuple(_step(entry, part) for entry in _list(json.loads(text)))
        except (ValueError, TypeError, KeyError, IndexError, RecursionError, OverflowError) as error:
            raise self._journal.unreadable() from error

    def keep(self, place: bytes, part: Part, steps: tuple[Step, ...]) -> None:
        """Store what a look at a part, or at its halves, has given."""
        self._journal.keep_outcome(place, json.dumps([_plain(step, part) for step in steps]))


def _plain(step: Step, before: Part) -> dict[str, object]:
    return {
        "part": [_written(a, b) for a, b in zip(_arrays(step.part), _arrays(before), strict=True)],
        "empty": step.part.empty,
        "bound": step.bound,
        "size": step.size,
        "node": step.node,
        "splits": [[*candidate.split, candidate.gap] for candidate in step.splits],
        "points": [_encoded(point) for point in step.points],
        "basis": base64.b64encode(step.basis).decode(),
    }


def _step(plain: dict[str, Any], before: Part) -> Step:
    given = [_read(text, array) for text, array in zip(_list(plain["part"]), _arrays(before), strict=True)]
    part = Part(given[0], given[1], tuple(given[2:]), (), _of(bool, plain["empty"]))
    points = [_decoded(text, before.lower) for text in _list(plain["points"])[:MOST_POINTS]]
    bound, size = _of(float, plain["bound"]), _of(float, plain["size"])
    if bound != bound or not size >= 0:
        raise ValueError("not a bound")
    splits = tuple(_candidate(entry, before) for entry in _list(plain["splits"])[:MOST_SPLITS])
    found = np.array(points).reshape(-1, len(before.lower))
    basis = base64.b64decode(_of(str, plain["basis"]), validate=True)
    if any(state > MOST_STATE for state in basis):
        raise ValueError("not a basis")
    return Step(part, bound, size, _of(dict, plain["node"]), splits, found, basis)


def _candidate(plain: list[Any], part: Part) -> Candidate:
    kind, first, second, gap = _list(plain)
    if kind == "input":
        there = _of(int, first) in range(len(part.lower)) and math.isfinite(_of(float, second))
    else:
        kinds = ("phase",) if part.boxes and by_phase(part.boxes[0]) else ("z", "g")
        layers = range(1, len(part.boxes) + 1) if kind in kinds else ()
        there = _of(int, first) in layers and _of(int, second) in range(part.boxes[first - 1].shape[1])
    if not (there and 0 <= _of(float, gap) < math.inf):
        raise ValueError("not a split")
    return Candidate((kind, first, second), gap)


def _arrays(part: Part) -> list[Array]:
    return [part.lower, part.upper, *part.boxes]


def _written(values: Array, before: Array) -> str | None:
    """None where nothing has changed."""
    return None if np.array_equal(values, before) else _encoded(values)


def _read(text: str | None, before: Array) -> Array:
    return before if text is None else _decoded(text, before)


def _encoded(values: Array) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f8").tobytes()).decode()


def _decoded(text: str, like: Array) -> Array:
    values = np.frombuffer(base64.b64decode(_of(str, text), validate=True), dtype="<f8").astype(np.float64)
    if np.isnan(values).any():
        raise ValueError("not bounds")
    return values.reshape(like.shape)


def _list(plain: object) -> list[Any]:
    return list(_of(list, plain))


def _of(kind: type[Any], value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"expected a {kind.__name__}")
    return value
