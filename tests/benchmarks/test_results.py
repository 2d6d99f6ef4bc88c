"""The page of results against figures worked out by hand."""

import re

import pytest

from benchmarks.results import page, with_summary
from benchmarks.rows import ROWS

MACHINE = {"processor": "A processor", "cores": 2, "system": "Linux"}


def run(seed, queries, seconds, row="random 784-8x2-1", **changes):
    stages = {
        "layer 1: critical points": {"queries": 100, "seconds": 0.25},
        "layer 1: signatures": {"queries": 200, "seconds": 0.5},
        "layer 2: critical points": {"queries": 300, "seconds": 1.0},
        "layer 2: signatures": {"queries": 400, "seconds": 2.0},
        "output layer": {"queries": 50, "seconds": 0.125},
        "columns outside the slice": {"queries": 20, "seconds": 0.0625},
        "fresh points": {"queries": 32, "seconds": 0.0625},
    }
    found = {
        "row": row,
        "seed": seed,
        "jobs": 1,
        "complete": True,
        "outcome": "Complete: every row, sign and column was recovered exactly.",
        "verdict": "equal",
        "exact_rows": [8, 8],
        "exact_signs": [8, 8],
        "queries": queries,
        "seconds": seconds,
        "processor_seconds": seconds / 2,
        "stages": stages,
        "megabytes": 100.0 + seed,
        "worker_megabytes": 0.0,
        "versions": {"python": "3.x"},
        "date": "2026-11-23",
        "revision": "abc",
        "machine": MACHINE,
        "command": "the command",
    }
    return found | changes


def failed(seed, row="random 784-8x2-1", **changes):
    found = run(seed, 0, 0, row) | {"complete": False, "verdict": None, "failed": True, "outcome": "failed: a reason"}
    for field in ("queries", "seconds", "stages", "versions", "exact_rows", "megabytes"):
        del found[field]
    return found | changes


def section(text, title):
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


def cells(text, title, name):
    lines = [line for line in section(text, title).splitlines() if line.startswith(f"| {name} |")]
    assert len(lines) == 1
    return [cell.strip() for cell in lines[0].strip("|").split("|")]


def test_mean_and_deviation_over_the_seeds():
    text = page([run(1, 4000, 1.0), run(2, 5000, 2.0), run(3, 6000, 3.0)])
    # deviations of the sample: 1000 and 1
    expected = ["6,361", "3/3", "16/16", "16/16", "5,000 ± 1,000", "2.00 ± 1.00", "1.00 ± 0.50", "103"]
    assert cells(text, "Whole networks", "random 784-8x2-1")[1:] == expected


def test_a_single_run_has_no_deviation():
    text = page([run(1, 4000, 1.5)])
    assert cells(text, "Whole networks", "random 784-8x2-1")[5:8] == ["4,000", "1.50", "0.75"]


def test_the_ratio_is_the_whole_network_over_the_named_layer():
    # published: 10.4 + 0.25 s and 51,000 queries
    line = cells(page([run(1, 5100, 2.13)]), "Beside the published figures", "random 784-8x2-1, layer 2")
    assert line[1:4] == ["10.4", "0.25", "51,000"]
    assert line[4:6] == ["3.00", "700"]
    assert line[6:] == ["2.13", "5,100", "0.2", "0.1"]


def test_of_two_published_figures_the_smaller_one_counts():
    name = "published 784-64x2-1"  # 496 and 4650 s, 6.3 s, 3.1e6 and 4.9e6 queries
    line = cells(page([run(1, 31000, 50.23, name)]), "Beside the published figures", f"{name}, layer 2")
    assert line[1:4] == ["496 and 4,650", "6.3", "3,100,000 and 4,900,000"]
    assert line[-2:] == ["0.1", "0.01"]


def test_a_layer_that_was_never_answered_gives_a_bound():
    name = "MNIST 784-16x8-1"
    line = cells(page([run(1, 10**6, 1296.0, name)]), "Beside the published figures", f"{name}, layer 3")
    assert line[1:4] == ["no answer in 36 h", "-", "-"]
    assert line[-2:] == ["< 0.01", "-"]


def test_stages_are_added_over_the_layers():
    line = cells(page([run(1, 1102, 4.0)]), "Where the queries and seconds go", "random 784-8x2-1")
    assert line[1:] == ["400 / 1.25", "600 / 2.50", "50 / 0.12", "52 / 0.12"]


def test_only_proved_runs_enter_the_figures_and_the_others_are_listed():
    stopped = run(2, 70, 9.0, complete=False, verdict=None, outcome="stopped after 9 s", exact_rows=[8, 0])
    text = page([run(1, 4000, 1.0), stopped, failed(3)])
    line = cells(text, "Whole networks", "random 784-8x2-1")
    assert line[2] == "1/3"
    assert line[5] == "4,000"
    notes = section(text, "Runs that were not complete").strip().splitlines()
    assert notes == [
        "- random 784-8x2-1, seed 2: stopped after 9 s (70 queries, 9.0 s; exact rows by layer: 8, 0)",
        "- random 784-8x2-1, seed 3: failed: a reason",
    ]


def test_a_row_of_which_no_run_ended_says_so():
    assert cells(page([failed(1)]), "Whole networks", "random 784-8x2-1")[2:] == ["0/1", *[""] * 6]


def test_a_proved_copy_with_parts_that_are_not_identified_is_listed_too():
    text = page([run(1, 4000, 1.0, complete=False, outcome="Not all identified: layer 2.")])
    assert cells(text, "Whole networks", "random 784-8x2-1")[2] == "1/1"
    assert "Not all identified: layer 2 (4,000 queries" in section(text, "Runs that were not complete")


def test_runs_proved_where_weights_are_silent_count_apart_and_give_the_figures_of_a_row_that_has_no_others():
    name = "published 784-16x8-1"
    silent = {"complete": False, "outcome": "Not all identified.", "verdict": "unknown", "where_silent": "equal"}
    runs = [run(1, 300, 6.0, name, **silent), run(2, 500, 9.0, name, complete=False, verdict="unknown")]
    line = cells(page(runs), "Whole networks", name)
    assert line[2] == "0/2, 1 where silent"
    assert line[5] == "300"
    assert cells(page(runs), "Beside the published figures", f"{name}, layer 2")[6:8] == ["6.00", "300"]
    both = [*runs, run(3, 400, 7.0, name)]
    assert cells(page(both), "Whole networks", name)[2] == "1/3, 1 where silent"
    assert cells(page(both), "Whole networks", name)[5] == "400"


def test_runs_with_several_processes_have_their_own_line():
    parallel = run(1, 4400, 0.5, jobs=2, worker_megabytes=50.0)
    text = page([run(1, 4000, 1.0), parallel])
    assert cells(text, "Whole networks", "random 784-8x2-1")[5] == "4,000"
    line = cells(text, "Whole networks", "random 784-8x2-1, 2 processes")
    assert (line[5], line[8]) == ("4,400", "101 + 2 x 50")


@pytest.mark.parametrize("runs", [[], [run(1, 4000, 1.0)]], ids=["none", "one"])
def test_every_row_has_its_lines_and_those_not_run_say_so(runs):
    text = page(runs)
    measured = {run["row"] for run in runs}
    for row in ROWS:
        assert (cells(text, "Whole networks", row.name)[2] == "not run") == (row.name not in measured)
        for published in row.published:
            line = cells(text, "Beside the published figures", f"{row.name}, layer {published.layer}")
            assert ("not run" in line) == (row.name not in measured)
    assert "Runs that were not complete" not in text


def test_where_and_how_the_figures_were_made():
    later = run(2, 1, 1.0, date="2026-11-25", revision="def+")
    text = page([run(1, 1, 1.0), later])
    for expected in ("2026-11-23 to 2026-11-25", "A processor, 2 cores", "python 3.x", "abc, def+", "`the command`"):
        assert expected in text
    assert "0.50 to 0.50" in text


def test_every_line_of_a_table_has_the_same_number_of_cells():
    blocks = re.findall(r"(?:^\|.*\n)+", page([run(1, 4000, 1.0), failed(2)]), re.MULTILINE)
    assert len(blocks) == 3
    for block in blocks:
        assert len({line.count("|") for line in block.splitlines()}) == 1


def test_the_summary_replaces_what_is_between_the_marks_and_nothing_else():
    before, after = "# Title\n<!-- results -->\n", "\n<!-- end of results -->\nThe rest.\n"
    found = with_summary(before + "old\nlines" + after, [run(1, 1473, 0.5, "random 10-5x2-1")])
    assert found.startswith(before)
    assert found.endswith(after)
    assert "old" not in found
    assert "| random 10-5x2-1 | 91 | 1,473 | 0.50 | 0.25 | 16/10 | 16/10 | 1/1 |" in found


def test_a_readme_without_the_marks_is_refused():
    with pytest.raises(ValueError, match="README: expected one part"):
        with_summary("# Title\n", [])
