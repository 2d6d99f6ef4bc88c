"""SMT-LIB scripts: Z3, which reads them on its own, agrees with exact brute force and with the engine's claims."""

import numpy as np
import pytest
import z3
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from precise import InputError
from precise.arithmetic import rational, to_fraction
from precise.cli import application, run
from precise.formats import save_network
from precise.random_networks import random_network
from tests.verify.equivalence.pairs import RELATIONS, integer_network, related
from tests.verify.equivalence.polygons import clipped, largest_differences, rectangle, top1_differs
from verify.cli import VERBS
from verify.properties.claim import Excluded, same_top1, within
from verify.properties.domain import Domain, box
from verify.smt_lib import script


def answer(text):
    solver = z3.Solver()
    solver.from_string(text)
    return str(solver.check())


def largest(text):
    solver = z3.Optimize()
    solver.from_string(text)
    assert solver.check() == z3.sat
    return rational(solver.model()[z3.Real("largest")].as_string())


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(RELATIONS), st.integers(0, 2**32 - 1), st.sampled_from([fmpq(0), fmpq(1, 2), fmpq(1), fmpq(2)]))
def test_another_solver_finds_what_brute_force_finds(relation, seed, factor):
    generator = np.random.default_rng(seed)
    first = integer_network((2, 2, 2), generator)
    second = related(first, relation, generator)
    domain = Domain((fmpq(-1),) * 2, (fmpq(1),) * 2, (((fmpq(1), fmpq(-1)), fmpq(1, 2)),))
    polygon = clipped(rectangle(domain.lower, domain.upper), [to_fraction(fmpq(1, 2)), -1, 1])
    truth = rational(max(largest_differences(first, second, polygon)))
    claim = within(truth * factor, 2)
    assert answer(script(first, second, domain, claim)) == ("unsat" if truth <= claim.epsilon[0] else "sat")
    assert answer(script(first, second, domain, claim, facts=True)) == answer(script(first, second, domain, claim))
    assert largest(script(first, second, domain, None, facts=bool(seed % 2))) == truth
    # the same claim as excluded alternatives
    rows = [tuple(fmpq(sign * (i == 2 + o)) for i in range(4)) for o in range(2) for sign in (1, -1)]
    same = Excluded(tuple(((row, claim.epsilon[0], True),) for row in rows))
    assert answer(script(first, second, domain, same)) == answer(script(first, second, domain, claim))
    top = answer(script(first, second, domain, same_top1(2, "1/8")))
    assert top == ("sat" if top1_differs(first, second, polygon, to_fraction(fmpq(1, 8))) else "unsat")


def test_the_verb_writes_a_script(tmp_path, capsys):
    paths = [tmp_path / "f.json", tmp_path / "g.json"]
    for path in paths:
        save_network(integer_network((2, 3, 1), np.random.default_rng(5)), path)
    out = tmp_path / "question.smt2"
    options = [*map(str, paths), "--box", "0", "1", "--epsilon", "0"]
    assert run(application("", VERBS), "verify", ["export-smt", *options, "-o", str(out)]) == 0
    assert answer(out.read_text()) == "unsat"
    assert run(application("", VERBS), "verify", ["export-smt", *options, "-o", str(paths[0])]) == 2
    assert run(application("", VERBS), "verify", ["export-smt", *options[:-2], "--max", "--facts", "-o", str(out)]) == 0
    assert largest(out.read_text()) == 0
    assert run(application("", VERBS), "verify", ["export-smt", *options[:-2], "-o", str(out)]) == 2
    assert "exactly one property" in capsys.readouterr().err


def test_what_no_solver_can_do_is_not_written():
    large = random_network("4-1001-1", seed=1)
    with pytest.raises(InputError, match="at most 2000 hidden neurons"):
        script(large, large, box(0, 1, 4), within(0, 1))
