"""VNN-LIB files: read as the format's own library reads them, decided like the same claim given by hand."""

from fractions import Fraction

import numpy as np
import pytest
import vnnlib
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures import mutants
from precise import InputError
from precise.arithmetic import to_fraction
from precise.cli import application, run
from precise.formats import save_network
from tests.verify.equivalence.pairs import RELATIONS, integer_network, related
from tests.verify.equivalence.polygons import largest_differences, rectangle
from verify.cli import VERBS
from verify.properties.specification import specification
from verify.properties.vnnlib import parse_query

HEADER = """; two networks, as in the competition
(vnnlib-version <2.0>)
(declare-network f (declare-input X_f real [1, 2]) (declare-output Y_f real [2]))
(declare-network g (isomorphic-to f) (declare-input X_g real [1, 2]) (declare-output Y_g real [2]))
"""
SAME = "(assert (== X_f[0,0] X_g[0,0]))\n(assert (== X_f[0,1] X_g[0,1]))\n"
UNIT = "(assert (and (<= X_f[0,0] 1.0) (>= X_f[0,0] -1.0) (<= X_f[0,1] 1.0) (>= X_f[0,1] -1.0)))\n"
VARIABLES = {"X_f": ("x", 0), "Y_f": ("y", 0), "X_g": ("x", 1), "Y_g": ("y", 1)}
OLD = """(declare-const X_0 Real)
(declare-fun X_1 () Real)
(declare-const Y_0 Real)
(declare-const Y_1 Real)
(assert (>= X_0 -1e-3))
(assert (<= X_0 0.1))
(assert (>= X_1 1/3)) (assert (<= (* 2 X_1) 1))
(assert (<= (+ X_0 (- X_1)) 0.25))
(assert (or (and (>= Y_0 Y_1)) (and (>= Y_0 2))))
"""


def beyond(epsilon, outputs=2):
    """The competition's way of asking for outputs that differ by more than epsilon."""
    parts = "".join(
        f"(or (> Y_g[{o}] (+ Y_f[{o}] {epsilon})) (< Y_g[{o}] (- Y_f[{o}] {epsilon})))" for o in range(outputs)
    )
    return f"(assert (or {parts}))\n"


numbers = st.integers(-9, 9).map(lambda n: f"{n / 4}")
elements = st.sampled_from(["X_f[0,0]", "X_f[0,1]", "Y_f[0]", "Y_f[1]", "X_g[0,1]", "Y_g[0]", "Y_g[1]"])
products = st.builds("(* {} {})".format, numbers, elements)
terms = st.recursive(
    st.one_of(elements, products, numbers),
    lambda parts: st.builds(
        "({} {})".format, st.sampled_from("+-"), st.lists(parts, min_size=2, max_size=3).map(" ".join)
    ),
    max_leaves=6,
)
comparisons = st.builds("({} {} {})".format, st.sampled_from(["<", "<=", ">", ">=", "=="]), elements, terms)
conditions = st.recursive(
    comparisons,
    lambda parts: st.builds(
        "({} {})".format, st.sampled_from(["and", "or"]), st.lists(parts, min_size=2, max_size=3).map(" ".join)
    ),
    max_leaves=5,
)


def holds(node, values):
    """A condition of the library's syntax tree, evaluated in fractions."""
    kind = type(node).__name__
    if kind in ("And", "Or"):
        return (all if kind == "And" else any)(holds(part, values) for part in node.args)
    left, right = amount(node.lhs, values), amount(node.rhs, values)
    return {
        "LessThan": left < right,
        "LessEqual": left <= right,
        "GreaterThan": left > right,
        "GreaterEqual": left >= right,
        "Equal": left == right,
    }[kind]


def amount(node, values):
    kind = type(node).__name__
    if kind in ("Float", "Int"):
        return Fraction(node.lexeme)
    if kind == "Var":
        return values[(*VARIABLES[node.name], node.indices[-1])]
    if kind == "Negate":
        return -amount(node.expr, values)
    if kind == "Minus":
        return amount(node.head, values) - sum(amount(part, values) for part in node.rest)
    parts = [amount(part, values) for part in node.args]
    return sum(parts) if kind == "Plus" else parts[0] * parts[1]


@settings(max_examples=60, deadline=None)
@given(conditions, st.lists(st.integers(-8, 8), min_size=8, max_size=8))
def test_conditions_mean_what_the_formats_own_library_reads(condition, drawn):
    text = f"{HEADER}(assert {condition})\n"
    values = {(*place, n): Fraction(drawn.pop(), 4) for place in VARIABLES.values() for n in range(2)}
    (theirs,) = vnnlib.parse_query_string(text).assertions
    (ours,) = parse_query(text).assertions

    def met(atom):
        total = sum(to_fraction(c) * values[variable] for variable, c in atom.coefficients.items())
        bound = to_fraction(atom.bound)
        return total > bound if atom.strict else total >= bound

    assert any(all(map(met, conjunction)) for conjunction in ours) == holds(theirs.expr, values)


def test_the_first_version_gives_exact_domains():
    found = specification(parse_query(OLD), 2, 2)
    assert found.domain.lower == (fmpq(-1, 1000), fmpq(1, 3))
    assert found.domain.upper == (fmpq(1, 10), fmpq(1, 2))
    assert found.domain.halfspaces == (((fmpq(1), fmpq(-1)), fmpq(1, 4)),)
    assert found.claim is None


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(RELATIONS), st.integers(0, 2**32 - 1), st.sampled_from(["0.5", "1.0", "1.5"]))
def test_two_networks_are_decided_like_brute_force_does(tmp_path_factory, relation, seed, factor):
    generator = np.random.default_rng(seed)
    first = integer_network((2, 3, 2), generator)
    second = related(first, relation, generator)
    truth = max(largest_differences(first, second, rectangle([-1, -1], [1, 1])))
    epsilon = truth * Fraction(factor)
    paths = written(tmp_path_factory.mktemp("pair"), first, second, HEADER + UNIT + SAME + beyond(epsilon))
    assert verify("equivalent", *paths[:2], "--region", paths[2], "--jobs", 1) == (0 if truth <= epsilon else 1)


def written(folder, first, second, text):
    paths = folder / "f.json", folder / "g.json", folder / "p.vnnlib"
    save_network(first, paths[0])
    save_network(second, paths[1])
    paths[2].write_text(text)
    return paths


def verify(*arguments):
    return run(application("", VERBS), "verify", [str(a) for a in arguments])


@pytest.mark.parametrize(
    ("unsafe", "status"),
    [
        ("(assert (> Y_g[0] Y_f[0]))", 1),  # g's first output is larger by 1/8
        ("(assert (>= Y_f[0] Y_g[0]))", 0),
        ("(assert (>= Y_g[0] (+ Y_f[0] 0.125)))", 1),
        ("(assert (> Y_g[0] (+ Y_f[0] 0.125)))", 0),
        ("(assert (>= Y_f[1] (+ Y_g[1] 1e-30)))", 0),
        ("(assert (and (>= Y_f[0] 0.0) (>= (* -1.0 Y_g[0]) 0.0)))", 0),
        ("(assert (== Y_f[1] Y_g[1]))", 1),
    ],
)
def test_one_sided_and_strict_conditions(tmp_path, unsafe, status):
    first = integer_network((2, 3, 2), np.random.default_rng(2))
    second = mutants.shift_bias(first, 2, 1, "1/8")
    *networks, file = written(tmp_path, first, second, HEADER + UNIT + SAME + unsafe)
    certificate = tmp_path / "c.json"
    assert verify("equivalent", *networks, "--region", file, "--certificate", certificate, "--jobs", 1) == status
    if status == 0:
        assert verify("check", certificate, *networks) == 0


def test_a_file_that_contradicts_itself_is_taken_at_its_word_and_said_to_be_so(tmp_path, capsys):
    first = integer_network((2, 3, 2), np.random.default_rng(2))
    text = HEADER + UNIT + SAME + "(assert (> Y_g[0] (+ Y_f[0] 0.05)))(assert (< Y_g[0] (- Y_f[0] 0.05)))"
    *networks, file = written(tmp_path, first, integer_network((2, 3, 2), np.random.default_rng(3)), text)
    assert verify("equivalent", *networks, "--region", file, "--jobs", 1) == 0
    assert "contradict one another" in capsys.readouterr().out
    assert verify("equivalent", *networks, "--region", file, "--epsilon", "0.05", "--jobs", 1) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "declarations of inputs"),
        ("(assert", "closing bracket"),
        ("assert)", "in brackets"),
        (")", "opening"),
        ("(declare-const Z Real)", "variables named X_0"),
        (OLD.replace("(>= X_0 -1e-3)", "(>= Y_0 0)"), "input 0: expected a lower bound"),
        (OLD.replace("(* 2 X_1)", "(* X_0 X_1)"), "linear"),
        (OLD + "(assert (or (<= X_0 0) (>= X_0 0.05)))", "without or"),
        (OLD + "(assert (< X_0 0.05))", "domains are closed"),
        (OLD + "(assert (<= X_0 Y_0))", "others about outputs"),
        (OLD + "(assert (!= X_0 1))", "comparison"),
        (OLD + "(push 1)", "VNN-LIB command"),
        (OLD + "(assert (<= X_0 one))", "decimal, not 'one'"),
        (OLD.replace("X_1", "X_2"), "2 inputs and 2 outputs, not 3 and 2"),
        (HEADER + UNIT + beyond("0.05"), "same input"),
        (HEADER + "(assert (<= X_f[0,2] 1.0))", "an element of X_f with shape"),
        (HEADER + "(assert (<= Z[0] 1.0))", "declared variable"),
        (HEADER.replace("[1, 2]", ""), "shape such as"),
        (HEADER.replace("(isomorphic-to f)", "(wider-than f)"), "inputs and outputs"),
        ("(" * 3000 + ")" * 3000, "nested less deeply"),
    ],
)
def test_other_files_are_one_sentence(text, message):
    with pytest.raises(InputError, match=message):
        specification(parse_query(text), 2, 2)


@pytest.mark.parametrize(
    "text",
    [
        "(declare-const |X\n_1| Real)",
        OLD + "(assert (<= |X_0\n0| 1))",
        HEADER.replace("[1, 2]", "").replace("X_f", "|X\n_f|"),
        HEADER.replace("(isomorphic-to f)", "(|wider\nthan| f)"),
    ],
)
def test_a_name_of_several_lines_is_told_in_one(text):
    with pytest.raises(InputError) as caught:
        specification(parse_query(text), 2, 2)
    assert "\n" not in str(caught.value)


def test_too_many_alternatives_are_refused():
    either = "(or (> Y_f[0] 0.0) (> Y_f[1] 0.0))"
    with pytest.raises(InputError, match="alternatives"):
        parse_query(HEADER + f"(assert (and {' '.join([either] * 20)}))")
