"""Wrong signs from answers alone: planted ones are all found, and no sign is claimed that is not so."""

import itertools

import numpy as np
import pytest
import z3
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from precise.arithmetic import Batch, to_fraction
from precise.errors import InputError
from precise.network import Network
from precise.oracle import ExactOracle, FunctionOracle
from precise.oracles.hardware import HardwareOracle
from precise.oracles.promise import promise_of
from precise.oracles.select import oracle_of
from precise.random_networks import random_network
from verify.diagnosis.black_box import diagnose_black_box
from verify.diagnosis.black_box.answers import Questions, flipped, on_slice, slice_of
from verify.diagnosis.black_box.isolated_moves import IsolatedMoves
from verify.diagnosis.black_box.relaxed_signs import RelaxedSigns
from verify.diagnosis.black_box.sampling import Sampler
from verify.diagnosis.black_box.sign_sets import fitted, largest_size, try_all
from verify.diagnosis.fault import Certainty, Kind


def hidden(network):
    return [(k, i) for k, width in enumerate(network.widths[1:-1], 1) for i in range(1, width + 1)]


def planted(network, count, seed):
    places = hidden(network)
    chosen = np.random.default_rng(seed).choice(len(places), count, replace=False)
    return frozenset(places[int(n)] for n in chosen)


def found(diagnosis):
    assert all(fault.kind is Kind.SIGN for fault in diagnosis.faults)
    return {(fault.layer, neuron) for fault in diagnosis.faults for neuron in fault.neurons}


@pytest.mark.parametrize(
    ("widths", "count", "precision"),
    [
        ("10-15x2-1", 15, "float64"),
        ("20-6x3-1", 9, "float64"),
        ("12-6x2-3", 5, "float32"),
        ("6-4x2-2", 3, "bits:40"),
        ("5-9-1", 4, "exact"),
    ],
)
def test_all_planted_signs_are_found_and_proved(widths, count, precision):
    for seed in range(2):
        original = random_network(widths, seed)
        wrong = planted(original, count, seed)
        diagnosis = diagnose_black_box(oracle_of(original, precision), flipped(original, wrong), seed=seed)
        assert found(diagnosis) == wrong
        assert all(fault.certainty is Certainty.PROVED for fault in diagnosis.faults)
        assert diagnosis.explained
        assert diagnosis.repaired == original
        assert not diagnosis.alternatives


def test_three_wrong_signs_anywhere_in_a_deep_network():
    original = random_network("40-8x8-1", 3)
    wrong = frozenset({(1, 2), (5, 7), (8, 1)})
    oracle = oracle_of(original, "float64")
    diagnosis = diagnose_black_box(oracle, flipped(original, wrong))
    assert found(diagnosis) == wrong
    assert diagnosis.repaired == original
    assert diagnosis.queries == oracle.queries > 0
    assert "at most 3 wrong signs" in diagnosis.outcome


@given(st.integers(0, 2**16), st.integers(0, 7))
@settings(max_examples=25, deadline=None)
def test_no_sign_is_claimed_that_is_not_wrong(seed, count):
    original = random_network("4-4-3-1", seed)
    wrong = planted(original, count, seed)
    diagnosis = diagnose_black_box(ExactOracle(original), flipped(original, wrong), seed=seed)
    undecidable = {tuple(place) for place in diagnosis.details["undecidable"]}
    proved = {(fault.layer, fault.neurons[0]) for fault in diagnosis.faults if fault.certainty is Certainty.PROVED}
    assert proved <= wrong
    if not diagnosis.alternatives:
        assert found(diagnosis) | undecidable >= wrong
    assert diagnosis.repaired is not None


def test_a_network_without_fault():
    original = random_network("8-5x2-1", 1)
    diagnosis = diagnose_black_box(oracle_of(original, "float64"), original)
    assert diagnosis.faults == ()
    assert diagnosis.explained
    assert diagnosis.outcome.startswith("No fault was found")


def test_a_neuron_that_reaches_nothing_is_undecidable_not_guessed():
    original = Network.from_rows(
        [
            ([[1, 2, 0], [0, 1, -1], [3, 0, 1]], ["1/2", 0, -1]),
            ([[1, -1, 0], [2, 1, 0]], [0, "1/4"]),
            ([[1, 1]], [0]),
        ]
    )
    wrong = flipped(original, [(1, 3), (2, 1)])
    diagnosis = diagnose_black_box(ExactOracle(original), wrong)
    assert found(diagnosis) == {(2, 1)}
    assert [1, 3] in diagnosis.details["undecidable"]
    assert "Undecidable: the sign of neuron 3 of layer 1" in diagnosis.outcome


def test_a_row_of_zeros_has_no_sign():
    original = Network.from_rows([([[1, 2], [0, 0], [1, -1]], [0, 0, 1]), ([[1, 1, 1]], [0])])
    diagnosis = diagnose_black_box(ExactOracle(original), flipped(original, [(1, 1), (1, 2)]))
    assert found(diagnosis) == {(1, 1)}
    assert diagnosis.explained


def test_a_limit_of_queries_is_kept_and_said():
    original = random_network("8-5x2-1", 1)
    for most in (5, 26, 40):
        oracle = ExactOracle(original)
        diagnosis = diagnose_black_box(oracle, flipped(original, [(1, 1)]), max_queries=most)
        assert oracle.queries <= most
        assert diagnosis.queries == oracle.queries
        assert not diagnosis.explained
        assert diagnosis.outcome.startswith("Incomplete")


def test_the_wrong_shape_is_refused():
    with pytest.raises(InputError, match="the oracle's 8 inputs and 1 outputs, not 9 and 1"):
        diagnose_black_box(ExactOracle(random_network("8-5-1", 1)), random_network("9-5-1", 1))


def test_a_function_of_ones_own_is_an_oracle():
    original = random_network("3-3-1", 2)
    oracle = FunctionOracle(lambda points: [[to_fraction(v) for v in original(p)] for p in points], 3, 1)
    diagnosis = diagnose_black_box(oracle, flipped(original, [(1, 2)]))
    assert found(diagnosis) == {(1, 2)}


# -- the parts, against independent means --------------------------------------------------------------------------


def set_up(original, wrong, precision="float64", seed=0):
    recovered = flipped(original, wrong)
    questions = Questions(oracle_of(original, precision))
    columns = slice_of(recovered)
    sliced = on_slice(recovered, columns)
    sampler = Sampler(*sliced.to_numpy()[0], np.random.default_rng(seed))
    return questions, columns, sliced, sampler


def test_a_single_move_decides_whatever_is_wrong_above():
    """The other layers' numbers are nonsense, within the norms that the bound uses: the first layer's proofs stand."""
    original = random_network("9-5x2-1", 4)
    wrong = frozenset({(1, 1), (1, 4)})
    other = random_network("9-5x2-1", 5)
    recovered = Network((flipped(original, wrong).layers[0], *other.layers[1:]))
    questions, columns, _, sampler = set_up(original, wrong)
    moves = IsolatedMoves(questions, columns, on_slice(recovered, columns), sampler)
    moves.decide(1)
    assert len(moves.proofs) >= 4
    for (_, neuron), proof in moves.proofs.items():
        assert (proof.sign < 0) == ((1, neuron) in wrong)
        assert proof.change > proof.allowed


def test_a_neuron_that_acts_on_both_sides_contradicts_its_row():
    original = random_network("9-5x2-1", 4)
    questions, columns, sliced, sampler = set_up(original, frozenset())
    moves = IsolatedMoves(questions, columns, sliced, sampler)
    moves.decide(1)
    assert not moves.contradicted(1)
    row = sliced.layers[0].weights[0]
    spoiled = (tuple(-2 * w for w in row[::-1]), *sliced.layers[0].weights[1:])
    broken = Network((type(sliced.layers[0])(spoiled, sliced.layers[0].biases), *sliced.layers[1:]))
    moves = IsolatedMoves(questions, columns, broken, sampler)
    moves.decide(1)
    assert moves.contradicted(1)


def test_only_sets_that_an_exact_oracle_excludes_are_refuted():
    """Every set of signs below the last hidden layer, against exact residuals of the best signs above."""
    original = random_network("3-4-3-1", 6)
    wrong = frozenset({(1, 2), (1, 3), (2, 1)})
    questions, columns, sliced, sampler = set_up(original, wrong)
    answers = questions.ask(questions.to_grid(sampler.draw(14)), columns)
    relaxed = RelaxedSigns(sliced, 1, questions, answers)
    places = tuple((1, i) for i in range(1, 5))
    tried = try_all(relaxed, places, 4)
    assert tried.count == 16
    below = frozenset(place for place in wrong if place[0] == 1)
    fitting = set()
    for size in range(8):
        for chosen in itertools.combinations(hidden(original), size):
            rows = flipped(sliced, chosen).evaluate(questions.batch(answers.points)).rows()
            pairs = zip(rows, answers.exact, answers.radii, strict=True)
            if all(abs(a[0] - b[0]) <= r[0] for a, b, r in pairs):
                fitting.add(frozenset(p for p in chosen if p[0] == 1))
    assert fitting == {below}
    assert below in tried.sets
    assert fitted(relaxed, places, np.random.default_rng(0)) in tried.sets


def test_z3_finds_no_other_signs():
    """The same observations in an SMT solver, signs as unknown truths: the found set and no other."""
    original = random_network("3-3-2-1", 8, 24)
    wrong = frozenset({(1, 1), (2, 2)})
    recovered = flipped(original, wrong)
    diagnosis = diagnose_black_box(ExactOracle(original), recovered)
    assert found(diagnosis) == wrong
    turned = {place: z3.Bool(f"turned_{place[0]}_{place[1]}") for place in hidden(original)}
    solver = z3.Solver()
    solver.set("timeout", 60_000)
    generator = np.random.default_rng(1)
    for _ in range(14):
        point = [fmpq(int(v), 8) for v in generator.integers(-40, 40, 3)]
        solver.add(observation(recovered, turned, point) == real(original(point)[0]))
    assert solver.check() == z3.sat
    model = solver.model()
    assert {place for place, bit in turned.items() if z3.is_true(model[bit])} == wrong
    solver.add(z3.Or([bit != z3.BoolVal(place in wrong) for place, bit in turned.items()]))
    assert solver.check() == z3.unsat


def real(value):
    return z3.Q(int(value.p), int(value.q))


def observation(network, turned, point):
    held = [real(v) for v in point]
    for k, layer in enumerate(network.layers, 1):
        values = [
            z3.Sum([real(w) * h for w, h in zip(row, held, strict=True)]) + real(b)
            for row, b in zip(layer.weights, layer.biases, strict=True)
        ]
        if k == len(network.layers):
            return values[0]
        signed = [z3.If(turned[k, i], -v, v) for i, v in enumerate(values, 1)]
        held = [z3.If(v > 0, v, z3.RealVal(0)) for v in signed]
    raise AssertionError


def test_how_many_signs_can_all_be_tried():
    assert largest_size(80) == 3
    assert largest_size(5) == 5
    assert largest_size(0) == 0


@pytest.mark.parametrize("precision", ["float64", "float16", "exact"])
def test_a_network_that_reads_pictures_is_shown_wrong_by_one(precision):
    original = random_network("16-6x2-2", 4)
    oracle = oracle_of(original, precision)
    recovered = flipped(original, [(1, 2), (2, 5)])
    diagnosis = diagnose_black_box(oracle, recovered)
    assert diagnosis.queries == oracle.queries
    assert diagnosis.faults
    for fault in diagnosis.faults:
        point = fault.witness.point
        assert all(0 <= v <= 1 for v in point)
        assert list(fault.witness.second) == list(recovered(point))
        points = Batch.from_rows([list(point)])
        radii = promise_of(oracle).radii(points, Batch.from_rows([list(fault.witness.first)]))[0]
        true = oracle.rounded_network() if isinstance(oracle, HardwareOracle) else original
        gaps = [
            (abs(said - right), abs(said - other), radius)
            for said, right, other, radius in zip(
                fault.witness.first, true(point), fault.witness.second, radii, strict=True
            )
        ]
        assert all(right <= radius for right, _, radius in gaps)
        assert any(other > radius for _, other, radius in gaps)


def test_what_is_no_picture_keeps_its_input():
    original = random_network("15-6x2-1", 4)
    diagnosis = diagnose_black_box(oracle_of(original, "float64"), flipped(original, [(1, 2)]))
    assert diagnosis.faults[0].witness is not None
