"""The work on one cell: an oracle of the wanted precision, the extraction from it, and then the score.

The extraction gets the oracle alone; the true network is for the oracle, the score and the sign curves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import process_time

from threadpoolctl import threadpool_limits

from precise.network import Network
from precise.oracles.hardware import HardwareOracle
from precise.oracles.select import oracle_of
from precise.study.attempt import attempt
from precise.study.cells import EXTRACTION, Cell, Limits
from precise.study.record import Record, extraction_record
from precise.study.sign_curves import sign_curves


@dataclass(frozen=True)
class Measure:
    """Starts the work in a process or on a worker of a cluster; it can be pickled."""

    networks: Sequence[Network]
    limits: Limits

    def __call__(self) -> Callable[[Cell], Record]:
        """The function that works on cells."""
        return self.cell

    def cell(self, cell: Cell) -> Record:
        """The record of a cell.

        Raises:
            KeyboardInterrupt: the run was interrupted within it.
            InputError: the network cannot be evaluated in the cell's format.
        """
        with threadpool_limits(1):  # sums are added in one order, whatever processes and machines there are
            return self._cell(cell)

    def _cell(self, cell: Cell) -> Record:
        network = self.networks[cell.model]
        oracle = oracle_of(network, cell.precision)
        # the promise of a hardware format speaks of the network with its parameters rounded to it
        true = oracle.rounded_network() if isinstance(oracle, HardwareOracle) else network
        if cell.kind == EXTRACTION:
            return extraction_record(cell, true, attempt(oracle, network.widths, cell.seed, self.limits))
        start = process_time()
        layers = sign_curves(true, oracle, cell.seed)
        return {
            "kind": cell.kind,
            "model": cell.model,
            "precision": cell.precision,
            "seed": cell.seed,
            "layers": layers,
            "queries": oracle.queries,
            "seconds": process_time() - start,
        }
