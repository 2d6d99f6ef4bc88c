"""A recovered network's last digits from a more precise oracle: exact where certified, refused where refuted."""

import numpy as np
import pytest
from flint import fmpq

from precise.cli import VERBS, application, run
from precise.commands.match import midpoints
from precise.errors import InputError, PrecisionError
from precise.formats import load_network, save_network
from precise.matching.extract import extract_by_matching
from precise.network import Layer, Network
from precise.oracle import ExactOracle, RoundedOracle
from precise.oracles.select import oracle_of
from precise.random_networks import random_network
from precise.refinement import refine_network
from verify.diagnosis.black_box.answers import flipped
from verify.equality import prove_equal
from verify.verdict import Outcome


def imprecise(network, bits, seed=0):
    """Every number off by about 2^-bits of itself."""
    generator = np.random.default_rng(seed)
    spoil = lambda a: a * (1 + 2.0**-bits * generator.uniform(-1, 1, a.shape))  # noqa: E731
    return Network.from_arrays([(spoil(w), spoil(b)) for w, b in network.to_numpy()])


@pytest.mark.parametrize(("widths", "bits"), [("7-3-1", 18), ("4-3x2-2", 20)])
def test_a_network_of_few_bits_becomes_equal(widths, bits):
    original = random_network(widths, 2)
    oracle = RoundedOracle(original, 256)
    recovered = imprecise(original, bits)
    assert prove_equal(original, recovered, timeout=1).outcome is Outcome.DIFFERENT
    found = refine_network(oracle, recovered)
    assert found.complete
    assert found.start_bits <= bits
    assert found.queries == oracle.queries
    assert prove_equal(original, found.network).outcome is Outcome.EQUAL


def test_what_a_float32_oracle_gave_becomes_equal_from_a_256_bit_one():
    original = random_network("7-4-1", 0)
    matched = extract_by_matching(oracle_of(original, "float32"), original.widths)
    assert matched.report.complete
    recovered = midpoints(matched)
    assert prove_equal(original, recovered, timeout=1).outcome is Outcome.DIFFERENT
    found = refine_network(oracle_of(original, "bits:256"), recovered)
    assert found.complete
    assert prove_equal(original, found.network).outcome is Outcome.EQUAL


def test_too_few_bits_for_certainty_give_more_digits_and_say_so():
    original = random_network("4-3-1", 2)
    recovered = imprecise(original, 16)
    found = refine_network(RoundedOracle(original, 45), recovered)
    assert not found.complete
    assert found.bits > 25
    point = [1, -2, 3, 1]
    before, after = (abs(network(point)[0] - original(point)[0]) for network in (recovered, found.network))
    assert after < before / 64


def test_what_never_acts_stays_as_it_was_and_is_counted():
    layers = list(random_network("3-3x2-1", 2).layers)
    dead = tuple(-abs(w) for w in layers[1].weights[0])
    layers[1] = Layer((dead, *layers[1].weights[1:]), (fmpq(-1), *layers[1].biases[1:]))
    original = Network(tuple(layers))
    found = refine_network(RoundedOracle(original, 256), imprecise(original, 20))
    assert not found.complete
    assert "told nothing more" in found.outcome


def test_a_wrong_sign_is_refuted_not_refined():
    original = random_network("4-3-1", 2)
    with pytest.raises(PrecisionError, match="refute every network"):
        refine_network(RoundedOracle(original, 128), flipped(original, [(1, 2)]))


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="the oracle's 4 inputs and 1 outputs, not 5 and 1"):
        refine_network(ExactOracle(random_network("4-3-1", 2)), random_network("5-3-1", 2))


def refine(*arguments):
    return run(application("precise", VERBS), "precise", ["refine", *map(str, arguments)])


def test_the_command_writes_an_exact_network(tmp_path, capsys):
    original = random_network("3-3-1", 4)
    model, rough, out = tmp_path / "model.json", tmp_path / "rough.json", tmp_path / "exact.json"
    save_network(original, model)
    save_network(imprecise(original, 20), rough)
    assert refine(rough, "--oracle", model, "--oracle-precision", "bits:256", "-o", out) == 0
    assert "Complete: 4 of 4 rows are exact" in capsys.readouterr().out
    assert prove_equal(original, load_network(out)).outcome is Outcome.EQUAL


def test_the_command_refuses_what_cannot_be_and_writes_nothing(tmp_path, capsys):
    model, out = tmp_path / "model.json", tmp_path / "out.json"
    save_network(random_network("3-3-1", 4), model)
    assert refine(model, "--oracle", tmp_path / "none.json", "-o", out) == 2
    assert refine(model, "--oracle", "a:b", "--oracle-precision", "float64", "-o", out) == 2
    assert "expected exact or bits:P" in capsys.readouterr().err
    assert refine(model, "--oracle", model, "-o", model) == 2
    assert refine(model, "--oracle", model, "-o", out, "--max-queries", 3) == 3
    assert "Incomplete: the budget of 3 queries" in capsys.readouterr().out
    assert not out.exists()
