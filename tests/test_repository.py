"""What holds for the repository as a whole: one version, imports in one direction, no machine's traces."""

import ast
import configparser
import os
import re
import sys
from fractions import Fraction
from importlib import metadata
from pathlib import Path

import pytest

from benchmarks import arithmetic
from precise.arithmetic import to_fraction
from precise.extract import extract
from precise.oracle import FunctionOracle

ROOT = Path(__file__).parents[1]
FOLDERS = ("precise", "verify", "fixtures", "tests", "benchmarks", "docs", ".ci")
KINDS = {".py", ".md", ".cfg", ".toml", ".cff", ".in", ".json", ".typed", ""}
TEXTS = sorted(
    path
    for path in [*ROOT.iterdir(), *(p for folder in FOLDERS for p in (ROOT / folder).rglob("*"))]
    if path.is_file() and path.suffix in KINDS and not {"__pycache__", "_build"} & set(path.parts)
)
SOURCES = [path for path in TEXTS if path.suffix == ".py"]
PACKAGES = [path for path in SOURCES if path.relative_to(ROOT).parts[0] in ("precise", "verify")]
# A letter in brackets keeps these patterns from matching themselves.
FORBIDDEN = [
    r"/[w]ork/",
    r"/[r]oot/",
    r"/[h]ome/\w",
    r"/[U]sers/\w",
    r"/[o]pt/",
    r"[f]ile:///",
    r"\b[i]ssues? #?\d",
    r"\b[p]ull request",
    r"\b[T]ODO\b|\b[F]IXME\b|\b[X]XX\b",
    r"\b(AI|coding) [a](ssistant|gent)",
]


@pytest.fixture(scope="module")
def setup():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def names(path):
    return str(path.relative_to(ROOT))


def imported(path):
    """The top-level names that a file imports anywhere, functions included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").partition(".")[0]


def requirements(setup, *extras):
    sections = [setup["options"]["install_requires"]]
    sections += [setup["options.extras_require"][extra] for extra in extras]
    return [line.strip() for section in sections for line in section.splitlines() if line.strip()]


@pytest.mark.parametrize("path", TEXTS, ids=names)
def test_no_file_mentions_a_workplace(path):
    text = path.read_text()
    found = [match.group() for pattern in FORBIDDEN for match in re.finditer(pattern, text)]
    assert not found


@pytest.mark.parametrize("path", [p for p in PACKAGES if p.is_relative_to(ROOT / "precise")], ids=names)
def test_precise_never_imports_verify(path):
    assert "verify" not in set(imported(path))


def extraction():
    """The modules that an import contract keeps away from the true weights."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    modules = parser["importlinter:contract:unreachable"]["source_modules"].split()
    paths = [ROOT.joinpath(*module.split(".")) for module in modules]
    return [p for path in paths for p in (path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")])]


@pytest.mark.parametrize("path", extraction(), ids=names)
def test_the_extraction_does_not_look_inside_an_oracle(path):
    tree = ast.parse(path.read_text())
    words = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    words |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert not {"ExactOracle", "RoundedOracle", "evaluate", "getattr", "vars", "__self__", "__dict__"} & words
    assert not {"gc", "inspect"} & set(imported(path))


@pytest.mark.parametrize("path", PACKAGES, ids=names)
def test_nothing_unpickles_and_no_framework_is_needed(path):
    assert not {"pickle", "dill", "joblib", "torch", "tensorflow", "keras"} & set(imported(path))


def test_every_import_is_a_declared_dependency(setup):
    provides = metadata.packages_distributions()
    extras = setup["options.extras_require"]
    declared = {re.match(r"[\w-]+", line).group().lower().replace("_", "-") for line in requirements(setup, *extras)}
    own = {"precise", "verify", "fixtures", *sys.stdlib_module_names}
    unknown = {
        name
        for path in PACKAGES
        for name in imported(path)
        if name not in own and not {d.lower().replace("_", "-") for d in provides.get(name, [name])} & declared
    }
    assert not unknown


def test_every_requirement_has_a_lower_bound_that_is_installed(setup):
    for line in requirements(setup, "test"):
        name, bound = re.fullmatch(r"([\w-]+)>=([\d.]+)", line).groups()
        installed = [int(part) for part in re.findall(r"\d+", metadata.version(name))]
        assert installed >= [int(part) for part in bound.split(".")], line


def test_the_version_has_one_source(setup):
    version = setup["metadata"]["version"]
    written = [path for path in PACKAGES if re.search(rf"""["']{re.escape(version)}["']""", path.read_text())]
    assert not written
    assert re.search(rf"^version: {re.escape(version)}$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert re.search(rf"^## {re.escape(version)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_the_installed_distribution_is_this_one(setup):
    assert metadata.version("precise-verify") == setup["metadata"]["version"]


def test_all_metadata_is_in_setup_cfg():
    assert "[project]" not in (ROOT / "pyproject.toml").read_text()


def test_the_check_of_a_commit_is_executable():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.mark.parametrize("target", ["demo", "test", "lint", "bench"])
def test_the_makefile_has_the_documented_targets(target):
    assert re.search(rf"^{target}:.* ## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert f"make {target}" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("path", [p for p in TEXTS if p.suffix == ".md"], ids=names)
def test_links_between_files_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text()):
        assert re.match(r"https?:|mailto:", target) or (path.parent / target).exists(), target


@pytest.mark.parametrize("path", [*PACKAGES, *(ROOT / "docs").glob("*.md")], ids=names)
def test_citation_keys_are_in_the_bibliography(path):
    references = (ROOT / "docs" / "references.md").read_text()
    keys = set(re.findall(r"^- \*\*\[(\w+)\]\*\*", references, re.MULTILINE))
    assert keys
    cited = set(re.findall(r"\[([A-Z][A-Za-z]{1,7}\d\d)\]", path.read_text()))
    assert cited <= keys


def examples():
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_the_example_in_python_runs(capsys):
    exec(compile(examples()[1], "README.md", "exec"), {})
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("Network(10-5-5-1, 91 parameters, ")
    assert shown[1].startswith("Complete")
    assert shown[-1] == "[5/12]"


def test_the_function_of_the_readme_can_be_extracted():
    served = {}
    exec(compile(examples()[0], "README.md", "exec"), served)
    network = extract(FunctionOracle(served["ask"], 2, 1), (2, 2, 1)).network
    points = [[Fraction(x, 3), Fraction(y, 7)] for x in range(-9, 9) for y in range(-9, 9)]
    assert [list(map(to_fraction, network(point))) for point in points] == served["ask"](points)


def test_the_benchmark_runs():
    row = arithmetic.measure(bits=128, hidden=16, batch=4, repeats=1, with_mpmath=True)
    assert 0 < row.bare < row.mpmath
    assert f"784x{row.hidden}" in arithmetic.line(row)
