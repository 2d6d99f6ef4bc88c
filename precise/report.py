"""What an extraction did: queries and seconds per stage, status per neuron, and everything needed to repeat it."""

from __future__ import annotations

import platform
import resource
import sys
from dataclasses import asdict, dataclass, field
from html import escape
from importlib.metadata import PackageNotFoundError, version
from typing import Any


@dataclass
class NeuronReport:
    """One recovered row."""

    sign: str = "open"  # positive, negative, both or open: the active side of the row as it was first solved
    tries: int = 0  # candidates followed since the row before it
    queries: int = 0  # spent on the candidate that gave it
    redundant_equations: int = 0  # that held beyond full rank


@dataclass
class LayerReport:
    """One hidden layer."""

    layer: int  # from 1
    width: int | None  # declared; None: to be found
    rows: int = 0  # recovered
    neurons: list[NeuronReport] = field(default_factory=list)
    lines: int = 0  # searched for critical points
    candidates: int = 0  # critical points followed
    rechecked: int = 0  # rows that were asked for fresh predicted points again when the layer was found
    ends: dict[str, int] = field(default_factory=dict)  # why candidates gave no row, counted
    queries_critical_points: int = 0
    queries_signatures: int = 0
    seconds_critical_points: float = 0.0
    seconds_signatures: float = 0.0
    opposite_twins: int = 0  # neurons that share the hyperplane of another, active on its other side
    lacking: list[tuple[int, int]] = field(default_factory=list)  # (row, row below), from 1: weights not known
    together: list[tuple[int, int]] = field(default_factory=list)  # those that act, which other weights can do as well
    part_open: int = 0  # rows of which a combination of weights is not known
    without_columns: list[int] = field(default_factory=list)  # neurons (from 1) known on the slice only, in layer 1
    always_active: int = 0  # neurons known only by the linear function that they hand on
    through: int | None = None  # the layer up to which neurons stand here, as all look alike behind a single one
    notes: list[str] = field(default_factory=list)  # what could not be identified, and why


@dataclass
class EarlierRun:
    """A run that ended without a network, before the one with the next seed."""

    seed: int
    outcome: str
    queries: int  # asked until then, by all runs
    seconds: float  # until then


@dataclass
class Report:
    """A whole run. `complete` is true only if every declared neuron, every sign and every column was recovered."""

    widths: list[int | None]
    seed: int
    oracle_precision: int | None  # bits; None: exact rationals
    jobs: int
    complete: bool = False
    interrupted: bool = False  # by Ctrl-C
    outcome: str = "not finished"  # a sentence; when incomplete it says what is missing and what to try
    layers: list[LayerReport] = field(default_factory=list)
    slice_inputs: list[int] = field(default_factory=list)  # inputs that varied until the last stage
    queries: int = 0
    seconds: float = 0.0
    stages: dict[str, dict[str, float]] = field(default_factory=dict)  # stage -> queries, seconds
    output_equations: int = 0  # that held beyond full rank when the output layer was solved
    domain: float | None = None  # |x_i| up to which what was not identified made no difference; None: nothing to state
    fresh_points: int = 0  # random points in all inputs where the result answered exactly like the oracle
    longest_query_bits: int = 0  # fractional bits of the longest coordinate that was asked
    peak_megabytes: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)
    earlier: list[EarlierRun] = field(default_factory=list)  # with the seeds before; the queries count all

    def spend(self, stage: str, queries: int, seconds: float) -> None:
        """Add to a stage's account."""
        account = self.stages.setdefault(stage, {"queries": 0, "seconds": 0.0})
        account["queries"] += queries
        account["seconds"] += seconds

    def unidentified(self) -> list[str]:
        """What the queries could not identify, one sentence a layer; nothing for a network recovered whole."""
        found = []
        for layer in self.layers:
            neurons = layer.rows + layer.opposite_twins
            if layer.through is not None:
                found.append(
                    f"layers {layer.layer} to {layer.through}: behind the only neuron of layer {layer.layer - 1} all "
                    f"look alike, and {neurons} stand for them in layer {layer.layer}"
                )
            if layer.width is not None and layer.rows > layer.width:
                found.append(
                    f"layer {layer.layer}: {layer.rows} rows for {layer.width} neurons, some of them of later layers' "
                    "neurons that meet none of this one's"
                )
            elif layer.width is not None and (neurons != layer.width or layer.always_active):
                others = "of the others" if neurons < layer.width else "more"
                active = f", {layer.always_active} {others} always active" if layer.always_active else ""
                both = f", and {layer.opposite_twins} of these act on both sides" if neurons > layer.width else ""
                changing = layer.rows if both else neurons
                found.append(f"layer {layer.layer}: {changing} of {layer.width} neurons change state{both}{active}")
            together = len({*layer.lacking}.intersection(layer.together))
            if len(layer.lacking) > together:
                found.append(f"layer {layer.layer}: {len(layer.lacking) - together} weights act nowhere that was seen")
            if together:
                said = f"{together} weights act together with others only, wherever their neuron is on"
                found.append(f"layer {layer.layer}: {said}")
            if layer.part_open:
                rows = f"a combination of weights of {layer.part_open} rows acts nowhere that was seen"
                found.append(f"layer {layer.layer}: {rows}")
            if layer.without_columns:
                found.append(f"layer {layer.layer}: {len(layer.without_columns)} rows are known on the slice only")
            signs = sum(neuron.sign == "open" for neuron in layer.neurons)
            if signs:
                found.append(f"layer {layer.layer}: {signs} of {layer.rows} signs are open")
        return found

    def unknown_weights(self) -> dict[tuple[int, int], set[int]]:
        """Rows below whose weight a row lacks, by (layer, row), all from 0; a neuron of open sign has two rows."""
        found: dict[tuple[int, int], set[int]] = {}
        for number, layer in enumerate(self.layers):
            for neuron, feature in layer.lacking:
                found.setdefault((number, neuron - 1), set()).add(feature - 1)
        return found

    def shared(self) -> list[str]:
        """Neurons that were taken to share a hyperplane; what never changes state near by may look the same."""
        return [
            f"layer {layer.layer}: {layer.opposite_twins} neurons share another's hyperplane, or never change state"
            for layer in self.layers
            if layer.opposite_twins
        ]

    def finish(self) -> None:
        """Fill in what is only known at the end."""
        unit = 1 if sys.platform == "darwin" else 1024
        self.peak_megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
        self.versions = {"python": platform.python_version()}
        for package in ("precise-verify", "python-flint", "numpy", "mpmath"):
            try:
                self.versions[package] = version(package)
            except PackageNotFoundError:
                self.versions[package] = "not installed"

    def to_json(self) -> dict[str, Any]:
        """Plain data for `json.dump`."""
        return asdict(self)

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><td>{layer.layer}</td><td>{layer.rows} of {'?' if layer.width is None else layer.width}</td>"
            f"<td>{sum(neuron.sign != 'open' for neuron in layer.neurons)}</td><td>{layer.candidates}</td></tr>"
            for layer in self.layers
        )
        caption = f"{escape(self.outcome)} {self.queries:,} queries, {self.seconds:.2f} s"
        heads = "".join(f"<th>{name}</th>" for name in ("layer", "rows", "signs", "candidates"))
        table = f"<caption>{caption}</caption><thead><tr>{heads}</tr></thead><tbody>{cells}</tbody>"
        return f"<table>{table}</table>"

    def text(self) -> str:
        """A readable account."""
        shape = "-".join("?" if w is None else str(w) for w in self.widths)
        bits = "exact" if self.oracle_precision is None else f"{self.oracle_precision} bits"
        lines = [
            f"{self.outcome}",
            "",
            f"widths      {shape}",
            f"oracle      {bits}",
            f"seed        {self.seed}",
        ]
        lines += [f"queries     {self.queries:,} (coordinates of up to {self.longest_query_bits:,} fractional bits)"]
        lines += [f"seconds     {self.seconds:.2f}", ""]
        lines += [f"{'stage':<28}{'queries':>10}{'seconds':>10}"]
        for stage, account in self.stages.items():
            lines.append(f"{stage:<28}{int(account['queries']):>10,}{account['seconds']:>10.2f}")
        lines += ["", f"{'layer':<7}{'rows':>9}{'signs':>8}{'lines':>8}{'candidates':>12}{'most tries':>12}"]
        for layer in self.layers:
            signs = sum(neuron.sign != "open" for neuron in layer.neurons)
            tries = max((neuron.tries for neuron in layer.neurons), default=0)
            rows = f"{layer.rows}/{'?' if layer.width is None else layer.width}"
            lines.append(f"{layer.layer:<7}{rows:>9}{signs:>8}{layer.lines:>8}{layer.candidates:>12}{tries:>12}")
        for layer in self.layers:
            lines += [f"layer {layer.layer}: {note}" for note in layer.notes]
        lines += [f"before that, seed {run.seed}: {run.outcome}" for run in self.earlier]
        return "\n".join(lines)
