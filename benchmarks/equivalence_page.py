"""docs/equivalence.md: what the benchmarks of `verify equivalent` have measured, from their JSON files.

A section whose file is not given stays as it is on the page.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks import equivalence, equivalence_acas, equivalence_side_by_side
from precise.formats.atomic_file import write_whole

INTRODUCTION = """# Equivalence, measured

How far two networks differ on a domain, by `verify equivalent`: verdicts, proved bounds and time. A row is one pair:
a network and a copy with permuted, rescaled neurons and noise on every weight (1e-9, or the rounding to float32).
*Processor s* is the time of the engine, its own exact check included, and *check s* that of `verify check`; both,
and the limits, are of processor time, because the machine was shared. *Ratio* is the proved bound over the largest
difference that was attained at a point: 1 is the exact maximum. *By values* is the ratio that the same search reaches
in the same time if it splits f's and g's neurons one by one instead of both by their phase; it is empty where a claim
was decided or nothing was split by phase. `unknown` means that the bounds did not meet within the limit: both still
hold.
"""
PAIRS, PEERS, ACAS, SOUNDNESS = "Single pairs", "Side by side", "Six layers of 50 on five inputs", "Soundness"
HEADINGS = (PAIRS, PEERS, ACAS, SOUNDNESS)


def pairs(lines: list[equivalence.Line]) -> str:
    """The table of single pairs."""
    rows = ["| Pair | Asked | Verdict | Processor s | Check s | Leaves | Attained | Proved | Ratio | By values |"]
    rows.append("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for line in lines:
        numbers = [line.processor, line.checking, line.leaves, line.attained, line.proved, line.ratio]
        numbers.append(line.by_values)
        shown = [
            "" if n is None else f"{n:.7g}" if n == line.ratio or isinstance(n, int) else f"{n:.3g}" for n in numbers
        ]
        rows.append("| " + " | ".join([line.case, line.asked, line.outcome, *shown]) + " |")
    return "\n".join(rows)


def soundness(reports: list[dict[str, Any]]) -> str:
    """A table of verdicts by planted relation, and what became of witnesses, certificates and changed certificates."""
    verdicts: Counter[str] = Counter()
    mutants: Counter[str] = Counter()
    for report in reports:
        verdicts.update(report["verdicts"])
        mutants.update(report["mutants"])
    total = {key: sum(int(r[key]) for r in reports) for key in ("pairs", "rechecked", "replayed")}
    wrong = [sentence for report in reports for sentence in report["wrong"]]
    outcomes = sorted({key.partition(": ")[2] for key in verdicts})
    rows = [f"| Planted relation | {' | '.join(outcomes)} |", "| --- |" + " ---: |" * len(outcomes)]
    for relation in sorted({key.partition(": ")[0] for key in verdicts}):
        counts = (verdicts[f"{relation}: {outcome}"] for outcome in outcomes)
        rows.append(f"| {relation} | {' | '.join(str(count or '') for count in counts)} |")
    changed = "\n".join(f"- {name}: {count:,}" for name, count in sorted(mutants.items()))
    return (
        f"{total['pairs']:,} pairs of small networks with planted relations, compared with brute force over all linear "
        f"regions.\n\n"
        + "\n".join(rows)
        + f"\n\n{total['rechecked']:,} certificates were accepted again by the checker, {total['replayed']:,} "
        f"witnesses replayed. Changed certificates (all were refused, unless what they prove is true):\n\n{changed}\n\n"
        + (f"Wrong: {'; '.join(wrong)}." if wrong else "**Nothing was wrong.**")
    )


def acas(lines: list[equivalence_acas.Line]) -> str:
    """What the pairs are, what was solved of every relation, and in all."""
    _, what, baseline = equivalence_acas.__doc__.split("\n\n")
    explained = [what, baseline] if any(line.method == "product" for line in lines) else [what]
    limits = " and ".join(f"{limit:g}" for limit in sorted({line.limit for line in lines}))
    explained += [f"The limit was {limits} seconds.", equivalence_acas.table(lines)]
    open_pairs = [line for line in lines if not line.solved]
    if open_pairs:
        rest = "; ".join(f"{line.pair}, at most {line.bound or float('inf'):.3g} proved" for line in open_pairs)
        explained.append(f"Left open: {rest}.")
    return "\n\n".join([*explained, "```\n" + equivalence_acas.summary(lines) + "\n```"])


def sections_of(page: str) -> dict[str, str]:
    """Heading: text under it, of the page as it was; under "" what is above the first heading."""
    first, *others = ("\n" + page).split("\n## ")
    found = {"": first.strip()}
    for other in others:
        heading, _, text = other.partition("\n")
        found[heading] = text.partition("\nThis page: ")[0].strip()
    return found


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=Path, nargs="*", default=[], help="of benchmarks/equivalence.py")
    parser.add_argument("--side-by-side", type=Path, help="of benchmarks/equivalence_side_by_side.py")
    parser.add_argument("--acas", type=Path, help="of benchmarks/equivalence_acas.py")
    parser.add_argument("--soundness", type=Path, nargs="*", default=[], help="of benchmarks/equivalence_soundness.py")
    parser.add_argument("--note", default="", help="one paragraph on machine and limits")
    parser.add_argument("-o", dest="output", type=Path, required=True)
    options = parser.parse_args()
    sections = sections_of(options.output.read_text() if options.output.exists() else "")
    if options.note or not sections[""]:
        sections[""] = f"{INTRODUCTION}\n{options.note}"
    sections |= measured(options)
    ordered = [f"## {heading}\n\n{sections[heading]}" for heading in HEADINGS if heading in sections]
    last = "This page: `python -m benchmarks.equivalence_page -o docs/equivalence.md` with these files; "
    last += "a section whose file is not given stays as it is."
    write_whole(options.output, ("\n\n".join([sections[""].strip(), *ordered, last]) + "\n").encode())


def measured(options: argparse.Namespace) -> dict[str, str]:
    """The sections whose files are given."""
    found = {}
    if options.pairs:
        read = [entry for path in options.pairs for entry in json.loads(path.read_text())]
        command = '`python -m benchmarks.equivalence --no-peers "ball 0.1" "unit cube" "unit box" --json FILE`'
        found[PAIRS] = f"{command}\n\n{pairs([_line(e) for e in read])}"
    if options.side_by_side:
        answers = [equivalence_side_by_side.Line(**e) for e in json.loads(options.side_by_side.read_text())]
        parts = ["`python -m benchmarks.equivalence_side_by_side --json FILE`"]
        parts += [
            equivalence_side_by_side.__doc__.partition("\n\n")[2].strip(),
            equivalence_side_by_side.table(answers),
        ]
        found[PEERS] = "\n\n".join(parts)
    if options.acas:
        lines = [equivalence_acas.Line(**entry) for entry in json.loads(options.acas.read_text())]
        found[ACAS] = f"`python -m benchmarks.equivalence_acas --json FILE`\n\n{acas(lines)}"
    if options.soundness:
        command = "`python -m benchmarks.equivalence_soundness --from N --pairs N --json FILE`"
        found[SOUNDNESS] = f"{command}\n\n{soundness([json.loads(p.read_text()) for p in options.soundness])}"
    return found


def _line(entry: dict[str, object]) -> equivalence.Line:
    return equivalence.Line(**entry)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
