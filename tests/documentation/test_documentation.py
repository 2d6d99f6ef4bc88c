"""The documentation does what it says: its commands and its notebook run, its site builds without a warning."""

import json
import os
import re
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import pytest

from precise import cli
from verify import cli as verify_cli

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = (
    "tutorial.md",
    "how-to/served-model.md",
    "how-to/check-an-extraction.md",
    "how-to/add-an-oracle.md",
    "how-to/run-a-precision-study.md",
    "how-to/find-a-sign-error.md",
)
SAID = {"tutorial.md": ("Complete: every row, sign and column was recovered exactly.", "equal on all of R^784")}
VERBS = {"precise": cli.VERBS, "verify": verify_cli.VERBS}


def blocks(page):
    """(language, text) of every block of code, in order."""
    return re.findall(r"^```(sh|python)\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)


def run_command(line):
    command, _, remark = line.partition("  # exit status ")
    name, *arguments = shlex.split(command)
    assert cli.run(cli.application("Summary.", VERBS[name]), name, arguments) == int(remark or 0), line


def run_python(text):
    """A block whose first line names a file is that file; any other is run."""
    named = re.match(r"# (\w+\.py)\n", text)
    if named:
        Path(named.group(1)).write_text(text)
    else:
        exec(compile(text, "documentation", "exec"), {})


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_code_run_in_the_order_of_the_page(page, tmp_path, monkeypatch, capsys):
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "served", raising=False)
    found = blocks(page)
    assert found
    for language, text in found:
        for line in text.splitlines() if language == "sh" else ():
            run_command(line)
        if language == "python":
            run_python(text)
    monkeypatch.delitem(sys.modules, "served", raising=False)
    printed, text = capsys.readouterr().out, (DOCS / page).read_text()
    assert all(words in printed and words in text for words in SAID.get(page, ()))


def test_the_notebook_runs_and_shows_its_results(monkeypatch):
    monkeypatch.chdir(ROOT)
    cells = json.loads((DOCS / "example.ipynb").read_text())["cells"]
    names, shown = {}, []
    for cell in cells:
        if cell["cell_type"] == "code":
            *body, last = "".join(cell["source"]).splitlines()
            exec(compile("\n".join(body), "example.ipynb", "exec"), names)
            shown.append(eval(last, names)._repr_html_())
    parsed = [Shown(text).text for text in shown]
    for text, words in zip(
        parsed, ("784-16-16-1", "Complete", "equal", "(in the second 4) has the opposite sign"), strict=True
    ):
        assert words in text


class Shown(HTMLParser):
    """The text of some HTML."""

    def __init__(self, html):
        super().__init__()
        self.text = ""
        self.feed(html)

    def handle_data(self, data):
        self.text += data


def test_every_page_is_in_the_site():
    index = (DOCS / "index.md").read_text().partition("{toctree}")[2]
    pages = {str(path.relative_to(DOCS).with_suffix("")) for path in DOCS.rglob("*.md") if "_build" not in path.parts}
    assert pages - {"index"} <= set(index.split())


@pytest.mark.skipif(find_spec("sphinx") is None or find_spec("myst_parser") is None, reason="needs the extra `docs`")
def test_the_site_builds_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", str(tmp_path / "trees")]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [*command, str(DOCS), str(tmp_path / "site")], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "prove_equal" in (tmp_path / "site" / "api.html").read_text()
    assert "<svg" in (tmp_path / "site" / "_images" / "linear-regions.svg").read_text()
