"""The page on equivalence: sections from files, and those that stay."""

import json
import sys
from dataclasses import asdict

from benchmarks import equivalence_page as page
from benchmarks.equivalence_acas import Line, pair, summary


def line(name, outcome="equivalent", processor=1.0, **given):
    values = {"limit": 100.0, "seconds": 2.0, "parts": 10, "bound": 0.01, "checked": True, "replayed": None} | given
    return Line(pair=name, method="paired", outcome=outcome, processor=processor, **values)


LINES = [
    line("rewritten 0"),
    line("rewritten 1", processor=101.0),  # a proof, but too late
    line("noise 1e-4 0", "unknown", 101.0, bound=2.5, checked=None),
    line("sign flipped 0", "different", 0.5, bound=None, checked=None, replayed=True),
    line("sign flipped 1", "different", 0.5, bound=None, checked=None, replayed=False),  # a point that does not replay
    line("bias moved 0", checked=False),  # a certificate that is refused
]


def test_solved_is_what_is_proved_or_replayed_in_time():
    assert [entry.solved for entry in LINES] == [True, False, False, True, False, False]
    assert summary(LINES).startswith("paired: 2 of 6 solved (1 proved, 1 different)")
    text = page.acas(LINES)
    assert "| rewritten | 1 of 2 | 1 | 1 |" in text
    assert "| noise 1e-4 | 0 of 1 |  |  |" in text
    assert "noise 1e-4 0, at most 2.5 proved" in text
    assert "The limit was 100 seconds." in text
    assert "product" not in text


def test_sections_without_a_file_stay_and_the_others_are_renewed(tmp_path, monkeypatch):
    target, file = tmp_path / "page.md", tmp_path / "acas.json"
    target.write_text("# Title\n\nAbove.\n\n## Soundness\n\nAs it was.\n\n## Single pairs\n\nold\n\nThis page: made.\n")
    file.write_text(json.dumps([asdict(entry) for entry in LINES]))
    for _ in range(2):
        monkeypatch.setattr(sys, "argv", ["page", "--acas", str(file), "-o", str(target)])
        page.main()
    text = target.read_text()
    headings = [row[3:] for row in text.splitlines() if row.startswith("## ")]
    assert headings == [page.PAIRS, page.ACAS, page.SOUNDNESS]
    assert text.startswith("# Title\n\nAbove.\n\n## Single pairs\n\nold\n\n## ")
    assert text.count("This page: ") == 1
    assert "As it was." in text


def test_pairs_of_collision_avoidance_are_of_their_shape_and_have_the_planted_differences():
    name, first, second, domain = pair(4)
    assert (name, first.widths, second.widths) == ("sign flipped 0", (5, *[50] * 6, 5), (5, *[50] * 6, 5))
    assert first(domain.lower) != second(domain.lower)
    name, first, second, domain = pair(0)
    assert name == "rewritten 0"
    assert first.layers != second.layers
    assert first(domain.lower) == second(domain.lower)
