"""Answers rounded to D decimals, as a service prints them."""

from __future__ import annotations

from flint import fmpq

from precise.arithmetic import Batch
from precise.errors import InputError
from precise.network import Network
from precise.oracle import ExactOracle
from precise.oracles.promise import AbsolutePromise

MOST_DECIMALS = 100_000


class DecimalOracle(ExactOracle):
    """Each exact output rounded to the nearest multiple of 10^-D (ties upward): the error is at most 10^-D / 2."""

    def __init__(self, network: Network, decimals: int, budget: int | None = None) -> None:
        if not 0 <= decimals <= MOST_DECIMALS:
            raise InputError(f"decimals: expected 0 to {MOST_DECIMALS}, not {decimals}")
        super().__init__(network, budget)
        self._places = fmpq(10) ** decimals
        self.promise = AbsolutePromise(1 / (2 * self._places), f"rounded to {decimals} decimals")

    def _answer(self, points: Batch) -> Batch:
        exact = super()._answer(points).rows()
        half = fmpq(1, 2)
        return Batch.from_rows([[(v * self._places + half).floor() / self._places for v in row] for row in exact])
