"""What `verify diagnose` shows and writes, with the original at hand and with an oracle."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from precise.formats import format_of, load_network, save_network
from precise.formats.atomic_file import write_whole
from precise.network import Network
from verify.commands.output import check_report, show, write_report
from verify.errors import InputError

if TYPE_CHECKING:
    from verify.diagnosis.fault import Diagnosis, Fault
    from verify.diagnosis.formulas import Formulas
    from verify.diagnosis.sign_confidence import SignConfidence

SHOWN = 20  # faults that are printed
WIDTH = 110
ANSWERS = "it agrees with the oracle at fresh points, and answers prove no equality"  # of a repaired network

Files = tuple[tuple[Path, Network], ...]


@dataclass(frozen=True)
class Outputs:
    """Where the results go, and what is to be in them."""

    repair: Path | None
    html: Path | None
    json: Path | None
    plot: Path | None
    formulas: bool

    @property
    def layers(self) -> bool:
        """Does any of them show the agreement by layer?"""
        return self.html is not None or self.json is not None or self.plot is not None

    def check(self, *taken: Path) -> None:
        """Make sure, before the work, that everything can be written.

        Raises:
            InputError: something cannot.
        """
        from verify.plots import SUFFIXES

        places = [path for path in (self.repair, self.html, self.json, self.plot) if path is not None]
        for number, path in enumerate(places):
            check_report(path, *taken, *places[:number])
        if self.repair is not None and not format_of(self.repair).writes:
            raise InputError(f"{self.repair}: expected a format that networks are written in, such as .json")
        if self.html is not None and self.html.suffix.lower() != ".html":
            raise InputError(f"{self.html}: expected a page's name, ending in .html")
        if self.plot is not None and self.plot.suffix not in SUFFIXES:
            raise InputError(f"{self.plot}: expected a picture's name, ending in {', '.join(SUFFIXES)}")


def status(found: Diagnosis) -> int:
    """The exit status: 0 no fault; 1 faults that explain everything, and an input shows one; 3 neither."""
    if not found.explained:
        return 3
    if not found.faults:
        return 3 if found.alternatives else 0
    return 1 if any(fault.witness is not None for fault in found.faults) else 3


def write_outputs(
    found: Diagnosis,
    files: Files,
    outputs: Outputs,
    signs: Sequence[SignConfidence] = (),
    oracle: str | None = None,
) -> None:
    """Print a diagnosis, and write what was asked for.

    Args:
        found: the diagnosis.
        files: the networks that were read, the recovered one last; it alone where an oracle was asked.
        outputs: where the results go.
        signs: how hard the original's signs are to tell; none: it was not looked at.
        oracle: what was asked, by name; None: the original was at hand.

    Raises:
        InputError: something cannot be written.
    """
    from verify.diagnosis.contents import contents_of
    from verify.diagnosis.page import diagnosis_page

    formulas = _formulas(found, files) if outputs.formulas else []
    repaired = _repaired(found, files, outputs.repair)
    contents = contents_of(found, files, signs, formulas, repaired, oracle)
    lines = [text(found, formulas)]
    if outputs.plot is not None and not contents["layers"]:
        lines.append("no picture is drawn: nothing could be compared layer by layer")
    elif outputs.plot is not None:
        from verify.plots import agreement_by_layer, save

        save(agreement_by_layer(contents["layers"]), outputs.plot)
        lines.append(f"picture in {outputs.plot}")
    if outputs.html is not None:
        write_whole(outputs.html, diagnosis_page(contents).encode())
        lines.append(f"page in {outputs.html}")
    write_report(outputs.json, {"command": "verify diagnose", **contents})
    if outputs.repair is not None:
        lines.append(
            "no repaired network is written: the faults that were found do not explain all of the difference"
            if repaired is None
            else f"repaired network in {outputs.repair}: {repaired['verdict']}, {repaired['reason']}"
        )
    show("\n".join(lines))


def text(found: Diagnosis, formulas: list[Formulas | None]) -> str:
    """The diagnosis for a person."""
    lines = [textwrap.fill(found.outcome, WIDTH)]
    if found.queries:
        lines.append(f"{found.queries:,} queries, {found.seconds:.2f} s, seed {found.seed}")
    for number, fault in enumerate(found.faults[:SHOWN]):
        lines += ["", *_fault(fault)]
        if number < len(formulas) and (one := formulas[number]) is not None:
            lines += [f"  {line}" for line in one.lines]
    if len(found.faults) > SHOWN:
        lines += ["", f"and {len(found.faults) - SHOWN} more faults (--json FILE has them all)"]
    for other in found.alternatives:
        lines += ["", f"As well: {'; '.join(_place(fault) for fault in other)}."]
    return "\n".join(lines)


def _fault(fault: Fault) -> list[str]:
    from verify.commands.equal import witness_lines

    head = f"{_place(fault)} ({fault.certainty.value})"
    lines = [head, *textwrap.wrap(fault.evidence, WIDTH, initial_indent="  ", subsequent_indent="  ")]
    shown = [] if fault.witness is None else witness_lines(fault.witness)
    return lines + [f"  {line}" for line in shown]


def _place(fault: Fault) -> str:
    from verify.diagnosis.page import place

    return f"{place(fault.to_json())}: {fault.kind.value}"


def _formulas(found: Diagnosis, files: Files) -> list[Formulas | None]:
    from verify.diagnosis.formulas import formulas_of

    original = files[0][1] if len(files) == 2 else None
    return [formulas_of(original, files[-1][1], fault) for fault in found.faults[:SHOWN]]


def _repaired(found: Diagnosis, files: Files, path: Path | None) -> dict[str, Any] | None:
    """Write the repaired network and compare what stands in the file, which may hold rounded numbers."""
    from verify.equality.structural import prove_equal

    if path is None or found.repaired is None:
        return None
    saved = save_network(found.repaired, path)
    verdict, rounded = found.verdict, saved.rounded
    if rounded and len(files) == 2:
        verdict = prove_equal(files[0][1], load_network(path))
    word, reason = ("unknown", ANSWERS) if verdict is None else (verdict.outcome.value, verdict.reason)
    reason += f"; {rounded} values were rounded to fit the format" if rounded else ""
    return {"file": str(path), "verdict": word, "reason": reason, "rounded": rounded}
