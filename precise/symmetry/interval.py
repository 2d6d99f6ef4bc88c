"""Exact intervals, possibly unbounded, and the ranges of affine functions and of a network's layers over them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from flint import fmpq

from precise.network import Layer


@dataclass(frozen=True)
class Range:
    """The rationals from `low` to `high`; None means that there is no bound on that side."""

    low: fmpq | None
    high: fmpq | None

    @property
    def empty(self) -> bool:
        """No number lies in it."""
        return self.low is not None and self.high is not None and self.low > self.high

    def times(self, factor: fmpq) -> Range:
        """The range of factor * v for v in this one."""
        if factor == 0:
            return Range(fmpq(0), fmpq(0))
        low = None if self.low is None else self.low * factor
        high = None if self.high is None else self.high * factor
        return Range(low, high) if factor > 0 else Range(high, low)


def affine_range(constant: fmpq, terms: Iterable[tuple[fmpq, Range]]) -> Range:
    """The exact range of constant + the sum of weight * v, each v independently in its range."""
    low: fmpq | None = constant
    high: fmpq | None = constant
    for weight, bounds in terms:
        part = bounds.times(weight)
        low = None if low is None or part.low is None else low + part.low
        high = None if high is None or part.high is None else high + part.high
        if low is None and high is None:
            break
    return Range(low, high)


def at_least_zero(bounds: Range) -> Range:
    """The range of max(0, v) for v in `bounds`."""
    zero = fmpq(0)
    low = zero if bounds.low is None else max(bounds.low, zero)
    return Range(low, None if bounds.high is None else max(bounds.high, zero))


def preactivation_ranges(layers: Iterable[Layer], ranges: Sequence[Range]) -> Iterator[list[Range]]:
    """Every layer's ranges before relu, each neuron by itself.

    Args:
        layers: one after the other, relu between them.
        ranges: of the inputs.
    """
    for layer in layers:
        rows = zip(layer.weights, layer.biases, strict=True)
        known = [affine_range(bias, zip(row, ranges, strict=True)) for row, bias in rows]
        yield known
        ranges = [at_least_zero(bounds) for bounds in known]
