"""The last hidden layer: when its search ends, and what is noted of it where signs stay open."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from flint import fmpq

import precise.extract as extraction
from precise.extract import extract
from precise.layers import hidden_layer
from precise.layers.differing import copy_of
from precise.layers.insertion import kept_off, turned_around
from precise.layers.output_layer import OutputResult, OutputRow, _linear_together
from precise.oracle import ExactOracle
from precise.random_networks import random_network
from precise.regions.aim import to_point
from precise.regions.local_map import Known, Row, passed_on
from precise.regions.probe import Probe
from precise.signs.below import LayerBelow
from precise.signs.exact import Sign
from precise.symmetry.canonical_form import canonical_form
from tests.precise.extraction.test_postponed import whole


@pytest.mark.parametrize("shape", ["8-6x2-2", "8-8x2-2"])
def test_a_last_layer_that_is_not_waited_for_is_whole_at_the_end(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = random_network(shape, 2)
    patient = extract(ExactOracle(network), network.widths, 3)
    monkeypatch.setattr(hidden_layer, "LATER", 1)
    result = extract(ExactOracle(network), network.widths, 3)
    assert result.report.complete, result.report.outcome
    assert result.network is not None
    assert canonical_form(result.network) == canonical_form(network)
    assert result.report.layers[-1].candidates < patient.report.layers[-1].candidates


def test_the_outputs_are_tried_after_every_row_that_a_dear_search_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    """They need not wait for the rarest neurons of the last layer; once it is whole, none is said to be missing."""
    network, tried = random_network("14-12x2-2", 1), list[int]()
    solve = extraction.solve_outputs

    def only_when_whole(probe: Probe, known: Known, *rest: Any) -> OutputResult:
        tried.append(len(known.layers[-1]))
        return solve(probe, known, *rest) if tried[-1] == 12 else OutputResult((), 0, "not tried")

    monkeypatch.setattr(hidden_layer, "LATER", 1)
    monkeypatch.setattr(extraction, "solve_outputs", only_when_whole)
    result = extract(ExactOracle(network), network.widths, 3)
    assert result.report.complete, result.report.outcome
    assert tried[0] < 10
    assert len(set(tried)) > 5
    assert not result.report.layers[-1].notes


def test_unknown_weights_are_those_of_rows_where_a_neuron_has_two() -> None:
    layer = [Row((1, 2), (0, 0), 3), Row((4, -5), (0, 0), 6)]
    below = LayerBelow(Known(2, [layer, []]), 0, 0, Random(1), ignored_lacking={(1, 0)})
    assert below.unknown_weights == {(1, 0)}
    sides = [[fmpq(v) for v in vector] for vector in ([1, 0, 2, 1, 1], [0, 1, 1, 0, 1])]
    decision = below.decide(sides, final=True)
    assert decision is not None
    assert below.signs is not None
    assert below.signs[0] is Sign.BOTH
    assert below.unknown_weights == {(row, 0) for row in below.features[1]}
    assert min(row for row, _ in below.unknown_weights) == 2


@pytest.mark.parametrize(("acting", "sign"), [(1, Sign.POSITIVE), (2, Sign.NEGATIVE)])
def test_a_neuron_that_kept_both_sides_loses_the_one_on_which_no_row_acts(acting: int, sign: Sign) -> None:
    layer = [Row((1, 2, 0), (0,) * 3, 3), Row((4, -5, 1), (0,) * 3, 6), Row((7, 8, 9), (0,) * 3, -9)]
    known = Known(3, [list(layer), []])
    below = LayerBelow(known, 0, 0, Random(1), ignored_lacking={(1, 0), (2, 1)})
    untold = [fmpq(v) for v in (1, 0, 3, 0, 0, 0, 5)]  # nothing of the second neuron, on either side
    assert below.decide([untold], final=True, whole=False) is not None
    assert below.features == [[0], [1, 2], [3]]
    assert below.idle_sides([Row((1, 0, 0, 3), (0,) * 4, 5)]) == []
    later = tuple(9 if p == acting else w for p, w in enumerate((1, 0, 0, 3)))
    assert below.idle_sides([Row(later, (0,) * 4, 5)]) == [3 - acting]
    assert below.features == [[0], [1], [2]]
    assert below.signs is not None
    assert below.signs[1] is sign
    assert known.layers[0][1] == (layer[1] if sign is Sign.POSITIVE else layer[1].negated())
    assert below.unknown_weights == {(1, 0), (2, 1)}
    assert len(known.layers[0]) == 3


def test_a_neuron_on_which_no_row_acts_is_turned_around_and_its_sign_stays_open() -> None:
    layer = [Row((1, 2, 0), (0,) * 3, 3), Row((4, -5, 1), (0,) * 3, 6), Row((7, 8, 9), (0,) * 3, -9)]
    known = Known(3, [list(layer), []])
    below = LayerBelow(known, 0, 0, Random(1))
    untold = [fmpq(v) for v in (1, 0, 3, 0, 0, 0, 5)]  # nothing of the second neuron, on either side
    assert below.decide([untold], final=True) is not None
    acting, silent = Row((1, 0, 0), (0,) * 3, 5), Row((0, 0, 4), (0,) * 3, 5)
    assert below.idle([acting, silent]) == [1]
    assert below.idle([replace(acting, plus=(1, 6, 0))]) == []
    below.turn_around([1])
    assert known.layers[0] == [layer[0], layer[1].negated(), layer[2]]
    assert below.signs is not None
    assert below.signs[1] is Sign.UNSEEN


@pytest.mark.parametrize("shape", ["8-6x3-1", "8-6x3-2"])
def test_one_linear_row_an_output_hands_on_the_same(shape: str) -> None:
    random = Random(1)
    true, outputs = whole(random_network(shape, 1))
    known = Known(true.inputs, [*true.layers[:-1], [*true.layers[-1], *passed_on(6)]])
    vectors = [[*o.weights, *(fmpq(random.randint(-99, 99), 7) for _ in range(6)), o.bias] for o in outputs]
    points = [to_point(point) for point in np.random.default_rng(1).uniform(-8, 8, (256, 8))]
    before = [copy_of(known, OutputRow(tuple(v[:-1]), v[-1]))(points) for v in vectors]
    fewer = [OutputRow(tuple(v[:-1]), v[-1]) for v in _linear_together(known, vectors)]
    assert sum(row.linear for row in known.layers[-1]) == len(outputs)
    assert [copy_of(known, output)(points) for output in fewer] == before


def test_what_stands_for_lacking_weights_keeps_a_row_off_on_either_side() -> None:
    row = kept_off(Row((3, 900, -900), (0, 0, 0), 5), {1, 2})
    assert row.plus == (3, -900, -900)
    assert turned_around(row, {1, 2}).plus == (-3, -900, -900)
    assert turned_around(row, {1, 2}).bias == -5
