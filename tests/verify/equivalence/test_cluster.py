"""`verify equivalent --scheduler`: the same proof from a Dask cluster, also when a worker is killed in the middle."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from time import sleep
from typing import Any

from precise.formats import save_network
from tests.dask_cluster import cluster, needs_dask
from tests.verify.equivalence.unfinished import FIRST, SECOND, kept_in

ROOT = Path(__file__).parents[3]


def begun(folder: Path, name: str, *options: str) -> subprocess.Popen[str]:
    """`verify equivalent --max`, with a certificate and a report of this name."""
    files = [str(folder / "f.json"), str(folder / "g.json")]
    written = ["--certificate", str(folder / f"{name}.json"), "--json", str(folder / f"{name}.report.json")]
    asked = ["--box", "-1", "1", "--max", "--timeout", "250"]
    command = [sys.executable, "-m", "verify", "equivalent", *files, *asked, *written, *options]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def verdict(folder: Path, name: str) -> Any:
    """What the report says of the proof, without what a clock measured."""
    report = json.loads((folder / f"{name}.report.json").read_text())
    details = {key: value for key, value in report["details"].items() if key != "seconds"}
    return report["verdict"], report["claim"], report["reason"], details


@needs_dask
def test_a_killed_worker_changes_nothing(tmp_path: Path) -> None:
    save_network(FIRST, tmp_path / "f.json")
    save_network(SECOND, tmp_path / "g.json")
    alone = begun(tmp_path, "alone", "--jobs", "1")
    assert (alone.communicate()[1], alone.returncode) == ("", 0)
    checkpoint = tmp_path / "run.checkpoint"
    with cluster(tmp_path) as (address, workers):
        together = begun(tmp_path, "together", "--scheduler", address, "--checkpoint", str(checkpoint))
        while kept_in(checkpoint) < 4 and together.poll() is None:
            sleep(0.005)
        assert together.poll() is None, together.communicate()
        workers[0].kill()
        assert (together.communicate()[1], together.returncode) == ("", 0)
    assert verdict(tmp_path, "together") == verdict(tmp_path, "alone")
    assert (tmp_path / "together.json").read_text() == (tmp_path / "alone.json").read_text()
