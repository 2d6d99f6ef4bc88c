"""The command `verify`: its verbs; everything else is shared with `precise`."""

from __future__ import annotations

import sys
from collections.abc import Callable

from precise.cli import application, run
from verify.commands.bench_diagnosis import bench_diagnosis
from verify.commands.check import check
from verify.commands.diagnose import diagnose
from verify.commands.equal import equal
from verify.commands.equivalent import equivalent
from verify.commands.export_smt import export_smt
from verify.commands.fidelity import fidelity
from verify.commands.plot import plot, plot_gap
from verify.commands.region import region
from verify.commands.report import report

# Add a verb here. It imports what it computes with inside its function, so that --help stays quick.
VERBS: tuple[Callable[..., None], ...] = (
    equal,
    equivalent,
    check,
    fidelity,
    diagnose,
    bench_diagnosis,
    report,
    export_smt,
    region,
    plot,
    plot_gap,
)

SUMMARY = (
    "Proof that two ReLU networks are the same function, or an input on which they are not.\n\n"
    "Exit status 0 means proved, 1 different (the report holds an input that shows it), 2 bad input, "
    "3 unknown: neither proved nor refuted."
)


def main() -> None:
    """Run `verify` with the arguments of the process, and end it."""
    sys.exit(run(application(SUMMARY, VERBS), "verify"))
