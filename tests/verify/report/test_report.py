"""`verify report`: one content in four forms, safe to open, and true to the verdicts."""

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest
from flint import fmpq

from fixtures.mutants import drop_neuron, flip_sign, one_ulp
from precise import web_page
from precise.arithmetic import rational
from precise.cli import application, run
from precise.extract import extract
from precise.formats import load_network, save_network
from precise.network import Network
from precise.oracle import ExactOracle
from precise.random_networks import random_network
from verify.cli import VERBS
from verify.equality.structural import prove_equal
from verify.report_page import page
from verify.report_page.drawings import MARKS, PALETTE, picture, picture_side
from verify.report_page.error_map import error_map

ROOT = Path(__file__).parents[3]
DIGITS = ROOT / "fixtures" / "digits_64_16x2_10.npz"
SCHEMA = json.loads((ROOT / "verify" / "report_page" / "schema.json").read_text())
VOID = {"meta", "rect"}


def verify(*arguments):
    return run(application("Summary.", VERBS), "verify", [str(a) for a in arguments])


def reports(folder, *arguments):
    """The four forms of a report by suffix, and the exit status."""
    files = {suffix: folder / f"report{suffix}" for suffix in (".html", ".json", ".md", ".tex")}
    status = verify("report", *arguments, *(word for path in files.values() for word in ("-o", path)))
    return {suffix: path.read_text() for suffix, path in files.items()}, status


@pytest.fixture
def mutant(tmp_path):
    """The digits' network with one sign flipped and one weight off."""
    faulty = flip_sign(one_ulp(load_network(DIGITS), 2, 3, 5), 1, 4)
    return save_network(faulty, tmp_path / "<b>&copy;.json").path


class Page(HTMLParser):
    """The elements of a page; fails on one that is not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.text = [], [], ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data if not {"style"} & set(self.open) else ""

    def attributes(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def test_one_content_in_four_forms(tmp_path, mutant, capsys):
    forms, status = reports(tmp_path, DIGITS, mutant, "--box", "0", "1", "--epsilon", "1e6", "--timeout", "20")
    assert status == 1
    said = json.loads(forms[".json"])
    jsonschema.validate(said, SCHEMA)
    assert [verdict["verdict"] for verdict in said["verdicts"]] == ["different", "equivalent"]
    seal, shown = said["verdicts"][1]["certificate"]["seal"], Page(forms[".html"])
    for verdict in said["verdicts"]:
        assert verdict["claim"] in shown.text
        assert verdict["domain"] in shown.text
        assert verdict["reason"] in shown.text
    assert seal in shown.text
    for network in said["networks"]:
        assert network["sha256"] in shown.text
        assert network["sha256"][:16] in forms[".md"]
        assert network["sha256"][:16] in forms[".tex"]
    assert seal[:16] in forms[".md"]
    assert "| 1 | 15 | 0 | 0 | 0 | 1 | 0 |" in forms[".md"]
    assert r"1 & 15 & 0 & 0 & 0 & 1 & 0 \\" in forms[".tex"]
    assert "different on all of R^64" in capsys.readouterr().out


def test_the_witness_is_exact_and_refutes(tmp_path, mutant):
    forms, _ = reports(tmp_path, DIGITS, mutant)
    witness = json.loads(forms[".json"])["verdicts"][0]["witness"]
    point = [rational(value) for value in witness["point"]]
    for path, outputs in ((DIGITS, witness["first"]), (mutant, witness["second"])):
        assert [str(value) for value in load_network(path)(point)] == outputs
    assert witness["first"] != witness["second"]


def test_the_page_needs_nothing_and_runs_nothing(tmp_path, mutant):
    forms, _ = reports(tmp_path, DIGITS, mutant)
    shown = Page(forms[".html"])
    assert not {"script", "link", "iframe", "object", "img", "b>"} & {tag for tag, _ in shown.elements}
    assert not any(name in ("src", "href") or name.startswith("on") for _, a in shown.elements for name in a)
    assert "url(" not in forms[".html"]
    assert "@import" not in forms[".html"]
    assert mutant.name in shown.text  # escaped, so that it is text


def test_the_page_is_accessible(tmp_path, mutant):
    shown = Page(reports(tmp_path, DIGITS, mutant)[0][".html"])
    assert ("html", {"lang": "en"}) in shown.elements
    drawings = shown.attributes("svg")
    assert len(drawings) == 4  # the input, two layers, the outputs
    assert all(a["role"] == "img" and len(a["aria-label"]) > 20 for a in drawings)
    assert all(a["tabindex"] == "0" and a["aria-label"] for a in shown.attributes("div") if a["class"] == "wide")
    levels = [int(tag[1]) for tag, _ in shown.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def contrast(one, other):
    """The contrast ratio of the Web Content Accessibility Guidelines."""

    def luminance(colour):
        parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
@pytest.mark.parametrize("name", ["text", "muted", "good", "bad", *page.COLOURS])
@pytest.mark.parametrize("ground", ["ground", "card"])
def test_text_has_contrast(scheme, name, ground):
    colours = {**web_page.COLOURS, **page.COLOURS}
    assert contrast(colours[name][scheme], colours[ground][scheme]) >= 4.5


@pytest.mark.parametrize("kind", PALETTE)
def test_cells_have_contrast(kind):
    assert contrast(*PALETTE[kind]) >= 4.5


def test_the_error_map_names_what_was_planted():
    network = random_network("6-5-4-2", seed=3)
    found = error_map(network, flip_sign(one_ulp(network, 2, 3, 1, bits=24), 1, 4))["layers"]
    assert [n["match"] for n in found[0]["neurons"]] == ["exact"] * 3 + ["sign flipped", "exact"]
    assert [n["match"] for n in found[1]["neurons"]] == ["exact", "exact", "differs", "exact"]
    assert found[1]["neurons"][2]["bits"] >= 22
    assert [n["match"] for n in found[2]["neurons"]] == ["exact"] * 2
    assert found[2]["output"]


def test_bits_are_the_exact_ratio():
    first = Network.from_rows([([[1, 3], [2, -1]], [4, 1]), ([[1, 1]], [0])])
    second = Network.from_rows([([[1, 3], [2, -1]], ["33/8", 1]), ([[1, 1]], ["1/2"])])
    found = error_map(first, second)["layers"]
    assert found[0]["neurons"][0]["bits"] == 5  # 1/8 of 33/8 is 1/33
    assert found[1]["neurons"][0]["bits"] == 1  # 1/2 of 1


def test_missing_neurons_and_other_depths_are_said():
    network = random_network("6-5-4-2", seed=3)
    fewer = error_map(network, drop_neuron(network, 1, 2))["layers"][0]["neurons"]
    assert [n["match"] for n in fewer].count("missing") == 1
    deeper = error_map(network, random_network("6-5-2", seed=3))
    assert deeper["layers"] == []
    assert "3 and 2 layers" in deeper["reason"]


@pytest.mark.parametrize(("inputs", "side"), [(784, 28), (16, 4), (9, None), (15, None), (3 * 64, None), (10**6, None)])
def test_what_is_drawn_as_a_picture(inputs, side):
    assert picture_side(inputs) == side


def test_a_picture_has_the_point_in_its_pixels():
    point = [fmpq(n % 5, 4) for n in range(16)]
    drawn = picture(point, "A point")
    pixels = {}
    for x, y, width, level in re.findall(r'x="(\d+)" y="(\d+)" width="(\d+)" height="1" fill="rgb\((\d+)', drawn):
        pixels |= {(int(x) + n, int(y)): int(level) for n in range(int(width))}
    assert [pixels.get((n % 4, n // 4), 0) for n in range(16)] == [255 * (n % 5) // 4 for n in range(16)]
    assert "black is 0, white 1" in drawn
    assert "every input is 1/3" in picture([fmpq(1, 3)] * 16, "A point")


def test_marks_do_not_rely_on_colour():
    assert len(set(MARKS.values())) == len(MARKS)


def test_a_proof_and_its_certificate(tmp_path, capsys):
    copy = save_network(load_network(DIGITS), tmp_path / "copy.json").path
    certificate, out = tmp_path / "proof.json", tmp_path / "report.json"
    assert verify("report", DIGITS, copy, "--box", "0", "1", "--certificate", certificate, "-o", out) == 0
    said = json.loads(out.read_text())
    jsonschema.validate(said, SCHEMA)
    assert [verdict["verdict"] for verdict in said["verdicts"]] == ["equal", "equal"]
    if said["verdicts"][1]["certificate"] is not None:
        assert said["verdicts"][1]["certificate"] == {
            "file": str(certificate),
            "seal": json.loads(certificate.read_text())["seal"],
        }
        assert verify("check", certificate, DIGITS, copy) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-o", "report.pdf"), "report.pdf: expected a report's name, ending in .html"),
        (("-o", "none/report.html"), "in a folder that exists"),
        (("-o", "a.html", "-o", "a.html"), "file of its own"),
        (("-o", "a.html", "--epsilon", "1"), "expected a domain"),
        (("-o", "a.html", "--box", "1", "0"), "lower bound first"),
        (("-o", "a.html", "--certificate", "c.json"), "expected together with a domain"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert verify("report", DIGITS, DIGITS, *arguments) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_verdicts_and_extractions_show_themselves_in_notebooks():
    network = random_network("4-3-1", seed=1)
    result = extract(ExactOracle(network), network.widths)
    shown = Page(result.report._repr_html_()).text
    assert "Complete" in shown
    assert "3 of 3" in shown
    assert "equal" in Page(prove_equal(network, result.network)._repr_html_()).text
    different = Page(prove_equal(network, flip_sign(network, 1, 1))._repr_html_()).text
    assert "different" in different
    assert "input" in different
