"""Rows completed where walks left them open, and surfaces of deeper layers that pass for rows near by."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import numpy as np
import pytest
from flint import fmpq

from precise.arithmetic import primitive
from precise.equations.open_row import open_row, unseen
from precise.equations.partial_rows import PartialRow
from precise.network import Layer, Network
from precise.oracle import ExactOracle
from precise.random_networks import random_network
from precise.regions.aim import random_line, to_point
from precise.regions.hyperplane import Hyperplane
from precise.regions.local_map import Known, Row
from precise.regions.probe import Point, Probe
from precise.regions.walk import Crossed, Lost, Surface, Walker
from precise.signatures.completion import completed
from precise.signatures.confirm import _between, confirm, predicted
from precise.signatures.rows import RowSearch


def walker_below(network: Network, layer: int) -> Walker:
    """A walker that knows all layers before `layer` (from 0)."""
    known = Known(network.widths[0], [rows_of(network, number) for number in range(layer)] + [[]])
    probe = Probe(ExactOracle(network), range(network.widths[0]), [3 * n + 7 for n in range(network.widths[-1])])
    walker = Walker(probe, known)
    walker.draw_tests(Random(1))
    return walker


def rows_of(network: Network, number: int) -> list[Row]:
    """A layer's rows as integers; each has a scale of its own, which the next layer's weights make up for."""
    layer, scales = network.layers[number], scales_of(network, number - 1)
    return [row_of(weights, bias, scales) for weights, bias in zip(layer.weights, layer.biases, strict=True)]


def row_of(weights: tuple[fmpq, ...], bias: fmpq, scales: list[fmpq]) -> Row:
    whole = primitive([*(w / s for w, s in zip(weights, scales, strict=True)), bias])
    return Row.of([int(v.p) for v in whole], len(weights))


def scales_of(network: Network, number: int) -> list[fmpq]:
    """The factors of `rows_of`: the recovered preactivation over the true one."""
    if number < 0:
        return [fmpq(1)] * network.widths[0]
    layer = network.layers[number]
    found = rows_of(network, number)
    return [fmpq(row.bias) / bias for row, bias in zip(found, layer.biases, strict=True)]


def places(walker: Walker, row: Row, seed: int) -> list[Surface]:
    """Where the oracle bends as the row predicts, on random lines."""
    known = Known(walker.known.inputs, [*walker.known.layers[:-1], [row]])
    generator = np.random.default_rng(seed)
    found = (s for _ in range(300) for s in predicted(known, random_line(known, generator), generator))
    return [surface for surface in found if walker.present(surface.plane, surface.point)]


def partial_row(row: Row, features: tuple[int, ...], witness: Point) -> PartialRow:
    """All equations of a row but those for the weights of some features."""
    values = [*row.plus, row.bias]
    base = next(c for c in range(len(values)) if c not in features)
    equations = [
        tuple(values[base] if n == c else -values[c] if n == base else 0 for n in range(len(values)))
        for c in range(len(values))
        if c != base and c not in features
    ]
    return PartialRow(tuple(equations), (tuple(int(n == base) for n in range(len(values))),), witness)


@pytest.mark.parametrize("features", [(2,), (0, 3)])
def test_open_coefficients_are_found_where_the_surface_meets_their_neurons(features: tuple[int, ...]) -> None:
    found = []
    for seed in range(2):
        network = random_network([6, 5, 4, 2], seed)
        walker = walker_below(network, 1)
        for row in rows_of(network, 1):
            seen = places(walker, row, seed)
            states = [tuple(surface.pattern[0][j] for j in features) for surface in seen]
            unlit = [surface for surface, state in zip(seen, states, strict=True) if not any(state)]
            if not unlit or any(len(set(column)) < 2 for column in zip(*states, strict=True)):
                continue  # the surface does not meet these neurons' hyperplanes
            partial = partial_row(row, features, unlit[0].point)
            wanted = open_row(partial, 5, 6)
            assert wanted is not None
            assert unseen(wanted) == sorted(features)
            found.append(completed(walker, partial, False, False, Random(seed)).row)
            assert found[-1] in (row, row.negated(), None)
    assert len(found) >= 5
    assert found.count(None) <= len(found) // 4


def test_a_deeper_surface_is_told_from_a_row_on_the_way() -> None:
    """Layer 2 is mostly active, so that layer 3 is often, but not everywhere, a row over layer 1."""
    told, passed = [], []
    for seed in range(3):
        network = random_network([4, 4, 3, 3, 1], seed)
        second, third = network.layers[1], network.layers[2]
        biases = tuple(abs(bias) + 4 for bias in second.biases)
        network = Network((network.layers[0], Layer(second.weights, biases), *network.layers[2:]))
        walker = walker_below(network, 1)
        for weights, bias in zip(third.weights, third.biases, strict=True):
            through = zip(weights, second.weights, biases, strict=True)
            columns = [[w * v for v in (*row, b)] for w, row, b in through]
            *collapsed, constant = [sum(column, bias * 0) for column in zip(*columns, strict=True)]
            impostor = row_of(tuple(collapsed), constant + bias, scales_of(network, 0))
            seen = places(walker, impostor, seed)
            if seen:
                told.append(confirm(walker, impostor, seen[0].point, 64, True, np.random.default_rng(seed)))
        for row in rows_of(network, 1):
            seen = places(walker, row, seed)
            if seen:
                passed.append(confirm(walker, row, seen[0].point, 64, True, np.random.default_rng(seed)))
    assert len(passed) >= 5
    assert not any(confirmation.deeper for confirmation in passed)
    missed = [c for c in told if c.absent and not c.deeper and c.present > len(c.absent)]
    assert sum(confirmation.deeper for confirmation in told) >= 5
    assert len(missed) <= 1  # where both surfaces end at dead neurons, the way there tells nothing


def test_a_row_goes_on_past_others_of_its_layer_and_a_deeper_surface_does_not() -> None:
    """A deeper surface is a row as long as the neurons that feed it keep their states."""
    passing, passed, refused = [], [], []
    once, once_deeper = [], []  # from one place alone, so that others are looked for behind other rows
    for seed in range(2):
        network = random_network([7, 6, 8, 4, 2], seed)
        rows, above = rows_of(network, 1), network.layers[2]
        walker, whole = walker_below(network, 1), Known(7, [rows_of(network, 0), rows])
        walker.known.layers[-1] = rows
        walker.replace_last(rows)
        for row in rows[:4]:
            seen = places(walker, row, seed)
            if seen:
                passing.append(confirm(walker, row, seen[0].point, 48, True, np.random.default_rng(seed)))
                once += [
                    confirm(walker, row, seen[0].point, 1, True, np.random.default_rng(seed), [p]) for p in range(6)
                ]
        deeper = Known(7, [*whole.layers, rows_of(network, 2)])
        lines = [random_line(deeper, np.random.default_rng(seed * 100 + n)) for n in range(4)]
        for line in lines:
            for point in (line[0].point(line[1]), line[0].point(line[2])):
                (pattern,) = whole.patterns([point])
                on = [network.layers[1].weights[j] if positive else None for j, positive in enumerate(pattern[1])]
                biases = network.layers[1].biases
                for weights, bias in zip(above.weights[:2], above.biases, strict=False):
                    fed = [(w, row, b) for w, row, b in zip(weights, on, biases, strict=True) if row is not None]
                    columns = [sum((w * row[p] for w, row, _ in fed), fmpq(0)) for p in range(6)]
                    constant = bias + sum((w * b for w, _, b in fed), fmpq(0))
                    if not any(columns):
                        continue
                    impostor = row_of(tuple(columns), constant, scales_of(network, 0))
                    seen = places(walker, impostor, seed)
                    if seen:
                        told = confirm(walker, impostor, seen[0].point, 48, True, np.random.default_rng(seed))
                        (refused if told.deeper else passed).append(told)
                        generators = [np.random.default_rng(p) for p in range(6)]
                        once_deeper += [
                            confirm(walker, impostor, seen[0].point, 1, True, generator, [p])
                            for p, generator in enumerate(generators)
                        ]
    assert len(passing) >= 6
    assert all(told.passed and not told.bent for told in passing)
    assert sum(told.bent for told in refused) > len(refused) // 2 > 1
    assert not any(told.passed and told.present > len(told.absent) for told in passed)
    assert not any(told.alone and not told.absent for told in passed)
    told_once = [told for told in once if told.present]
    assert len(told_once) >= 24
    assert sum(told.passed and told.present > 1 for told in told_once) > 0.9 * len(told_once)
    assert not any(told.passed and told.present > len(told.absent) and not told.deeper for told in once_deeper)


def test_a_surface_that_is_met_far_out_is_followed_back_to_where_its_neurons_are() -> None:
    found = []
    for seed in range(4):
        network = random_network([7, 6, 8, 4, 2], seed)
        walker, rows = walker_below(network, 1), rows_of(network, 1)
        known = Known(7, [rows_of(network, 0), rows])
        rays = np.random.default_rng(seed).standard_normal((64, 7)) * 2.0**16
        ends = [to_point(ray) for ray in rays]
        for row in rows:
            alone = Known(7, [known.layers[0], [row]])
            surfaces = [s for a, b in pairwise(ends) for s in _between(alone, a, b)]
            seen = next((s for s in surfaces if walker.present(s.plane, s.point)), None)
            if seen is not None:
                trail = RowSearch(walker, True, Random(seed)).follow(seen)
                found.append(trail.row is not None)
    assert len(found) >= 16
    assert sum(found) >= len(found) * 0.75


def test_far_out_a_deeper_surface_is_told_from_a_row_as_well() -> None:
    """A neuron of layer 2 changes its state so far out that from there all of layer 1 seems to bend at the origin."""
    told = []
    for seed in range(4):
        network = random_network([4, 4, 3, 1], seed)
        second = network.layers[1]
        biases = (second.biases[0] - 10**6, *second.biases[1:])
        network = Network((network.layers[0], Layer(second.weights, biases), *network.layers[2:]))
        known = Known(4, [rows_of(network, 0), rows_of(network, 1)[:1]])
        rays = np.random.default_rng(seed).standard_normal((64, 4)) * 2.0**24
        ends = [to_point(ray) for ray in rays]
        found = [surface for end in ends for surface in _between(known, [0] * 4, end)]
        surface = found[0]
        impostor = Row.of([*surface.plane.normal, surface.plane.constant], 4)
        walker = Walker(Probe(ExactOracle(network), range(4), [1]), Known(4, [[]]))
        walker.draw_tests(Random(seed))
        told.append(confirm(walker, impostor, surface.point, 32, True, np.random.default_rng(seed)))
    assert len(told) == 4
    assert all(seen.deeper for seen in told)


def with_opposite_twin(network: Network) -> Network:
    """The last neuron of layer 1 shares its hyperplane with the first, on whose other side it is active."""
    first = network.layers[0]
    weights = (*first.weights[:-1], tuple(-w for w in first.weights[0]))
    return Network((Layer(weights, (*first.biases[:-1], -first.biases[0])), *network.layers[1:]))


def test_surfaces_are_followed_across_opposite_twins() -> None:
    crossings = 0
    for seed in range(3):
        network = with_opposite_twin(random_network([5, 4, 3, 2], seed))
        walker = walker_below(network, 1)
        generator = np.random.default_rng(seed)
        for row in rows_of(network, 1):
            for surface in places(walker, row, seed)[:4]:
                for _ in range(12):
                    event = walker.step(surface, generator.standard_normal(5), 64.0)
                    surface = getattr(event, "surface", surface)
                    if not isinstance(event, Crossed) or event.neuron not in (0, 3):
                        continue
                    crossings += 1
                    (equation,) = RowSearch(walker, False, Random(seed)).news(event)
                    assert equation[:-1] == [1, 0, 0, 1, 0]
                    assert surface.pattern[0][0] != surface.pattern[0][3]
                    (own,) = Known(5, [walker.known.layers[0], [row]]).affine(1, surface.pattern).tolist()
                    assert surface.plane.unsigned == Hyperplane.through([fmpq(v) for v in own]).unsigned
    assert crossings >= 20


def test_a_row_behind_opposite_twins_is_found_from_one_place() -> None:
    found = []
    for seed in range(3):
        network = with_opposite_twin(random_network([5, 4, 3, 2], seed))
        walker = walker_below(network, 1)
        for row in rows_of(network, 1):
            for surface in places(walker, row, seed)[:1]:
                found.append(RowSearch(walker, False, Random(seed)).follow(surface).row)
                assert found[-1] in (row, row.negated(), None)
    assert sum(row is not None for row in found) >= len(found) // 2 > 2


def silent_in_most_places() -> Walker:
    """Layer 1: x and y. Layer 2: g = relu(x) - 8 relu(y) - 1. Layer 3: g and g - 1, the latter a level of g."""
    layers = [([[1, 0], [0, 1]], [0, 0]), ([[1, -8]], [-1]), ([[1], [1]], [0, -1]), ([[1, 1]], [0])]
    return walker_below(Network.from_rows(layers), 0)


@pytest.mark.parametrize("seed", range(4))
def test_a_level_of_a_deeper_neuron_is_no_row_though_the_rest_of_its_plane_is_silent(seed: int) -> None:
    """Where y < 0 the level is the line x = 2; where y > 1/8 nothing can be seen of it, and between it bends."""
    walker, impostor = silent_in_most_places(), Row((1, 0), (0, 0), -2)
    seen = places(walker, impostor, seed)
    told = confirm(walker, impostor, seen[0].point, 8, True, np.random.default_rng(seed))
    assert told.present
    assert told.silent
    assert told.deeper


@pytest.mark.parametrize("seed", range(4))
def test_a_row_that_ends_where_all_is_silent_is_not_taken_for_a_deeper_surface(seed: int) -> None:
    """The line y = 0 is seen where x > 1 alone: there g begins, whose own surface bends at y = 0."""
    walker, row = silent_in_most_places(), Row((0, 1), (0, 0), 0)
    seen = places(walker, row, seed)
    told = confirm(walker, row, seen[0].point, 8, True, np.random.default_rng(seed))
    assert told.present
    assert told.silent
    assert not told.deeper
    event = walker.step(seen[0], np.array([-1.0, 0.0]), 64.0)
    assert isinstance(event, Lost)
