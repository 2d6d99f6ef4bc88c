"""Z3 over the sign bits, against all sets of signs tried one by one in exact arithmetic."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from precise.oracles.select import oracle_of
from precise.random_networks import random_network
from verify.diagnosis.black_box import diagnose_black_box, solver_signs
from verify.diagnosis.black_box.answers import Questions, flipped
from verify.diagnosis.black_box.fresh_points import disagreeing
from verify.diagnosis.black_box.sign_search import SignSearch
from verify.diagnosis.black_box.solver_signs import SolverProof, SolverSigns, largest_set
from verify.diagnosis.fault import Certainty


def hidden(network):
    return [(k, i) for k, width in enumerate(network.widths[1:-1], 1) for i in range(1, width + 1)]


def search_of(shape, wrong, seed, precision, answers):
    """A search that has asked so many points and nothing else."""
    original = random_network(shape, seed)
    questions = Questions(oracle_of(original, precision))
    search = SignSearch(questions, flipped(original, wrong), np.random.default_rng(seed))
    search._more(answers)
    return search


def fits(search, chosen):
    answers = search.signs.answers
    rows = flipped(search.sliced, chosen).evaluate(search.questions.batch(answers.points)).rows()
    return not disagreeing(rows, answers)


def by_brute_force(search, places, most):
    sets = (frozenset(c) for size in range(most + 1) for c in itertools.combinations(places, size))
    return {chosen for chosen in sets if fits(search, chosen)}


def by_z3(search, places):
    found = []
    while not isinstance(
        answer := SolverSigns(search.sliced, places, search.questions, search.signs.answers).other(found, 0),
        SolverProof,
    ):
        assert answer is not None
        found.append(answer)
    assert answer.excluded
    return set(found)


@given(st.integers(0, 2**16), st.integers(1, 4), st.sampled_from(["exact", "float64", "bits:12"]))
@settings(max_examples=12, deadline=None)
def test_every_set_that_fits_is_found_and_no_other(seed, answers, precision):
    """With few answers, or coarse ones, many sets fit: Z3 lists those that brute force does, and proves the end."""
    generator = np.random.default_rng(seed)
    places = hidden(random_network("2-3-2-1", seed))
    wrong = frozenset(place for place in places if generator.integers(2))
    search = search_of("2-3-2-1", wrong, seed, precision, answers)
    assert by_z3(search, places) == by_brute_force(search, places, len(places))


@pytest.mark.parametrize("shape", ["3-6-1", "4-5-2"])
@pytest.mark.parametrize("answers", [2, 4, 9])
def test_one_open_layer_is_a_linear_question(shape, answers):
    places = hidden(random_network(shape, 3))
    search = search_of(shape, frozenset(places[1:3]), 3, "bits:9", answers)
    assert by_z3(search, places) == by_brute_force(search, places, len(places)) != set()


def test_sets_up_to_a_size(monkeypatch):
    monkeypatch.setattr(solver_signs, "ALL_BITS", 3)
    monkeypatch.setattr(solver_signs, "MOST_SETS", 20)
    places = hidden(random_network("3-3-2-1", 5))
    assert largest_set(len(places), False) == 2
    search = search_of("3-3-2-1", frozenset(places[:2]), 5, "bits:3", 1)
    expected = by_brute_force(search, places, 2)
    assert by_z3(search, places) == expected
    assert len(by_brute_force(search, places, 5)) > len(expected)  # the limit was one
    answers = search.signs.answers
    assert SolverSigns(search.sliced, places, search.questions, answers).other([], 3) is None


def test_short_numbers_never_exclude_the_truth(monkeypatch):
    """With two bits a weight nothing much is excluded by Z3 itself: all is left to the exact check of its proposals."""
    monkeypatch.setattr(solver_signs, "WEIGHT_BITS", 2)
    places = hidden(random_network("3-3-2-1", 2))
    wrong = frozenset({(1, 2), (2, 1)})
    search = search_of("3-3-2-1", wrong, 2, "float64", 12)
    assert by_z3(search, places) == by_brute_force(search, places, len(places)) == {wrong}


def test_an_alternative_is_asked_for_and_told_apart():
    """Two answers allow several sets; the search asks until Z3 proves that one is left."""
    wrong = frozenset({(1, 1), (1, 3), (2, 2)})
    search = search_of("3-3-2-1", wrong, 8, "float64", 2)
    places = hidden(search.recovered)
    before = search.questions.asked
    assert len(by_brute_force(search, places, len(places))) > 1
    found = search._enumerated(frozenset(), places, [wrong], lambda _: None)
    assert found == [wrong]
    assert search.questions.asked > before
    assert search.signs.by_solver
    assert by_brute_force(search, places, len(places)) == {wrong}


def test_more_neurons_than_real_numbers_determine():
    """20 neurons on 5 inputs: their t follow from the answers as whole numbers only, which is a question for Z3."""
    original = random_network("5-20-1", 0)
    wrong = frozenset((1, i) for i in (2, 3, 7, 11, 19, 20))
    diagnosis = diagnose_black_box(oracle_of(original, "float64"), flipped(original, wrong))
    assert {(fault.layer, fault.neurons[0]) for fault in diagnosis.faults} == wrong
    assert all(fault.certainty is Certainty.PROVED for fault in diagnosis.faults)
    assert diagnosis.details["uniqueness_by"] == ["Z3"]
    assert "refuted by Z3" in diagnosis.outcome
    assert diagnosis.repaired == original


def test_the_report_says_who_proved_it():
    original = random_network("20-6x2-1", 1)
    diagnosis = diagnose_black_box(oracle_of(original, "float64"), flipped(original, [(1, 2), (2, 3)]))
    assert diagnosis.details["uniqueness_by"] == ["moves of single neurons", "bounds on float64 sums", "Z3"]
    assert diagnosis.details["z3"]["excluded"] is True
    assert "bounds on float64 sums and Z3" in diagnosis.outcome
