"""What an extraction under rounding error found, layer by layer, and what it could not tell."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from precise.matching.partial import MATCH_BITS


@dataclass
class MatchedLayer:
    """One hidden layer."""

    layer: int  # from 1
    width: int  # declared
    rows: int = 0  # confirmed, with all entries
    partial_rows: int = 0  # confirmed, with entries that no point showed
    bits: list[float] = field(default_factory=list)  # a row: -log2 of its largest radius, relative to its largest entry
    expected_bits: list[float] = field(default_factory=list)  # a row, if rounding errors are independent; not proved
    signs: list[int] = field(default_factory=list)  # +1, -1; 0: cannot be told
    certain_signs: int = 0  # proved, given the rows
    exact_rows: int = 0  # certified as rationals, if the weights are floats of `mantissa` bits
    provisional: bool = False  # a deeper neuron could look like one of these until the whole network stands
    lines: int = 0
    partial_signatures: int = 0
    groups: int = 0
    told_bits: float = 0.0  # beyond the scale, of the median partial signature that no other one matched

    def shortfall(self) -> str:
        """Which rows there are, and why there are no more: one line."""
        known = ", ".join(f"{bits:.1f}" for bits in self.bits) or "none"
        few = self.told_bits < MATCH_BITS
        reason = "too few at this precision" if few else "enough, so that lines met the missing neurons too seldom"
        return (
            f"layer {self.layer}: bits of the rows found: {known}; {self.partial_signatures} partial signatures; "
            f"the median one without a match tells {self.told_bits:.0f} bits, a match takes {MATCH_BITS:.0f}: {reason}"
        )


@dataclass
class MatchReport:
    """A whole run."""

    widths: list[int]
    seed: int
    oracle: str  # the promise
    signatures: str
    signs: str
    complete: bool = False
    interrupted: bool = False
    outcome: str = "not finished"  # a sentence; what is missing, and what to try
    layers: list[MatchedLayer] = field(default_factory=list)
    slice_inputs: list[int] = field(default_factory=list)
    output_bits: float = 0.0
    columns_bits: float = 0.0  # of first-layer weights outside the slice
    fresh_points: int = 0  # where the result's ball and the oracle's overlap
    mantissa: int | None = None  # of the weights that exact rows suppose
    queries: int = 0
    seconds: float = 0.0
    stages: dict[str, dict[str, float]] = field(default_factory=dict)

    def spend(self, stage: str, queries: int, seconds: float) -> None:
        """Add to a stage's account."""
        account = self.stages.setdefault(stage, {"queries": 0, "seconds": 0.0})
        account["queries"] += queries
        account["seconds"] += seconds

    def to_json(self) -> dict[str, Any]:
        """Plain data for `json.dump`."""
        return asdict(self)

    def text(self) -> str:
        """A readable account."""
        lines = [
            self.outcome,
            "",
            f"widths      {'-'.join(map(str, self.widths))}",
            f"oracle      {self.oracle}",
            f"methods     signatures {self.signatures}, signs {self.signs}",
            f"seed        {self.seed}",
            f"queries     {self.queries:,}",
            f"seconds     {self.seconds:.2f}",
            "",
            f"{'stage':<28}{'queries':>10}{'seconds':>10}",
        ]
        for stage, account in self.stages.items():
            lines.append(f"{stage:<28}{int(account['queries']):>10,}{account['seconds']:>10.2f}")
        lines += [
            "",
            f"{'layer':<7}{'rows':>9}{'partial':>9}{'signs':>8}{'proved':>8}{'exact':>8}"
            f"{'least bits':>12}{'expected':>10}",
        ]
        for layer in self.layers:
            signs = sum(s != 0 for s in layer.signs)
            bits = f"{min(layer.bits):.1f}" if layer.bits else "-"
            expected = f"{min(layer.expected_bits):.1f}" if layer.expected_bits else "-"
            lines.append(
                f"{layer.layer:<7}{f'{layer.rows}/{layer.width}':>9}{layer.partial_rows:>9}{signs:>8}"
                f"{layer.certain_signs:>8}{layer.exact_rows:>8}{bits:>12}{expected:>10}"
            )
        lines += [layer.shortfall() for layer in self.layers if layer.rows < layer.width]
        for layer in self.layers:
            if layer.provisional and layer.rows:
                lines.append(f"layer {layer.layer}: provisional; a deeper neuron may be among these rows")
        if any(layer.expected_bits for layer in self.layers):
            lines.append(
                "expected bits suppose that rounding errors of different answers are independent; bits are proved"
            )
        if self.complete:
            lines.append(
                f"outputs known to {self.output_bits:.1f} bits, the other inputs' columns to {self.columns_bits:.1f}"
            )
        return "\n".join(lines)
