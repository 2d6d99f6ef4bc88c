"""`precise doctor`: what is installed, whether it works, and how fast this machine is at what the programs do."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Annotated

import typer

from precise.commands.output import check_place, show
from precise.formats.atomic_file import write_whole

DISTRIBUTION = "precise-verify"
REPAIR = "python -m pip install --force-reinstall"


@dataclass(frozen=True)
class Engine:
    """One library that the programs compute with."""

    package: str  # the distribution's name
    use: str  # what it is for
    version: str | None  # None: not installed
    works: bool  # a small problem with a known answer was solved
    advice: str = ""  # what to do, if it does not work


@dataclass(frozen=True)
class Speed:
    """One measurement on this machine."""

    what: str  # measured
    rate: float  # how many a second, the best of several tries
    unit: str  # of the rate


@dataclass(frozen=True)
class Diagnosis:
    """All that `precise doctor` found."""

    versions: dict[str, str]  # of this package, Python and the system
    cores: int  # usable by this process
    engines: tuple[Engine, ...]
    speeds: tuple[Speed, ...]  # none if an engine that they need is broken

    @property
    def healthy(self) -> bool:
        """Whether every engine that is not optional works."""
        return all(engine.works for engine in self.engines)


def doctor(
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write everything to FILE as JSON.")
    ] = None,
) -> None:
    """Show versions, whether every engine works, and measured speeds; takes a few seconds.

    Exit status 0: every engine works; 1: one does not, and its line says what to do.
    """
    check_place(json_file)
    found = diagnose()
    if json_file is not None:
        write_whole(json_file, (json.dumps(asdict(found) | {"healthy": found.healthy}, indent=1) + "\n").encode())
    show(text(found))
    raise typer.Exit(0 if found.healthy else 1)


def diagnose() -> Diagnosis:
    """Try every engine and measure."""
    engines = tuple(_engine(*entry) for entry in ENGINES)
    versions = {
        DISTRIBUTION: _version(DISTRIBUTION) or "not installed",
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    working = {engine.package for engine in engines if engine.works}
    speeds = _speeds() if {"python-flint", "numpy", "mpmath"} <= working else ()
    return Diagnosis(versions, cores, engines, speeds)


def text(found: Diagnosis) -> str:
    """The diagnosis as lines for a person."""
    lines = [f"{name:<18}{number}" for name, number in found.versions.items()]
    lines += [f"{'cores':<18}{found.cores}", "", f"{'engine':<18}{'version':<12}{'state':<9}for"]
    for engine in found.engines:
        state = "works" if engine.works else "broken" if engine.version else "missing"
        lines.append(f"{engine.package:<18}{engine.version or '-':<12}{state:<9}{engine.use}")
    if found.speeds:
        lines += ["", *(f"{speed.what:<46}{speed.rate:>14,.0f} {speed.unit}" for speed in found.speeds)]
    advice = [f"{engine.package}: {engine.advice}" for engine in found.engines if engine.advice]
    lines += ["", *(advice or ["All engines work."])]
    return "\n".join(lines)


# -- engines: each solves a problem whose answer is known ------------------------------------------------------------


def _flint() -> bool:
    from flint import fmpq, fmpq_mat

    return bool(fmpq_mat(2, 2, [1, 2, 3, 4]).inv()[0, 0] == fmpq(-2))


def _numpy() -> bool:
    import numpy as np

    return float(np.linalg.norm(np.array([3.0, 4.0]))) == 5.0


def _scipy() -> bool:
    from scipy.optimize import linear_sum_assignment

    return bool(list(linear_sum_assignment([[4, 1], [2, 3]])[1]) == [1, 0])


def _mpmath() -> bool:
    import mpmath

    with mpmath.workprec(200):
        return bool(abs(mpmath.sqrt(2) ** 2 - 2) < mpmath.mpf(2) ** -190)


def _sympy() -> bool:
    import sympy

    return bool(sympy.Rational(1, 3) + sympy.Rational(1, 6) == sympy.Rational(1, 2))


def _z3() -> bool:
    import z3

    solver, x = z3.Solver(), z3.Real("x")
    solver.add(2 * x == 1)
    return bool(solver.check() == z3.sat and solver.model()[x].as_fraction() == Fraction(1, 2))


def _highs() -> bool:
    import highspy

    solver = highspy.Highs.__new__(highspy.Highs)
    super(highspy.Highs, solver).__init__()  # without callbacks: setting them up prints a line
    solver.setOptionValue("output_flag", False)
    solver.addVar(0.0, 3.0)
    solver.changeColCost(0, -1.0)
    solver.run()
    return bool(solver.getInfo().objective_function_value == -3.0)


def _imports(module: str) -> Callable[[], bool]:
    return lambda: import_module(module) is not None


ENGINES: tuple[tuple[str, str, Callable[[], bool]], ...] = (
    ("python-flint", "exact integers, rationals and matrices", _flint),
    ("numpy", "searches in floating point", _numpy),
    ("scipy", "pairing of neurons", _scipy),
    ("mpmath", "numbers for people", _mpmath),
    ("sympy", "formulas of linear regions", _sympy),
    ("z3-solver", "small questions that canonical forms leave open", _z3),
    ("highspy", "linear programs of verify equivalent", _highs),
    ("h5py", "Keras files", _imports("h5py")),
    ("onnx", "ONNX files", _imports("onnx")),
    ("safetensors", "safetensors files", _imports("safetensors")),
)


def _engine(package: str, use: str, check: Callable[[], bool]) -> Engine:
    number = _version(package)
    if number is None:
        return Engine(package, use, None, False, f"not installed; run: {REPAIR} '{_requirement(package)}'")
    try:
        works, said = check(), "it answers a question with a known answer wrongly"
    except Exception as error:  # whatever a broken library raises
        works, said = False, f"{type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else ''}"
    return Engine(package, use, number, works, "" if works else f"{said}; run: {REPAIR} '{_requirement(package)}'")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _requirement(package: str) -> str:
    """The package with the bound that this distribution states."""
    try:
        stated = requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        return package
    return next((line for line in stated if line.startswith(package) and ";" not in line), package)


# -- speeds ------------------------------------------------------------------------------------------------------------


def _speeds() -> tuple[Speed, ...]:
    from flint import fmpz_mat

    from precise.arithmetic import Batch
    from precise.oracle import ExactOracle
    from precise.random_networks import random_network

    network, size = random_network("784-16x2-1", seed=0), 64
    points = Batch.from_rows([[Fraction(i * j % 97, 128) for j in range(784)] for i in range(size)])
    oracle = ExactOracle(network)
    matrix = fmpz_mat(60, 60, [(7919 * n * n + 1) << 200 for n in range(3600)])
    return (
        Speed("exact queries of a 784-16x2-1 network", size * _rate(lambda: oracle.query(points)), "a second"),
        Speed("products of 60x60 matrices of 230-bit integers", _rate(lambda: matrix * matrix), "a second"),
        Speed("ranks of 60x60 matrices of 230-bit integers", _rate(lambda: matrix.rank()), "a second"),
    )


def _rate(work: Callable[[], object], tries: int = 5) -> float:
    best = float("inf")
    for _ in range(tries):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return 1 / max(best, 1e-9)


__all__ = ["Diagnosis", "Engine", "Speed", "diagnose", "doctor", "text"]
