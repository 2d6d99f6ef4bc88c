"""The page in headless Chromium: it fits a phone, and follows the colour scheme."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fixtures.mutants import flip_sign
from precise.formats import load_network
from precise.web_page import COLOURS
from verify.equivalence import Effort
from verify.properties.claim import within
from verify.properties.domain import box
from verify.report_page.contents import Question, gather
from verify.report_page.page import html_page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt-get install chromium)")

MEASURE = """<script>addEventListener("load", () => {
  const page = document.querySelector("iframe").contentDocument;
  const drawings = [...page.querySelectorAll("svg")].map((svg) => svg.getBoundingClientRect());
  document.title = JSON.stringify({
    width: page.documentElement.scrollWidth,
    ground: page.defaultView.getComputedStyle(page.body).backgroundColor,
    drawn: drawings.every((r) => r.width > 20 && r.height > 24 && r.right <= 360),
    drawings: drawings.length,
  });
})</script>"""


@pytest.fixture(scope="module")
def shown():
    """The page about a network and a copy with a wrong sign."""
    network = load_network(ROOT / "fixtures" / "mnist_784_16x2_1.npz")
    question = Question(box(0, 1, 784), within("1/10", 1))
    gathered = gather(
        (Path("f.npz"), Path("g.json")), (network, flip_sign(network, 1, 4)), question, Effort(seconds=20)
    )
    return html_page(gathered.contents)


def measured(page, folder, *options):
    """What Chromium makes of the page in a frame as wide as a phone."""
    frame = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    outer = folder / "outer.html"
    outer.write_text(
        f'<!DOCTYPE html><iframe width=360 height=700 style="border:0" srcdoc="{html.escape(frame)}"></iframe>{MEASURE}'
    )
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    arguments = [*command, *options, "--dump-dom", outer.as_uri()]
    dom = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=True).stdout
    return json.loads(html.unescape(re.search(r"<title>(.*?)</title>", dom).group(1)))


@pytest.mark.parametrize("scheme", [0, 1])
def test_it_fits_a_phone_in_both_schemes(shown, tmp_path, scheme):
    options = ["--blink-settings=preferredColorScheme=0"] if scheme else []
    found = measured(shown, tmp_path, *options)
    assert found["width"] <= 360
    assert found["drawings"] == 5  # two inputs, two layers, the outputs
    assert found["drawn"]
    ground = COLOURS["ground"][scheme]
    assert found["ground"] == "rgb({}, {}, {})".format(*(int(ground[n : n + 2], 16) for n in (1, 3, 5)))
