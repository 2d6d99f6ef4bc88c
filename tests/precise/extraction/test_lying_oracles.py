"""Oracles that are not what they promise: found out, named in the outcome, and never a network from them."""

import re
from fractions import Fraction
from itertools import pairwise
from math import exp
from random import Random
from threading import Event
from time import monotonic

import pytest

from precise.arithmetic import Batch, to_fraction
from precise.errors import OracleError
from precise.extract import extract
from precise.oracle import ExactOracle, FunctionOracle
from precise.random_networks import random_network
from precise.regions.critical_points import MANY, Line, critical_points
from precise.regions.probe import FRACTION_BITS, Probe
from precise.regions.repeats import Repeats

WIDTHS = (4, 3, 2, 1)
FIRST, SECOND = random_network("4-3-2-1", seed=1), random_network("4-3-2-1", seed=2)


def honest(points, network=FIRST):
    return [[to_fraction(value) for value in network(point)] for point in points]


def smooth(points):
    return [[sum(x * x for x in point)] for point in points]


def clipped(points):
    return [[max(Fraction(-1), min(Fraction(1), value)) for value in row] for row in honest(points)]


def a_cache(points):
    return honest([[Fraction(round(x * 1000), 1000) for x in point] for point in points])


def squashed(points):
    """A network in floats with a sigmoid after it, in part saturated."""
    return [[1 / (1 + exp(-float(value))) for value in row] for row in honest(points)]


def bent(points):
    """Smooth, in exact arithmetic, and flat in half of the space."""
    return [[max(Fraction(0), value) ** 2 for value in row] for row in honest(points)]


def hanging(points):
    Event().wait(30)


class Changing:
    """Another network after some answers."""

    def __init__(self, after):
        self.after, self.count = after, 0

    def __call__(self, points):
        self.count += len(points)
        return honest(points, FIRST if self.count <= self.after else SECOND)


class Noisy:
    """Some answers are a little off."""

    def __init__(self, share, bits):
        self.random, self.share, self.bits = Random(0), share, bits

    def __call__(self, points):
        return [[value * (1 + self.error()) for value in row] for row in honest(points)]

    def error(self):
        return Fraction(self.random.choice((-1, 1)), 2**self.bits) if self.random.random() < self.share else 0


class Dying:
    """No answer after some."""

    def __init__(self, after):
        self.after, self.count = after, 0

    def __call__(self, points):
        self.count += len(points)
        if self.count > self.after:
            raise ConnectionError("connection reset by peer")
        return honest(points)


def outcome(function, budget=80_000, **options):
    result = extract(FunctionOracle(function, 4, 1, budget=budget, name="served:ask"), WIDTHS, **options)
    assert result.network is None
    assert not result.report.complete
    assert result.report.outcome.startswith("Incomplete: ")
    return result.report.outcome


@pytest.mark.parametrize("function", [smooth, a_cache])
def test_what_is_not_piecewise_linear_is_named(function):
    assert "piecewise linear" in outcome(function)


@pytest.mark.parametrize("function", [squashed, bent])
def test_what_bends_at_every_scale_is_named_before_much_is_asked(function):
    oracle = FunctionOracle(function, 4, 1)
    assert "piecewise linear" in extract(oracle, WIDTHS).report.outcome
    assert oracle.queries < 1_500


def test_floats_that_were_promised_exact_are_named():
    assert "fit into float64" in outcome(lambda points: [[float(v) for v in row] for row in honest(points)])


def test_a_crowded_line_of_a_network_is_no_reason_to_doubt():
    network = random_network("3-300-1", seed=0)
    probe = Probe(ExactOracle(network), range(3), [1])
    span = 64 << FRACTION_BITS
    found = critical_points(probe, Line([1, 2, 3], (5, -3, 2)), -span, span)
    (weights, biases), _ = network.to_numpy()
    crossings = -biases / (weights.T @ [5, -3, 2])
    assert len(found) == (abs(crossings) < 64).sum() > MANY


def test_widths_with_too_many_neurons_are_in_doubt():
    said = extract(FunctionOracle(honest, 4, 1, budget=2_500), (4, 5, 2, 1)).report.outcome
    assert "is the oracle a ReLU network of these widths?" in said


def test_one_that_hangs_is_named():
    started = monotonic()
    result = extract(FunctionOracle(hanging, 4, 1, name="served:ask", timeout=0.05), WIDTHS)
    assert monotonic() - started < 20
    said = result.report.outcome
    assert re.search(r"served:ask gave no answer to \d+ points within 0.05 seconds, after 0 queries", said)


def test_a_time_that_is_kept_changes_nothing():
    limited, free = (extract(FunctionOracle(honest, 4, 1, timeout=seconds), WIDTHS) for seconds in (60, None))
    assert limited.network == free.network is not None
    assert limited.report.queries == free.report.queries


@pytest.mark.parametrize("seed", [0, 1])
def test_a_network_with_something_after_it_is_not_taken_for_one(seed):
    said = outcome(clipped, budget=8_000, seed=seed)
    assert "do not explain the oracle" in said or "is the oracle a ReLU network of these widths?" in said


@pytest.mark.parametrize("after", [300, 600, 800])
def test_one_that_changes_over_time_is_named_first(after):
    said = outcome(Changing(after))
    assert "otherwise when it was asked again: it changes over time" in said.partition(".")[0]


def test_noise_beyond_the_promise_is_named():
    assert "noisier than promised" in outcome(Noisy(1.0, 200))


def test_rare_noise_gives_no_network_or_one_that_answers_as_promised():
    result = extract(FunctionOracle(Noisy(0.01, 40), 4, 1, budget=20_000), WIDTHS)
    assert result.network is None or [result.network([1, 2, 3, x]) for x in range(9)] == [
        FIRST([1, 2, 3, x]) for x in range(9)
    ]


@pytest.mark.parametrize("after", [0, 1, 50, 700])
def test_one_that_dies_is_named_with_its_words(after):
    said = outcome(Dying(after))
    assert "served:ask raised ConnectionError after" in said
    assert "connection reset by peer" in said


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda points: [[1, 2] for _ in points], "expected 1 outputs a point, not 2"),
        (lambda points: [[1]], "rows of outputs, not 1"),
        (lambda points: [[float("nan")] for _ in points], "not a number"),
        (lambda points: [["many"] for _ in points], "not a number"),
        (lambda points: None, "expected a list of rows"),
    ],
)
def test_wrong_shapes_and_kinds_are_named(answer, said):
    assert said in outcome(answer)


def test_a_declared_width_that_is_not_the_oracle_s_is_named():
    def strict(points):
        if any(len(point) != 5 for point in points):
            raise ValueError("expected 5 inputs")
        return honest(points)

    assert "expected 5 inputs" in outcome(strict)
    with pytest.raises(OracleError, match="expected 2 outputs"):
        FunctionOracle(honest, 4, 2).query(Batch.from_rows([[1, 2, 3, 4]]))


def test_an_honest_oracle_is_asked_again_and_believed():
    result = extract(FunctionOracle(honest, 4, 1), WIDTHS)
    assert result.report.complete
    assert 8 <= result.report.stages["repeated points"]["queries"] <= 40


def test_points_of_every_time_are_kept():
    repeats = Repeats()
    for number in range(100_000):
        repeats.note([[number]], 0, [number])
    numbers = [kept.number for kept in repeats.kept]
    assert numbers[:8] == list(range(1, 9))
    assert len(numbers) < 40
    assert all(b <= 1.5 * a + 1 for a, b in pairwise(numbers[7:]))
    assert numbers[-1] > 50_000
