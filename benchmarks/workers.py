"""How much faster is an extraction with several workers? `python benchmarks/workers.py` prints the ratios.

On the clock: whole extractions with one process and with --jobs, best of some; only a machine with nothing else to do
shows the ratio so. Beside it stands what the machine itself gives: as many one-process extractions at once as there are
workers, which share nothing, against one of them alone. By the schedule: one extraction in this process, with the
processor time of every candidate and of all that lies between them; the clocks of the workers are moved on as if they
had run side by side. Pickling for the way there and back counts, waiting for the oldest candidate too; what the
operating system takes for the rest does not.
"""

from __future__ import annotations

import argparse
import heapq
import json
import pickle
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import inf
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, process_time
from typing import Any
from unittest.mock import patch

from precise.executors import Work, Workers
from precise.extract import extract
from precise.formats import load_network
from precise.network import Network
from precise.oracle import ExactOracle

MODEL = Path(__file__).parents[1] / "fixtures" / "mnist_784_16x3_1.npz"
CLOCK, SCHEDULE, SERIAL = "on the clock", "by the schedule", "in the starting process"
APART = "apart, each with an extraction of its own"


class Schedule:
    """A crew of workers that exist on paper."""

    def __init__(self, work: Work, count: int, begun: float) -> None:
        self._work = work
        self._free = [0.0] * count  # when each worker is free
        self._mark = process_time()
        self.now = self.alone = self._mark - begun  # clock, and processor time, of the starting process
        self.items = 0.0  # processor time of all items, without pickling

    def in_order(
        self,
        item: Callable[[], Any],
        ahead: Callable[[], int],
        finished: Callable[[Any, Any], None],
        until: float = inf,
    ) -> Iterator[Any]:
        """See `precise.executors.Crew`."""
        begun = deque[tuple[float, bytes]]()
        while True:
            while len(begun) < max(ahead(), 1) and (fresh := item()) is not None:
                begun.append(self._done(pickle.dumps(fresh)))
            if not begun:
                return
            ready, packed = begun.popleft()
            result = pickle.loads(packed)
            self.advance()
            self.now = max(self.now, ready)
            yield result

    def __call__(self, items: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """See `precise.executors.Crew`."""
        source = iter(items)
        return enumerate(self.in_order(lambda: next(source, None), lambda: len(items), lambda *_: None))

    def _done(self, packed: bytes) -> tuple[float, bytes]:
        """When an item is finished that is sent now, and its result."""
        self.advance()
        item = pickle.loads(packed)
        begun = process_time()
        result = self._work(item)
        self.items += process_time() - begun
        answer = pickle.dumps(result)
        end = max(self.now, heapq.heappop(self._free)) + process_time() - self._mark
        heapq.heappush(self._free, end)
        self._mark = process_time()
        return end, answer

    def advance(self) -> None:
        """The starting process has worked since it was last looked at."""
        spent = process_time() - self._mark
        self.now += spent
        self.alone += spent
        self._mark = process_time()


def scheduled(network: Network, count: int, seed: int) -> dict[str, float]:
    """Seconds with one worker and with `count`, by the schedule."""
    crews: list[Schedule] = []

    @contextmanager
    def working(start: Callable[[], Work], _: Workers) -> Iterator[Schedule]:
        crews.append(Schedule(start(), count, begun))
        yield crews[-1]

    begun = process_time()
    with patch("precise.layers.workers.working", working):
        assert extract(ExactOracle(network), network.widths, seed).network is not None
    (crew,) = crews
    crew.advance()
    one = crew.alone + crew.items
    return {"one": one, "several": crew.now, SERIAL: crew.alone, "pickling": process_time() - begun - one}


def clocked(network: Network, jobs: int, seed: int) -> float:
    """Seconds of a whole extraction."""
    start = perf_counter()
    assert extract(ExactOracle(network), network.widths, seed, jobs).network is not None
    return perf_counter() - start


def apart(network: Network, count: int, seed: int) -> float:
    """Seconds of so many one-process extractions at once."""
    start = perf_counter()
    running = [get_context("fork").Process(target=clocked, args=(network, 1, seed)) for _ in range(count)]
    for process in running:
        process.start()
    for process in running:
        process.join()
    assert not any(process.exitcode for process in running)
    return perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, default=MODEL)
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 4, 8])
    parser.add_argument("--clock", type=int, default=3, help="extractions of each kind, of which the best counts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    network, found = load_network(given.model), []
    for count in given.workers:
        seconds = scheduled(network, count, given.seed)
        ratio = seconds["one"] / seconds["several"]
        found.append({"workers": count, "how": SCHEDULE, "ratio": ratio, **seconds})
        shown = f"{seconds['one']:.2f} s / {seconds['several']:.2f} s = {ratio:.2f}"
        print(f"{count} workers {SCHEDULE}: {shown}; {seconds[SERIAL]:.2f} s {SERIAL}", flush=True)
    if given.clock:
        jobs = given.workers[0]
        rounds = [
            (clocked(network, 1, given.seed), clocked(network, jobs, given.seed), apart(network, jobs, given.seed))
            for _ in range(given.clock)
        ]
        one, several, beside = (min(column) for column in zip(*rounds, strict=True))
        for how, times, seconds_taken in ((CLOCK, 1, several), (APART, jobs, beside)):
            ratio = times * one / seconds_taken
            found.append({"workers": jobs, "how": how, "ratio": ratio, "one": times * one, "several": seconds_taken})
            print(f"{jobs} workers {how}: {times * one:.2f} s / {seconds_taken:.2f} s = {ratio:.2f}", flush=True)
    if given.json is not None:
        given.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
