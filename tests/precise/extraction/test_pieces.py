"""Pieces of one neuron's row count as one neuron."""

from __future__ import annotations

from collections.abc import Sequence, Set
from types import SimpleNamespace

import pytest

from precise.equations.partial_rows import PartialRow
from precise.extract import _Run
from precise.layers.candidate import Assembled, Outcome
from precise.layers.hidden_layer import LayerSearch, Patience
from precise.network import Network
from precise.oracle import ExactOracle
from precise.regions.local_map import Known, Row
from precise.regions.probe import Calibration, Probe

LARGE = 10**30


def row(*weights: int) -> Row:
    *plus, bias = weights
    return Row(tuple(plus), (0,) * len(plus), bias)


@pytest.mark.parametrize(
    ("fresh", "lacking", "count"),
    [
        (row(-2, 4, 6, LARGE, 10), (3,), 1),  # -2 times the first, which lacks the second weight
        (row(1, LARGE, -3, 4, -5), (1,), 1),
        (row(2, 4, 6, LARGE, 10), (3,), 2),
        (row(1, LARGE, LARGE, LARGE, -5), (1, 2, 3), 2),  # too little that both have
    ],
)
def test_a_row_that_differs_from_another_only_where_one_of_them_is_open_is_the_same(
    fresh: Row, lacking: tuple[int, ...], count: int
) -> None:
    search = searched([row(1, LARGE, -3, 4, -5)], {(0, 1)})
    search._merge(Outcome(fresh, True, "", 0, 0, Calibration(), [0, 0], lacking=lacking))
    assert len(search.result.rows) == count


@pytest.mark.parametrize(
    ("fresh", "lacking", "taken"),
    [
        (row(-2, 7, 6, -8, 10), (), True),
        (row(-2, 7, 6, LARGE, 10), (3,), True),  # it lacks one weight, the first two
        (row(-2, LARGE, 6, LARGE, 10), (1, 3), False),
    ],
)
def test_a_row_of_which_more_is_known_takes_the_place_of_the_same_one(
    fresh: Row, lacking: tuple[int, ...], taken: bool
) -> None:
    before = row(1, LARGE, -3, LARGE, -5)
    search = searched([before], {(0, 1), (0, 3)})
    assert not search._merge(Outcome(fresh, True, "", 0, 0, Calibration(), [0, 0], lacking=lacking))
    assert search.result.rows == [fresh if taken else before]
    assert search.result.lacking == ({(0, feature) for feature in lacking} if taken else {(0, 1), (0, 3)})


def test_rows_that_differ_only_where_a_neuron_below_lacks_a_weight_are_one() -> None:
    """The second one's surface meets that neuron where it seems to be on, and is not."""
    search = searched([row(1, 2, -3, 0, -5)], set(), ignored_lacking={(3, 0)})
    search._merge(Outcome(row(1, 2, -3, 4, -5), True, "", 0, 0, Calibration(), [0, 0]))
    assert search.result.rows == [row(1, 2, -3, 4, -5)]
    search._merge(Outcome(row(-1, -2, 3, 0, 5), True, "", 0, 0, Calibration(), [0, 0]))
    assert search.result.rows == [row(1, 2, -3, 4, -5)]


@pytest.mark.parametrize(
    ("before", "lacking_before", "fresh", "lacking", "whole", "left"),
    [
        (row(1, 2, -3, 0, -5), (), row(-2, 0, 6, -8, 10), (), row(1, 2, -3, 4, -5), ()),  # both are postponed
        (row(1, 2, -3, 0, -5), (), row(-1, LARGE, 3, -4, 5), (1,), row(1, 2, -3, 4, -5), ()),
        (row(1, LARGE, -3, 0, -5), (1,), row(1, 0, -3, 4, -5), (), row(1, 0, -3, 4, -5), ()),  # 1 is postponed now
        (row(1, LARGE, -3, 4, -5), (1,), row(1, 2, -3, LARGE, -5), (3,), row(1, 2, -3, 4, -5), ()),
        (row(1, 2, -3, 0, -5), (), row(7, 0, -3, 4, -5), (), None, ()),  # another neuron
    ],
)
def test_two_rows_of_one_neuron_are_one_with_what_either_has(
    before: Row,
    lacking_before: tuple[int, ...],
    fresh: Row,
    lacking: tuple[int, ...],
    whole: Row | None,
    left: tuple[int, ...],
) -> None:
    search = searched([before], {(0, feature) for feature in lacking_before})
    search.postponed = [1, 3]
    assert search._merge(Outcome(fresh, True, "", 0, 0, Calibration(), [0, 0], lacking=lacking)) == (whole is None)
    assert search.result.rows == ([before, fresh] if whole is None else [whole])
    assert search.result.lacking == {(0, feature) for feature in left}


def test_the_surface_of_a_neuron_below_is_no_row_where_a_weight_acts_that_it_lacks() -> None:
    search = searched([], set())
    turned = row(0, -1, -LARGE, 0, 0)
    assert not search._merge(Outcome(turned, True, "", 0, 0, Calibration(), [0, 0], lacking=(2,)))
    assert search.result.rows == []
    for other in (row(0, -1, -LARGE, 0, 7), row(0, -1, -LARGE, 3, 0)):
        assert search._merge(Outcome(other, True, "", 0, 0, Calibration(), [0, 0], lacking=(2,)))
    assert search.result.rows == [row(0, -1, -LARGE, 0, 7), row(0, -1, -LARGE, 3, 0)]


@pytest.mark.parametrize("rare", [{}, {3: False}, {1: True}, {3: True}])
def test_weights_of_a_seldom_neuron_are_postponed_though_a_row_has_its_own(
    monkeypatch: pytest.MonkeyPatch, rare: dict[int, bool]
) -> None:
    found = row(1, 2, -3, 4, 0, 0, -5)  # the last two are of inputs that may be passed on
    search = searched([found], set())
    forms = ((2, -1, 0, 0, 0, 0, 0), (3, 0, -1, 0, 0, 0, 0), (5, 0, 0, 0, 0, 0, 1))  # (1, 2, 3, ?, 0, 0, -5)
    passed = tuple(tuple(int(c == p) for c in range(7)) for p in (4, 5))
    search._partial.add(PartialRow((*forms, *passed), ((1, *(0,) * 6),), [0, 0]))
    monkeypatch.setattr(search, "_rare", lambda: rare)
    postponed = rare == {3: True}
    assert search._postpone() == postponed
    assert search.postponed == ([3] if postponed else [])
    told = [tuple(v * answer[0] for v in answer) for answer, _ in search._partial.complete()]  # its lead is 1 or -1
    assert told == ([(1, 2, 3, 0, 0, 0, -5)] if postponed else [])
    assert search.result.rows == [found]


def test_only_the_rows_without_a_postponed_weight_take_it_as_zero() -> None:
    below = [Row((1, 0), (0, 0), 1), Row((0, 1), (0, 0), 2)]
    known = Known(2, [below, [Row((3, 4), (0, 0), 1), Row((5, 0), (0, 0), 1)]])
    run = SimpleNamespace(postponed={(0, 1)}, known=known)
    assert _Run.taken_as_zero(run, 1) == {(1, 1)}  # type: ignore[arg-type]
    assert _Run.taken_as_zero(run, 0) == set()  # type: ignore[arg-type]


@pytest.mark.parametrize("avoided", [set(), {(0, 2)}, {(0, 3)}, {(1, 2)}])
def test_what_stands_for_a_weight_of_a_feature_that_is_avoided_is_not_searched_for(
    avoided: set[tuple[int, int]],
) -> None:
    """Behind a row that lacks the weight of neuron 2, a linear one hands on what that is too large by."""
    lacking = Row((1, 2, 1 << 40, 3), (0,) * 4, 1)
    handed = Row((0, 0, 1, 0), (0,) * 4, 0, linear=True)
    search = searched([], set(), second=[lacking, handed], avoided=avoided)
    search.below.loose = [1]
    (task,) = search._tasks([Assembled(Row((1, 1), (0, 0), 1), [0, 0])])
    assert task is not None
    assert task.postponed == ((1,) if avoided == {(0, 2)} else ())


def searched(
    rows: list[Row],
    lacking: set[tuple[int, int]],
    ignored_lacking: Set[tuple[int, int]] = frozenset(),
    second: Sequence[Row] = (),
    avoided: Set[tuple[int, int]] = frozenset(),
) -> LayerSearch:
    """The search of a layer that has found these rows, behind one of four neurons, or a second one behind that."""
    network = Network.from_rows([([[1, 0], [0, 1], [1, 1], [1, -1]], [1, 2, 3, 4]), ([[1, 1, 1, 1]], [0])])
    below = [Row((1, 0), (0, 0), 1), Row((0, 1), (0, 0), 2), Row((1, 1), (0, 0), 3), Row((1, -1), (0, 0), 4)]
    probe = Probe(ExactOracle(network), range(2), [1])
    search = LayerSearch(
        probe,
        Known(2, [below, *([list(second)] if second else [])]),
        8,
        0,
        frozenset(),
        lambda tasks, ahead: iter(()),
        0,
        Patience(),
        lambda *_: None,
        ignored_lacking=ignored_lacking,
        avoided=avoided,
    )
    search.below.signs = []  # known, so that a row has one coefficient a neuron
    search._partial = search._no_parts()
    search.result.rows[:] = rows
    search.result.lacking = lacking
    return search
