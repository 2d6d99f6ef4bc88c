"""Extractions from end to end: what is called complete is the same network, and nothing is ever claimed wrongly."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from flint import fmpq

from precise.arithmetic import Batch, rational
from precise.errors import BudgetExceeded, OracleError
from precise.extract import Extraction, _Run, extract
from precise.formats import load_network
from precise.layers.hidden_layer import Patience
from precise.network import Layer, Network
from precise.oracle import ExactOracle, RoundedOracle
from precise.random_networks import planted_network, random_network
from precise.report import LayerReport, Report
from precise.symmetry.canonical_form import canonical_form
from verify.equality.structural import prove_equal
from verify.verdict import Outcome

FIXTURES = Path(__file__).parents[3] / "fixtures"
SHORT = Patience(candidates=16, lines=6)


def recovered(network: Network, seed: int = 0, **options: object) -> Extraction:
    return extract(ExactOracle(network), network.widths, seed, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "widths",
    ["10-5x2-1", "20-10x2-1", "30-8-8-1", "12-6-4-3", "9-9-1", "40-8-6-1"],
)
def test_contracting_networks_come_out_exact(widths: str) -> None:
    network = random_network(widths, seed=3)
    result = recovered(network)
    assert result.report.complete, result.report.outcome
    assert result.network is not None
    assert canonical_form(result.network) == canonical_form(network)


@pytest.mark.parametrize("widths", ["4-8-8-1", "20-40-1", "6-12-12-3", "3-7-2"])
def test_expanding_networks_come_out_exact(widths: str) -> None:
    network = random_network(widths, seed=1)
    result = recovered(network, seed=1)
    assert result.report.complete, result.report.outcome
    assert result.network is not None
    assert canonical_form(result.network) == canonical_form(network)
    assert all(neuron.sign in ("positive", "negative") for layer in result.report.layers for neuron in layer.neurons)


@pytest.mark.parametrize("name", ["breast_cancer_30_8x2_1", "digits_64_16x2_10", "mnist_784_8x2_1"])
def test_trained_networks_are_proved_equal(name: str) -> None:
    network = load_network(FIXTURES / f"{name}.npz")
    result = recovered(network)
    assert result.network is not None, result.report.outcome
    assert prove_equal(network, result.network).outcome is Outcome.EQUAL
    assert result.network.widths == network.widths


@pytest.mark.parametrize("seed", [*range(12), *range(13, 17)])  # 12 takes longer than all others
def test_what_is_not_identified_is_never_claimed(seed: int) -> None:
    network, kinds = planted_network(seed, depth=3, width=5, outputs=3, planted=2)
    result = recovered(network, seed, patience=SHORT)
    if result.report.complete:
        assert result.network is not None
        assert canonical_form(result.network) == canonical_form(network), kinds
    else:
        assert not result.report.outcome.startswith("Complete")
    if result.network is not None:
        size = result.report.domain or 1024
        assert answers(result.network, seed, size) == answers(network, seed, size), kinds


def answers(network: Network, seed: int, size: float) -> list[list[fmpq]]:
    """Outputs at random rational points in |x| <= size, at many scales."""
    random = Random(seed)
    rows = []
    for scale in [fmpq(scale) for scale in (1, 8, 64, 1023) if scale <= size] or [rational(size)]:
        for _ in range(25):
            rows.append([random.randint(-997, 997) * scale / 997 for _ in range(network.input_width)])
    return network.evaluate(Batch.from_rows(rows)).rows()


def test_the_result_does_not_depend_on_the_number_of_processes() -> None:
    network = random_network("12-6-6-2", seed=5)
    one, two = recovered(network, seed=7), recovered(network, seed=7, jobs=2)
    assert one.report.queries == two.report.queries
    assert one.network == two.network
    assert one.network is not None


def test_the_same_seed_asks_the_same() -> None:
    network = random_network("10-5x2-1", seed=5)
    assert recovered(network, seed=9).report.queries == recovered(network, seed=9).report.queries


@pytest.mark.parametrize("widths", ["10-5x2-1", "20-12-1"])
def test_widths_are_found(widths: str) -> None:
    network = random_network(widths, seed=2)
    result = extract(ExactOracle(network), None, 1, patience=Patience(candidates=60, lines=15))
    assert result.report.widths == list(network.widths), result.report.outcome
    assert result.network is not None
    assert canonical_form(result.network) == canonical_form(network)
    assert all("led to no other" in layer.notes[0] for layer in result.report.layers)


def test_wrong_widths_are_not_believed() -> None:
    network = random_network("8-5-4-1", seed=4)
    for widths in ([8, 4, 4, 1], [8, 5, 3, 1], [8, 5, 1]):
        result = extract(ExactOracle(network), widths, 0, patience=SHORT)
        assert not result.report.complete, widths


@pytest.mark.parametrize("budget", [1, 10, 200, 700])
def test_a_budget_is_never_exceeded(budget: int) -> None:
    network = random_network("10-5x2-1", seed=1)
    oracle = ExactOracle(network, budget)
    result = extract(oracle, network.widths)
    assert oracle.queries <= budget
    assert result.network is None
    assert "budget" in result.report.outcome


def test_an_oracle_that_rounds_is_found_out() -> None:
    network = random_network("10-5x2-1", seed=1)
    result = extract(RoundedOracle(network, 53), network.widths)
    assert result.network is None
    assert "53 bits" in result.report.outcome


def test_enough_bits_are_as_good_as_exact_answers() -> None:
    network = random_network("10-5x2-1", seed=1)
    result = extract(RoundedOracle(network, 4096), network.widths)
    assert result.network is not None, result.report.outcome
    assert canonical_form(result.network) == canonical_form(network)


class Failing(ExactOracle):
    """Fails at a given query."""

    def __init__(self, network: Network, last: int, error: type[BaseException]) -> None:
        super().__init__(network)
        self._last, self._error = last, error

    def query(self, points: Batch) -> Batch:
        if self.queries >= self._last:
            raise self._error("gone")
        return super().query(points)


@pytest.mark.parametrize("error", [OracleError, BudgetExceeded, KeyboardInterrupt])
def test_a_failure_in_the_middle_keeps_what_was_paid_for(error: type[BaseException]) -> None:
    network = random_network("10-5x2-1", seed=1)
    result = extract(Failing(network, 700, error), network.widths)
    assert result.network is None
    assert result.report.outcome.startswith("Incomplete")
    assert result.report.queries >= 700
    assert len(result.known.layers[0]) == 5


def test_more_neurons_than_the_layer_has_are_never_called_identified() -> None:
    report = Report([4, 3, 1], 1, None, 1, layers=[LayerReport(1, 3, rows=3, opposite_twins=3)])
    assert report.unidentified() == ["layer 1: 3 of 3 neurons change state, and 3 of these act on both sides"]
    report.layers[0].opposite_twins = 0
    assert report.unidentified() == []


@pytest.mark.parametrize(("widths", "seed"), [("3-1-4-3-2", 0), ("3-1-4-1", 1), ("4-3-1-4-3-1", 2)])
def test_behind_a_layers_only_neuron_the_function_is_found_though_the_layers_cannot_be_told_apart(
    widths: str, seed: int
) -> None:
    network = random_network(widths, seed)
    result = recovered(network, seed)
    assert result.network is not None, result.report.outcome
    assert prove_equal(network, result.network).outcome is Outcome.EQUAL
    (single,) = (number for number, width in enumerate(network.widths[1:-1], 1) if width == 1)
    told = f"layers {single + 1} to {len(network.widths) - 2}: behind the only neuron of layer {single}"
    assert (told in result.report.outcome) == (single + 1 < len(network.widths) - 2)


def test_a_run_that_ends_without_a_network_is_followed_by_one_with_the_next_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = _Run.everything

    def fails_at_first(run: _Run) -> Network:
        if run.report.seed < 7:
            run.hidden = (4, *(run.hidden or ())[1:])  # one neuron fewer than there are
        return whole(run)

    monkeypatch.setattr(_Run, "everything", fails_at_first)
    network = random_network("10-5x2-1", seed=1)
    oracle = ExactOracle(network)
    result = extract(oracle, network.widths, 5, patience=SHORT, attempts=4)
    assert result.network is not None, result.report.outcome
    assert canonical_form(result.network) == canonical_form(network)
    assert result.report.seed == 7
    assert [run.seed for run in result.report.earlier] == [5, 6]
    assert all(run.outcome.startswith("Incomplete") for run in result.report.earlier)
    assert result.report.queries == oracle.queries
    assert sum(stage["queries"] for stage in result.report.stages.values()) == oracle.queries
    assert "before that, seed 6: Incomplete" in result.report.text()
    alone = extract(ExactOracle(network), network.widths, 7, patience=SHORT)
    assert alone.report.queries == oracle.queries - result.report.earlier[-1].queries
    assert extract(ExactOracle(network), network.widths, 5).network is None


def test_no_run_follows_where_the_budget_has_ended() -> None:
    network = random_network("10-5x2-1", seed=1)
    result = extract(ExactOracle(network, 700), network.widths, attempts=3)
    assert result.network is None
    assert result.report.earlier == []


@pytest.mark.parametrize(("shape", "seed"), [("6-4-2-1", 3), ("6-4-2-1", 9), ("5-4-3-1", 6)])
def test_a_neuron_that_feeds_one_neuron_alone_is_found(shape: str, seed: int) -> None:
    """Its surface ends where that one is off, as a deeper one's would that bends there."""
    network = random_network(shape, seed)
    second = network.layers[1]
    weights = (second.weights[0], *((fmpq(0), *row[1:]) for row in second.weights[1:]))
    network = Network((network.layers[0], Layer(weights, second.biases), *network.layers[2:]))
    found = extract(ExactOracle(network), network.widths, 0)
    assert found.report.complete
    assert found.network is not None
    assert canonical_form(found.network) == canonical_form(network)


def test_a_doubtful_row_is_not_taken_where_hardly_anything_varies() -> None:
    """Behind the only neuron of layer 2 the oracle is constant nearly everywhere; a first-layer neuron does not act."""
    network = random_network("4-5-1-3-3-1", 4)
    found = extract(ExactOracle(network), network.widths, 0)
    assert found.network is not None
    assert found.report.layers[0].rows == 4
    assert prove_equal(network, found.network).outcome is not Outcome.DIFFERENT


def test_what_is_missing_below_is_reckoned_with_where_too_many_neurons_would_act_on_both_sides() -> None:
    """A weight of layer 3 acts where its neuron was not seen; taken to be without effect, it mixes up rows behind."""
    network, _ = planted_network(133, depth=6, width=12, outputs=4, planted=3)
    found = extract(ExactOracle(network), network.widths, 133)
    assert found.network is not None, found.report.outcome
    assert [layer.opposite_twins for layer in found.report.layers] == [0, 0, 0, 0]
    assert found.report.domain == 1024
    assert answers(found.network, 1, 1024) == answers(network, 1, 1024)
