"""Pictures: drawn where there is something to draw, one sentence where there is not."""

import json

import numpy as np
import pytest
from flint import fmpq

from precise import InputError
from precise.arithmetic import rational, to_float
from precise.cli import application, run
from precise.formats import save_network
from precise.network import Network
from tests.verify.equivalence.pairs import integer_network
from verify.cli import VERBS
from verify.plots import difference_slice, gap_over_time
from verify.properties.domain import Domain, box

pytest.importorskip("matplotlib")  # an extra
BOX = ("--box", "-1", "1")


def verify(*arguments):
    return run(application("", VERBS), "verify", [str(a) for a in arguments])


def test_a_slice_shows_the_difference_and_the_kinks():
    first = Network.from_rows([([[1, 0]], [0]), ([[1]], [0])])  # max(0, x)
    second = Network.from_rows([([[1, 0]], ["1/2"]), ([[1]], [0])])  # max(0, x + 1/2)
    figure = difference_slice(first, second, box(-1, 1, 2), (1, 2), points=41)
    plane = figure.axes[0]
    values = plane.collections[0].get_array().reshape(41, 41)
    assert values[0, 0] == 0
    assert values[20, 40] == pytest.approx(0.5)
    borders = sorted(
        {round(float(x), 6) for c in plane.collections[1:] for path in c.get_paths() for x in path.vertices[:, 0]}
    )
    assert borders == [-0.5, 0.0]


def test_what_half_spaces_exclude_is_shaded():
    network = Network.from_rows([([[1, 0]], [2]), ([[1]], [0])])  # no kink in the box
    half = Domain((fmpq(-1),) * 2, (fmpq(1),) * 2, (((fmpq(1), fmpq(0)), fmpq(1, 4)),))
    for domain, shades in ((box(-1, 1, 2), 0), (half, 1)):
        figure = difference_slice(network, network, domain, (1, 2), points=41)
        shaded = figure.axes[0].collections[1:]
        assert len(shaded) == shades
        corners = [vertex for shade in shaded for path in shade.get_paths() for vertex in path.vertices]
        assert all(0.24 < x <= 1 for x, _ in corners)


def test_the_verbs_write_pictures(tmp_path, capsys):
    generator = np.random.default_rng(7)
    paths = tmp_path / "f.json", tmp_path / "g.json"
    for path in paths:
        save_network(integer_network((2, 4, 4, 1), generator), path)
    picture, report, gap = tmp_path / "slice.png", tmp_path / "report.json", tmp_path / "gap.svg"
    assert verify("plot", *paths, *BOX, "-o", picture) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert verify("equivalent", *paths, *BOX, "--max", "--jobs", 1, "--json", report) in (0, 3)
    found = json.loads(report.read_text(), parse_constant=pytest.fail)  # no infinity: that is no JSON
    bounds = [bound for _, bound in found["history"]]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[-1] == pytest.approx(to_float(rational(found["details"]["proved"])))
    assert verify("plot-gap", report, "-o", gap) == 0
    assert b"<svg" in gap.read_bytes()
    assert verify("plot", *paths, *BOX, "-o", tmp_path / "slice.txt") == 2
    assert verify("plot", *paths, *BOX, "--inputs", "1", "one", "-o", picture) == 2
    assert verify("plot", *paths, *BOX, "--inputs", "1", "3", "-o", picture) == 2
    assert verify("plot-gap", paths[0], "-o", gap) == 2
    report.write_text(json.dumps({"history": [], "details": {}}))
    assert verify("plot-gap", report, "-o", gap) == 2
    assert "over at once" in capsys.readouterr().err


def test_a_history_is_drawn_as_it_is():
    (axes,) = gap_over_time([(0.0, 2.0), (1.0, 0.5)], attained=0.4).axes
    assert axes.lines[0].get_ydata().tolist() == [2.0, 0.5]
    network = integer_network((2, 2, 1), np.random.default_rng(1))
    with pytest.raises(InputError, match="an output from 1 to 1"):
        difference_slice(network, network, box(0, 1, 2), (1, 2), output=2)
