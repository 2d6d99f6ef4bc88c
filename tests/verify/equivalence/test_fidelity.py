"""The summary of a copy: what is proved brackets the truth, what is sampled never passes it."""

import json

import numpy as np
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures import mutants
from precise.arithmetic import rational
from precise.cli import application, run
from precise.formats import save_network
from tests.precise.rewritings import rewritten
from tests.verify.equivalence.pairs import integer_network, perturbed
from tests.verify.equivalence.polygons import largest_differences, rectangle
from verify.cli import VERBS
from verify.equivalence import Effort
from verify.fidelity import fidelity
from verify.properties.domain import box

PLANE = box(-1, 1, 2)


def truth_of(first, second):
    return rational(max(largest_differences(first, second, rectangle([-1, -1], [1, 1]))))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_proved_sampled_and_multiplied_figures_are_in_order(seed, power):
    generator = np.random.default_rng(seed)
    first = integer_network((2, 3, 3, 2), generator)
    second = rewritten(perturbed(first, fmpq(1, 10**power), generator), generator, steps=2, kinds=[0, 2])
    found = fidelity(first, second, PLANE, Effort(seconds=5), samples=50)
    truth = truth_of(first, second)
    attained = rational(found.decision.verdict.details["attained"])
    assert found.sampled.mean <= found.sampled.largest <= truth <= found.epsilon
    assert attained <= truth
    if found.norm_product is not None:
        assert truth <= rational(found.norm_product) * (1 + fmpq(1, 10**9)) + fmpq(1, 10**14)
    json.dumps(found.to_json(), allow_nan=False)


def test_bits_of_agreement_name_the_layer_that_differs():
    first = integer_network((2, 4, 4, 1), np.random.default_rng(3))
    largest = max(abs(v) for row in first.layers[1].weights for v in (*row, *first.layers[1].biases))
    second = mutants.shift_bias(first, 2, 1, largest * fmpq(1, 2**20))
    found = fidelity(first, second, PLANE, Effort(seconds=5), samples=10)
    assert [a.bits for a in found.agreement] == [None, 20, None]
    assert [a.alone for a in found.agreement] == [0, 0, 0]


def test_the_verb_marks_estimates(tmp_path, capsys):
    first = integer_network((2, 3, 2), np.random.default_rng(2))
    paths = tmp_path / "f.json", tmp_path / "g.json", tmp_path / "report.json"
    save_network(first, paths[0])
    save_network(mutants.shift_bias(first, 2, 1, "1/8"), paths[1])
    options = ["fidelity", *map(str, paths[:2]), "--box", "-1", "1", "--samples", "40", "--json", str(paths[2])]
    assert run(application("", VERBS), "verify", options) == 0
    out = capsys.readouterr().out
    assert "(1/8, 0)-functionally equivalent" in out
    assert out.count("an estimate") == 2
    report = json.loads(paths[2].read_text())
    assert report["functional_equivalence"] == {"epsilon": "1/8", "delta": 0, "proved": True}
    assert report["sampled"]["proved"] is False
    assert run(application("", VERBS), "verify", options[:3]) == 2
