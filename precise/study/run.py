"""A study: cells are worked on here, in several processes or on a cluster, and each is kept when it is finished.

The journal holds one outcome a cell. A run that was killed repeats at most the cells that were being worked on, one a
process; what comes out depends on the cells alone.
"""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

from precise.executors import Workers, working
from precise.journal.file import Journal
from precise.network import Network
from precise.study.cells import SIGNS, Cell, Limits
from precise.study.measure import Measure
from precise.study.record import Record

LIBRARIES = ("precise-verify", "python-flint", "numpy", "scipy")  # that results may depend on
Progress = Callable[[str, int, int], None]  # (stage, done, total)


def identity(
    networks: Sequence[Network], bits: Sequence[int], formats: Sequence[str], seeds: Sequence[int], limits: Limits
) -> dict[str, str]:
    """What decides a study's result; the number of processes and the cluster do not."""
    return {
        "version": ", ".join(f"{name} {number}" for name, number in versions().items()),
        "model": ", ".join(network.sha256 for network in networks),
        "setting --bits": ",".join(map(str, bits)),
        "setting --formats": ",".join(formats) or "none",
        "setting --seed and --seeds": ",".join(map(str, seeds)),
        "setting of limits": json.dumps(limits.to_json()),
    }


def versions() -> dict[str, str]:
    """Of the libraries and of Python."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def run_study(
    networks: Sequence[Network],
    names: Sequence[str],
    cells: Sequence[Cell],
    limits: Limits,
    journal: Journal,
    workers: Workers,
    progress: Progress,
) -> list[Record]:
    """The records of all cells, in their order; those in the journal are not worked on again.

    Args:
        networks: the models; only oracles, scores and sign curves see them.
        names: of the models, for the progress.

    Raises:
        KeyboardInterrupt: interrupted; finished cells are in the journal.
        InputError: the scheduler does not answer, a model cannot be evaluated in a format, or the journal is damaged.
    """
    kept = {cell: record for cell in cells if (record := _kept(journal, cell)) is not None}
    count = _Count(names, cells, kept, progress)
    waiting = [cell for cell in cells if cell not in kept]
    if waiting:
        with working(Measure(networks, limits), workers) as map_cells:
            for number, record in map_cells(waiting):
                text = json.dumps(record)
                journal.keep_outcome(waiting[number].key, text)
                kept[waiting[number]] = json.loads(text)
                count.add(waiting[number])
    return [kept[cell] for cell in cells]


def _kept(journal: Journal, cell: Cell) -> Record | None:
    text = journal.outcome(cell.key)
    if text is None:
        return None
    try:
        record: Record = json.loads(text)
    except ValueError as error:
        raise journal.unreadable() from error
    return record


class _Count:
    """Finished cells a model, told to the progress."""

    def __init__(
        self, names: Sequence[str], cells: Sequence[Cell], kept: Mapping[Cell, Record], progress: Progress
    ) -> None:
        self._names, self._progress = names, progress
        self._totals = Counter(map(self._stage, cells))
        self._done = Counter(map(self._stage, kept))
        for stage, total in self._totals.items():
            progress(stage, self._done[stage], total)

    def _stage(self, cell: Cell) -> str:
        return f"{self._names[cell.model]}: {'sign method' if cell.kind == SIGNS else 'extractions'}"

    def add(self, cell: Cell) -> None:
        stage = self._stage(cell)
        self._done[stage] += 1
        self._progress(stage, self._done[stage], self._totals[stage])
