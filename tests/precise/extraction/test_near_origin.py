"""Where an extraction does not come to its end, a copy that is right near the origin is looked for."""

from __future__ import annotations

import pytest

from benchmarks.random_battery import differ
from precise.extract import Extraction, _Incomplete, _Run, extract
from precise.layers.hidden_layer import Follow
from precise.layers.layer_result import LayerResult
from precise.network import Layer, Network
from precise.oracle import ExactOracle
from precise.random_networks import random_network


def acting_far_out(beyond: int) -> Network:
    """Neurons of layers 2 and 3 are on near the origin, and change their state farther out the larger the number."""
    first, *deeper, last = random_network((4, 4, 3, 2, 1), 3).layers
    moved = [Layer(layer.weights, tuple(abs(bias) + beyond for bias in layer.biases)) for layer in deeper]
    return Network((first, *moved, last))


def stopped_at(layer: int, network: Network, monkeypatch: pytest.MonkeyPatch) -> Extraction:
    search = _Run.layer

    def searched(
        run: _Run, number: int, width: int | None, follow: Follow, last: bool, mixed: bool = False
    ) -> LayerResult:
        if number == layer:
            raise _Incomplete(f"layer {layer} is not found")
        return search(run, number, width, follow, last, mixed)

    monkeypatch.setattr(_Run, "layer", searched)
    monkeypatch.setattr(_Run, "all_explained", lambda *_: False)
    return extract(ExactOracle(network), network.widths, 1)


@pytest.mark.parametrize("beyond", [2, 20, 200])
@pytest.mark.parametrize("layer", [2, 3])
def test_the_copy_is_right_in_the_box_that_is_stated(layer: int, beyond: int, monkeypatch: pytest.MonkeyPatch) -> None:
    network = acting_far_out(beyond)
    result = stopped_at(layer, network, monkeypatch)
    report = result.report
    assert result.network is not None, report.outcome
    assert report.domain is not None
    assert 0 < report.domain < 1024
    assert not differ(network, result.network, report.domain)
    assert differ(network, result.network, 1024)
    assert report.outcome.startswith("Not all identified")
    assert f"Farther out: Incomplete: layer {layer} is not found" in report.outcome
    assert len(report.layers) == 3
    assert "near the origin" in report.layers[layer - 1].notes[0]
    assert result.network.widths[0] == 4


def test_nothing_is_claimed_where_deeper_neurons_act_at_the_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    network = random_network((4, 4, 3, 2, 1), 3)
    second = network.layers[1]
    zero = tuple(bias * 0 for bias in second.biases)
    still = Network(
        (Layer(network.layers[0].weights, (*zero, zero[0])), Layer(second.weights, zero), *network.layers[2:])
    )
    result = stopped_at(2, still, monkeypatch)
    assert result.network is None
    assert result.report.outcome.startswith("Incomplete: layer 2 is not found")
    assert len(result.report.layers) == 1
    assert len(result.known.layers) == 1
