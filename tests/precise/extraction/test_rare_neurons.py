"""Neurons that seldom change state: found by rays, found from where they are missed, or left out over a stated box."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from flint import fmpq

from precise.arithmetic import Batch, primitive
from precise.executors import Workers
from precise.extract import Extraction, _Run, extract
from precise.layers.hidden_layer import LayerSearch, Patience
from precise.layers.workers import shared
from precise.network import Layer, Network
from precise.oracle import ExactOracle
from precise.random_networks import random_network
from precise.regions.aim import MOST_ON, _sparse, random_line, random_points, rays
from precise.regions.extremes import Extremes
from precise.regions.float_layers import FloatLayers
from precise.regions.hyperplane import Vector
from precise.regions.local_map import Known
from precise.regions.probe import Probe
from precise.signatures.confirm import confirm, predicted
from precise.symmetry.canonical_form import canonical_form
from tests.precise.extraction.test_rows import rows_of, walker_below
from verify.equality.structural import prove_equal
from verify.verdict import Outcome


def with_rare_neuron(width: int, seed: int, depth: int = 2) -> Network:
    """Neuron 1 of layer 2 is on only where one neuron of layer 1 outweighs all others sixteen times."""
    network = random_network((*(width,) * (depth + 1), 1), seed)
    layer = network.layers[1]
    weights = (tuple(fmpq(1, 16) if j == 0 else fmpq(-1) for j in range(width)), *layer.weights[1:])
    biases = (fmpq(-1, 4), *layer.biases[1:])
    return Network((network.layers[0], Layer(weights, biases), *network.layers[2:]))


@pytest.mark.parametrize("seed", [1])
def test_a_neuron_that_random_points_do_not_meet_is_found(seed: int) -> None:
    network = with_rare_neuron(12, seed)
    values = np.random.default_rng(seed).standard_normal((100_000, 12)) * 100.0
    on = np.maximum(values, 0.0) @ np.array([1 / 16, *[-1.0] * 11]) > 0.25
    assert on.mean() < 2.0**-10
    result = extract(ExactOracle(network), network.widths, seed)
    assert result.report.complete, result.report.outcome
    assert result.network is not None
    assert canonical_form(result.network) == canonical_form(network)


@pytest.mark.parametrize(("width", "depth", "seed"), [(8, 5, 2), (10, 4, 1), (10, 5, 1)])
def test_a_rare_neuron_of_layer_2_is_found_among_the_surfaces_of_many_deeper_ones(
    width: int, depth: int, seed: int
) -> None:
    """Lines at random meet those only, and no other neuron of its layer changes its state where it does."""
    network = with_rare_neuron(width, seed, depth)
    probe, known = Probe(ExactOracle(network), range(width), [1]), Known(width, [rows_of(network, 0)])
    with shared(probe, Workers()) as crew:
        search = LayerSearch(probe, known, width, 0, frozenset(), crew.follow, seed, Patience(), lambda *_: None)
        rows = search.run().rows
    assert len(rows) == width
    true = {tuple(primitive([fmpq(w) for w in (*row.plus, row.bias)])) for row in rows_of(network, 1)}
    told = [tuple(primitive([fmpq(w) for w in (*row.plus, row.bias)])) for row in rows]
    assert {row if row in true else tuple(-w for w in row) for row in told} == true


@pytest.mark.parametrize("seed", [1, 2])
def test_only_a_neuron_that_is_on_in_a_corner_is_alone_there(seed: int) -> None:
    """Nothing but more places can tell whether it is this layer's."""
    network = with_rare_neuron(8, seed)
    rows, walker = rows_of(network, 1), walker_below(network, 1)
    walker.replace_last(rows)
    for row in rows:
        below = Known(8, [rows_of(network, 0), [row]])
        lines = [
            *rays(below, np.random.default_rng(seed)),
            *(random_line(below, np.random.default_rng(n)) for n in range(8)),
        ]
        place = next(at for line in lines for at in predicted(below, line, np.random.default_rng(seed)))
        few, many = (confirm(walker, row, place.point, places, True, np.random.default_rng(seed)) for places in (8, 48))
        assert many.present
        assert not many.absent
        assert (many.alone, many.passed) == ((True, False) if row is rows[0] else (False, True))
        assert not few.alone


@pytest.mark.parametrize("seed", range(4))
def test_on_a_ray_one_neuron_goes_on_and_all_others_are_off(seed: int) -> None:
    network, generator = random_network("9-7-20-1", seed), np.random.default_rng(seed)
    known = Known(9, [rows_of(network, number) for number in range(2)])
    ends = [known.preactivations([line.point(first), line.point(last)]) for line, first, last in rays(known, generator)]
    firsts = {max(range(7), key=lambda n: layers[0][1][n]) for layers in ends}
    assert firsts == set(range(7))
    assert all(max(layers[0][0]) <= 0 and sum(v > 0 for v in layers[0][1]) == 1 for layers in ends)
    second = network.layers[1]
    changing = {n for n in range(20) if any((w > 0) != (second.biases[n] > 0) for w in second.weights[n] if w)}
    met = {n for layers in ends for n in range(20) if (layers[1][0][n] > 0) != (layers[1][1][n] > 0)}
    assert met == changing


def test_there_are_no_rays_where_one_neuron_is_on_wherever_another_is_off() -> None:
    first = Layer(((fmpq(1), fmpq(0)), (fmpq(0), fmpq(1)), (fmpq(1), fmpq(1))), (fmpq(1), fmpq(2), fmpq(3)))
    network = Network((first, Layer(((fmpq(1),) * 3,), (fmpq(0),))))
    assert not rays(Known(2, [rows_of(network, 0)]), np.random.default_rng(0))
    assert not rays(Known(2, [[]]), np.random.default_rng(0))


def test_sparse_preactivations_have_few_positive_entries() -> None:
    generator = np.random.default_rng(0)
    values = np.concatenate([_sparse(generator, (2, 7)) for _ in range(300)])
    on = (values > 0).sum(axis=1)
    assert set(on) == set(range(MOST_ON + 1))
    assert values.max() > 1000 > 0 > values.min()


@pytest.mark.parametrize(("both_sides", "times"), [(False, 5), (True, 2)], ids=["signs known", "signs unknown"])
@pytest.mark.parametrize("seed", [1, 2])
def test_climbing_reaches_rare_neurons_behind_two_layers(seed: int, both_sides: bool, times: int) -> None:
    network = random_network("8-12x2-12-1", seed)
    known = Known(8, [rows_of(network, number) for number in range(2)])
    generator, floats = np.random.default_rng(seed), FloatLayers(known)
    sizes = np.median(np.abs(floats.preactivations(random_points(known, generator, 512))[1]), axis=0)
    weights = -np.abs(np.random.default_rng(0).standard_normal((12, 60)))
    weights[np.arange(60) % 12, np.arange(60)] = 0.1  # on where one neuron of layer 2 far outweighs the others

    def met(points: Vector) -> float:
        on = np.maximum(floats.preactivations(points)[1] / sizes, 0.0) @ weights > 0.05
        return float((on[::2] != on[1::2]).mean())

    climbed = met(Extremes(known, both_sides, generator).points(256))
    assert climbed > times * met(random_points(known, generator, 256)) > 0


@pytest.mark.parametrize("seed", [1, 2])
def test_what_a_hyperplane_cuts_off_is_reached_by_climbing_in_all_directions(seed: int) -> None:
    known = Known(8, [rows_of(random_network("8-12x2-12-1", seed), number) for number in range(2)])
    generator, floats = np.random.default_rng(seed), FloatLayers(known)
    usual = random_points(known, generator, 4096)
    weights = generator.standard_normal((12, 60))

    def heights(points: Vector) -> Vector:
        features = np.maximum(floats.preactivations(points)[1], 0.0)
        found: Vector = features @ weights / np.linalg.norm(features, axis=1, keepdims=True).clip(1e-9)
        return found

    cut = np.quantile(heights(usual), 0.999, axis=0)  # of sixty hyperplanes in the space of the features
    drawn = random_points(known, generator, 256), Extremes(known, False, generator).outermost(256)
    random, climbed = ((heights(points) > cut).any(axis=0).mean() for points in drawn)
    assert climbed > 2 * random > 0


def test_what_acts_far_out_only_is_left_out_over_a_smaller_box() -> None:
    first = Layer(
        ((fmpq(1), fmpq(1)), (fmpq(1), fmpq(-2)), (fmpq(1, 4), fmpq(0))), (fmpq(0), fmpq(1), fmpq(200))
    )  # the third changes state at x = -800
    network = Network((first, Layer(((fmpq(1), fmpq(1), fmpq(1)),), (fmpq(0),))))
    result = extract(ExactOracle(network), network.widths, 0)
    assert result.network is not None, result.report.outcome
    assert result.report.domain == 64
    assert "in |x| <= 64, and differs from it at |x| = 80" in result.report.outcome
    corners = Batch.from_rows([[x, y] for x in (-64, 0, 64) for y in (-64, 0, 64)])
    assert result.network.evaluate(corners).rows() == network.evaluate(corners).rows()
    assert result.network([-1000, 0]) != network([-1000, 0])


def test_what_is_off_in_the_outermost_corner_only_is_found_from_a_fresh_point_there() -> None:
    """It passes for always active until the corner of all inputs is brought into the slice."""
    random = Random(3)
    others = [[fmpq(random.randint(-99, 99), 64) for _ in range(11)] for _ in range(3)]
    first = Layer(((fmpq(1),) * 11, *map(tuple, others)), (fmpq(10_000), fmpq(1), fmpq(2), fmpq(-1)))
    network = Network((first, Layer(((fmpq(1),) * 4,), (fmpq(0),))))
    result = extract(ExactOracle(network), network.widths, 0)
    assert result.network is not None, result.report.outcome
    assert result.report.domain == 1024
    assert prove_equal(network, result.network).outcome is Outcome.EQUAL


def test_a_point_that_the_last_layer_does_not_explain_leads_to_the_missing_neuron(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    again: list[bool] = []
    search = _Run.returned

    def counted(run: _Run, contradicted: list[int]) -> bool:
        again.append(search(run, contradicted))
        return again[-1]

    monkeypatch.setattr(_Run, "returned", counted)
    for seed in range(4):
        network = random_network("6-5x2-1", seed)
        result: Extraction = extract(ExactOracle(network), network.widths, seed, patience=Patience(6, 1))
        if result.report.complete:
            assert result.network is not None
            assert canonical_form(result.network) == canonical_form(network)
        if any(again):
            break
    assert any(again)


@pytest.mark.parametrize("seed", [1, 3, 5])
def test_rows_behind_a_seldom_neuron_that_is_missing_are_kept(seed: int) -> None:
    """Where it is on, it bends their surfaces: that is no sign of a deeper layer."""
    network = random_network((6, 7, 5, 4, 1), seed)
    first = network.layers[0]
    biases = (*first.biases[:-1], first.biases[-1] - 20)
    network = Network((Layer(first.weights, biases), *network.layers[1:]))
    probe = Probe(ExactOracle(network), range(6), [1])
    known = Known(6, [rows_of(network, 0)[:-1]])
    patience = Patience(candidates=100, lines=20)
    with shared(probe, Workers()) as crew:
        search = LayerSearch(
            probe,
            known,
            5,
            0,
            frozenset(),
            crew.follow,
            seed,
            patience,
            lambda *_: None,
            ignored=1,
            whole=False,
            supposed=True,
        )
        result = search.run()
    assert result.rechecked == 5
    true = [primitive([fmpq(w) for w in (*row.plus[:-1], row.bias)]) for row in rows_of(network, 1)]
    told = [primitive([fmpq(w) for w in (*row.plus, row.bias)]) for row in result.rows]
    assert all(row in true or tuple(-w for w in row) in true for row in told)
    assert len({tuple(map(abs, row)) for row in told}) == 5


@pytest.mark.parametrize(("postponed", "lacking"), [((2,), ()), ((), (1, 4)), ((2,), (5,))])
def test_weights_that_rows_were_taken_without_are_searched_for_once_the_layer_stands(
    postponed: tuple[int, ...], lacking: tuple[int, ...]
) -> None:
    network = random_network((6, 7, 5, 4, 1), 1)
    probe = Probe(ExactOracle(network), range(6), [1])
    known = Known(6, [rows_of(network, 0)])
    with shared(probe, Workers()) as crew:
        search = LayerSearch(
            probe, known, 5, 0, frozenset(), crew.follow, 1, Patience(candidates=100, lines=20), lambda *_: None
        )
        whole = list(search.run().rows)
        assert len(whole) == 5
        search.postponed += postponed
        large = 1 << 90
        rows = search.result.rows
        for n in (0, 3):
            assert all(rows[n].plus[j] for j in (*postponed, *lacking))
            weights = [0 if j in postponed else large if j in lacking else w for j, w in enumerate(rows[n].plus)]
            rows[n] = replace(rows[n], plus=tuple(weights))
            search._note_lacking(n, rows[n], lacking)
        search._changed()
        search._followed(search._lacking_again())
    assert all(row in (before, before.negated()) for row, before in zip(search.result.rows, whole, strict=True))
    assert not search.result.lacking
