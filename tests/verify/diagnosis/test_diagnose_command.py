"""`verify diagnose` and `verify bench-diagnosis` as a user meets them: results, files, pages, and wrong input."""

import json
from html.parser import HTMLParser

import pytest
import sympy

from precise.cli import application, run
from precise.formats import load_network, save_network
from precise.oracle import ExactOracle
from precise.random_networks import random_network
from tests.precise.rewritings import evaluate
from verify.cli import VERBS
from verify.diagnosis import planted
from verify.diagnosis.black_box import diagnose_black_box
from verify.diagnosis.fault import Certainty, Kind
from verify.diagnosis.formulas import formulas_of
from verify.diagnosis.sign_confidence import sign_confidences
from verify.diagnosis.white_box import diagnose as diagnosed
from verify.equality import prove_equal
from verify.verdict import Outcome

ORIGINAL = random_network("16-5x2-2", seed=4)
FAULTY = planted.flip_sign(planted.shift_bias(ORIGINAL, 2, 2, "1/8"), 1, 3)
PLACES = [("wrong sign", 1, [3]), ("wrong weight or bias", 2, [2])]


class Page(HTMLParser):
    """Elements that are open, headings, pictures' texts, and what is loaded from elsewhere."""

    VOID = ("meta", "link", "br", "img", "rect", "line", "path", "hr", "input")

    def __init__(self, text):
        super().__init__()
        self.open, self.headings, self.pictures, self.loaded = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.loaded += [found[name] for name in ("src", "href") if name in found]
        if found.get("role") == "img" or tag in ("svg", "img"):
            self.pictures.append(found.get("aria-label") or found.get("alt") or "")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("h1", "h2", "h3"):
            self.headings.append(data)


@pytest.fixture
def files(tmp_path):
    paths = {name: tmp_path / f"{name}.json" for name in ("original", "faulty")}
    save_network(ORIGINAL, paths["original"])
    save_network(FAULTY, paths["faulty"])
    return paths


def verify(*arguments):
    return run(application("verify", VERBS), "verify", list(map(str, arguments)))


def all_outputs(folder):
    return {kind: folder / f"out.{kind}" for kind in ("html", "json", "svg", "npz")}


def options(outputs):
    return [
        *("--html", outputs["html"], "--json", outputs["json"]),
        *("--plot", outputs["svg"], "--repair", outputs["npz"], "--formulas"),
    ]


def named(report):
    return [(fault["kind"], fault["layer"], fault["neurons"]) for fault in report["faults"]]


def test_with_the_original_at_hand_everything_is_written(files, tmp_path, capsys):
    outputs = all_outputs(tmp_path)
    assert verify("diagnose", files["original"], files["faulty"], *options(outputs), "--sign-points", 3) == 1
    text = capsys.readouterr().out
    assert "layer 1, neuron 3: wrong sign (proved)" in text
    assert "layer 2, neuron 2: wrong weight or bias (proved)" in text
    report = json.loads(outputs["json"].read_text())
    assert named(report) == PLACES
    assert report["oracle"] is None
    assert len(report["signs"]) == 10
    assert prove_equal(ORIGINAL, load_network(outputs["npz"])).outcome is Outcome.EQUAL
    for fault in report["faults"]:
        point = fault["witness"]["point"]
        assert [str(v) for v in evaluate(ORIGINAL, load_point(point))] == fault["witness"]["first"]
        assert [str(v) for v in evaluate(FAULTY, load_point(point))] == fault["witness"]["second"]
    assert outputs["svg"].read_text().count("<svg") == 1
    check_page(outputs["html"].read_text(), report)


def load_point(texts):
    from precise.arithmetic import rational

    return [rational(text) for text in texts]


def check_page(text, report):
    page = Page(text)
    assert page.open == []
    assert page.loaded == []
    for kind, layer, neurons in named(report):
        assert f"layer {layer}, neuron {neurons[0]}: {kind}" in page.headings
    shown = sum(fault["witness"] is not None for fault in report["faults"])
    assert len(page.pictures) >= shown + 1  # a picture for every input of 4 by 4, and the agreement by layer
    assert all(len(label) > 20 for label in page.pictures)


def test_an_oracle_gives_the_same_outputs(files, tmp_path, capsys):
    signs = tmp_path / "signs.json"
    save_network(planted.flip_sign(ORIGINAL, 1, 3), signs)
    white, black = (all_outputs(folder) for folder in (tmp_path / "white", tmp_path / "black"))
    for outputs in (white, black):
        outputs["json"].parent.mkdir()
    assert verify("diagnose", files["original"], signs, *options(white)) == 1
    first = capsys.readouterr().out
    asked = ("--oracle", files["original"], "--oracle-precision", "float64")
    assert verify("diagnose", signs, *asked, *options(black)) == 1
    second = capsys.readouterr().out
    for line in ("layer 1, neuron 3: wrong sign (proved)", "recovered network, layer 1 neuron 3: "):
        assert line in first
        assert line in second
    one, other = (json.loads(outputs["json"].read_text()) for outputs in (white, black))
    assert set(one) == set(other)
    assert set(one["faults"][0]) == set(other["faults"][0])
    assert named(one) == named(other) == [PLACES[0]]
    assert other["oracle"] == str(files["original"])
    assert other["queries"] > 0 == one["queries"]
    assert [layer["layer"] for layer in other["layers"]] == [1, 2, 3]
    assert prove_equal(ORIGINAL, load_network(black["npz"])).outcome is Outcome.EQUAL
    check_page(black["html"].read_text(), other)


def test_equal_networks_are_no_fault(files, capsys):
    assert verify("diagnose", files["original"], files["original"]) == 0
    assert capsys.readouterr().out.startswith("No fault")


def test_nothing_is_drawn_where_nothing_was_compared(files, tmp_path, capsys):
    other, plot, report = tmp_path / "other.json", tmp_path / "plot.svg", tmp_path / "report.json"
    save_network(random_network("16-5x3-2", 1), other)
    arguments = ("--plot", plot, "--json", report, "--timeout", 1)
    assert verify("diagnose", files["original"], other, *arguments) == 3
    assert "no picture is drawn" in capsys.readouterr().out
    assert not plot.exists()
    assert json.loads(report.read_text())["explained"] is False


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("{original}",), "expected two networks"),
        (("{original}", "{faulty}", "--oracle", "{original}"), "expected one network"),
        (("{original}", "none.json"), "none.json"),
        (("{original}", "{faulty}", "--max-queries", "9"), "expected with --oracle"),
        (("{original}", "{faulty}", "--repair", "{original}"), "original.json"),
        (("{original}", "{faulty}", "--repair", "{folder}/out.vnnlib"), "out.vnnlib"),
        (("{original}", "{faulty}", "--html", "{folder}/out.txt"), "ending in .html"),
        (("{original}", "{faulty}", "--plot", "{folder}/out.txt"), "expected a picture's name"),
        (("{original}", "{faulty}", "--json", "{folder}/a.json", "--html", "{folder}/none/a.html"), "none"),
        (("{original}", "{narrow}", "--json", "{folder}/out.json"), "same number of inputs"),
        (("{original}", "{text}", "--json", "{folder}/out.json"), "text.json"),
        (("{narrow}", "--oracle", "{original}", "--html", "{folder}/out.html"), "16 inputs"),
        (("{faulty}", "--oracle", "no_such_module:ask", "--html", "{folder}/out.html"), "no_such_module"),
        (("{faulty}", "--oracle", "{original}", "--json", "{original}"), "original.json"),
    ],
)
def test_wrong_input_is_one_sentence_and_writes_nothing(files, tmp_path, capsys, arguments, words):
    narrow, text, folder = tmp_path / "narrow.json", tmp_path / "text.json", tmp_path / "folder"
    save_network(random_network("9-5x2-2", 1), narrow)
    text.write_text("no network")
    folder.mkdir()
    places = {"original": files["original"], "faulty": files["faulty"]}
    before = files["original"].read_bytes()
    given = [word.format(narrow=narrow, text=text, folder=folder, **places) for word in arguments]
    assert verify("diagnose", *given) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err
    assert words in said.err
    assert list(folder.iterdir()) == []
    assert files["original"].read_bytes() == before


# --- the bench ---

TINY = ("--shapes", "6-4x2-2", "--kinds", "sign", "--kinds", "scale", "--runs", 4)


def test_the_bench_scores_this_tool(tmp_path, capsys):
    report = tmp_path / "bench.json"
    assert verify("bench-diagnosis", *TINY, "--json", report) == 0
    found = json.loads(report.read_text())
    zeros = dict.fromkeys(("as one of several", "partly", "missed", "wrong with certainty"), 0)
    assert found["totals"] == {"cases": 4, "exactly": 4, **zeros}
    assert [len(case["planted"]) for case in found["cases"]] == [1, 2, 1, 2]
    again = tmp_path / "again.json"
    assert verify("bench-diagnosis", *TINY, "--json", again) == 0
    for one, other in zip(found["cases"], json.loads(again.read_text())["cases"], strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
    assert "100.00%" in capsys.readouterr().out


def test_the_bench_scores_bad_tools_badly(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad_tools.py").write_text(
        "def blames(original, recovered):\n    return [('wrong sign', 1, (1,)), ('precision loss', 2, ())]\n"
        "def silent(original, recovered):\n    return []\n"
        "def confused(original, recovered):\n    return [('bad luck', 1, (1,))]\n"
    )
    report = tmp_path / "bench.json"
    assert verify("bench-diagnosis", *TINY, "--tool", "bad_tools:blames", "--json", report) == 1
    totals = json.loads(report.read_text())["totals"]
    assert totals["exactly"] == 0
    assert totals["wrong with certainty"] == 4
    assert verify("bench-diagnosis", *TINY, "--tool", "bad_tools:silent", "--json", report) == 1
    totals = json.loads(report.read_text())["totals"]
    assert (totals["missed"], totals["wrong with certainty"]) == (4, 0)
    capsys.readouterr()
    assert verify("bench-diagnosis", *TINY, "--tool", "bad_tools:confused") == 2
    assert verify("bench-diagnosis", "--tool", "bad_tools:none") == 2
    assert verify("bench-diagnosis", "--kinds", "luck") == 2
    assert verify("bench-diagnosis", "--shapes", "5-1", "--runs", 1) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 4


# --- how hard signs are, and formulas ---


def test_signs_are_easy_where_a_neuron_moves_alone_and_distances_say_where_it_cannot():
    wide, narrow = random_network("12-4-1", 1), random_network("3-9-1", 1)
    for network in (wide, narrow):
        found = sign_confidences(network, points=5, seed=1)
        assert [(one.layer, one.neuron) for one in found] == [(1, n + 1) for n in range(network.widths[1])]
        assert all(0 <= one.confidence <= 1 and one.right + one.wrong <= one.points for one in found)
    assert all(one.distance < 1e-6 for one in sign_confidences(wide, points=5, seed=1))
    assert all(one.easy and one.told for one in sign_confidences(wide, points=5, seed=1))
    # the squares of the sines to a plane of 3 dimensions in 9 add up to 9 - 3
    assert sum(one.distance**2 for one in found) == pytest.approx(6)
    assert found == sign_confidences(narrow, points=5, seed=1)


def test_the_formulas_hold_at_the_witness():
    (fault,) = diagnosed(ORIGINAL, planted.flip_sign(ORIGINAL, 2, 1), seconds=5).faults
    recovered = planted.flip_sign(ORIGINAL, 2, 1)
    found = formulas_of(ORIGINAL, recovered, fault)
    at = {sympy.Symbol(f"x{n}"): sympy.Rational(str(v)) for n, v in enumerate(fault.witness.point, 1)}
    hidden = [max(v, 0) for v in evaluate_layer(recovered, 0, fault.witness.point)]
    assert sympy.sympify(found.hyperplane, rational=True).subs(at) == sympy.Rational(
        str(evaluate_layer(recovered, 1, hidden)[0])
    )
    assert found.region
    assert all(sympy.sympify(border, rational=True).subs(at) for border in found.region)
    assert formulas_of(None, recovered, fault) == found


def evaluate_layer(network, number, values):
    layer = network.layers[number]
    return [
        sum((w * v for w, v in zip(row, values, strict=True)), bias)
        for row, bias in zip(layer.weights, layer.biases, strict=True)
    ]


# --- an extraction where nothing else explains the answers ---

SMALL = random_network("6-4-1", seed=1)


@pytest.mark.parametrize(
    ("copy", "kind", "neurons"),
    [
        (planted.drop_neuron(SMALL, 1, 2), Kind.MISSING, None),
        (planted.add_neuron(SMALL, 1, [1, -2, 3, 4, -5, 6, 7], [1]), Kind.SPURIOUS, (5,)),
    ],
)
def test_an_exact_oracle_shows_wrong_widths(copy, kind, neurons):
    oracle = ExactOracle(SMALL)
    found = diagnose_black_box(oracle, copy)
    (fault,) = found.faults
    assert fault.kind is kind
    assert neurons in (None, fault.neurons)
    assert fault.certainty is Certainty.LIKELY
    assert found.queries == oracle.queries
    assert prove_equal(SMALL, found.repaired).outcome is Outcome.EQUAL


def test_an_extraction_keeps_to_the_limit_of_queries():
    oracle = ExactOracle(SMALL)
    two = planted.drop_neuron(planted.drop_neuron(SMALL, 1, 2), 1, 1)
    found = diagnose_black_box(oracle, two, max_queries=1500)
    assert oracle.queries == found.queries <= 1500
    assert not found.explained
    assert "An extraction from the oracle does not explain them either" in found.outcome
