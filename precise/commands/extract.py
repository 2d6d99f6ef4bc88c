"""`precise extract`: recover a network from the answers of an oracle."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from precise.commands.checkpoint import Checkpoint, Resume, Scheduler, identity_of, opened
from precise.commands.match import check_methods, extract_and_write
from precise.commands.output import check_place, progress_display, show
from precise.errors import INTERRUPTED, InputError
from precise.formats import format_of, load_network, save_network
from precise.formats.atomic_file import other_file, write_whole
from precise.random_networks import parse_widths

if TYPE_CHECKING:
    from precise.extract import Extraction
    from precise.oracle import Oracle

INCOMPLETE = 3


def extract(
    out: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="The file to write, such as copy.json.")],
    model: Annotated[
        Path | None,
        typer.Argument(metavar="[MODEL]", help="The network that the oracle evaluates.", show_default=False),
    ] = None,
    oracle: Annotated[
        str, typer.Option(metavar="ORACLE", help="exact, float64, a number of bits, or module:function.")
    ] = "exact",
    widths: Annotated[
        str | None,
        typer.Option(
            help="Of a module:function oracle, such as 784,16,16,1; 784,auto,1 (or auto, for a MODEL) finds them.",
            show_default=False,
        ),
    ] = None,
    precision: Annotated[
        int | None,
        typer.Option(help="Bits that a module:function promises; without it, exact answers.", show_default=False),
    ] = None,
    oracle_timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="The longest that module:function may take for a batch of points.",
            show_default=False,
        ),
    ] = None,
    oracle_precision: Annotated[
        str | None,
        typer.Option(
            metavar="PRECISION",
            help="How a MODEL answers, instead of --oracle: exact, bits:53, decimals:8, float16, bfloat16, float32, "
            "float64; float32:sequential and float32:pairwise fix the order of summation.",
            show_default=False,
        ),
    ] = None,
    signatures: Annotated[
        str, typer.Option(metavar="walk|match", help="walk: exact, needs many bits; match: under rounding error.")
    ] = "walk",
    signs: Annotated[
        str,
        typer.Option(
            metavar="METHOD", help="exact; with --signatures match also soe, wiggle, last-hidden or exhaustive."
        ),
    ] = "exact",
    seed: Annotated[int, typer.Option(help="Every random choice follows from it.")] = 0,
    attempts: Annotated[
        int,
        typer.Option(min=1, help="Runs at most, with the seeds from --seed on, while they end without a network."),
    ] = 1,
    max_queries: Annotated[
        int | None, typer.Option(help="Stop cleanly before asking more.", show_default=False)
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes; the result does not depend on it.")] = 1,
    scheduler: Scheduler = None,
    checkpoint: Checkpoint = None,
    resume: Resume = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the report to FILE as JSON.")
    ] = None,
) -> None:
    """Recover a network exactly from queries alone; for research on one's own networks.

    Either MODEL is a file, which only the oracle reads, or --oracle names a function of one's own and --widths its
    shape. A complete result is written to OUT. One that lacks only what acts nowhere that was seen is written as well,
    any other incomplete one is not a network: its rows and its report go to OUT as JSON. Both end with status 3.
    """
    from precise.extract import extract as run

    if not format_of(out).writes:
        raise InputError(f"{out}: expected a format that can be written: .json .npz .onnx .safetensors")
    if json_file is not None:
        other_file(json_file, out, *([model] if model else []))
    for place in (out, json_file):
        check_place(place)
    check_methods(signatures, signs, oracle_precision)
    if signatures == "match" and (scheduler or attempts > 1):
        raise InputError("expected --scheduler and --attempts only with --signatures walk")
    asked, shape = _oracle(model, oracle, widths, precision, max_queries, oracle_precision, oracle_timeout)
    if signatures == "match" and shape is None:
        raise InputError("--signatures match: expected widths, not auto")
    promised = oracle_precision or (None if precision is None else str(precision))
    identity = identity_of(model, oracle, shape, seed, promised, (signatures, signs))
    journal = opened(checkpoint, resume, identity, *(place for place in (model, out, json_file) if place))
    if signatures == "match" and shape is not None:
        with progress_display() as progress:
            extract_and_write(asked, shape, seed, signs, out, json_file, progress, journal)
        return
    with progress_display() as progress:
        result = run(
            asked, shape, seed, jobs, progress=progress, scheduler=scheduler, journal=journal, attempts=attempts
        )
    if json_file is not None:
        write_whole(json_file, (json.dumps(result.report.to_json(), indent=1) + "\n").encode())
    written = _write(result, out)
    show(f"{result.report.text()}\n\n{written}")
    if not result.report.complete:
        raise typer.Exit(INTERRUPTED if result.report.interrupted else INCOMPLETE)


def _oracle(
    model: Path | None,
    oracle: str,
    widths: str | None,
    precision: int | None,
    budget: int | None,
    oracle_precision: str | None = None,
    timeout: float | None = None,
) -> tuple[Oracle, tuple[int, ...] | None]:
    from precise.oracle import ExactOracle, FunctionOracle, RoundedOracle, load_function
    from precise.oracles.select import oracle_of

    if oracle_precision is not None and (model is None or oracle != "exact"):
        raise InputError("expected --oracle-precision only with a MODEL file, and not beside --oracle")
    if ":" in oracle:
        if model is not None:
            raise InputError(f"--oracle {oracle}: expected no model file beside a function of one's own, not {model}")
        if widths is None:
            raise InputError(f"--oracle {oracle}: expected --widths as well, such as --widths 784,16,16,1")
        found = re.fullmatch(r"(\d+),auto,(\d+)", widths.replace(" ", ""))
        given = parse_widths(",".join((found[1], "1", found[2])) if found else widths)
        function = load_function(oracle)
        asked = FunctionOracle(function, given[0], given[-1], precision, budget, f"the oracle {oracle}", timeout)
        return asked, None if found else given
    if model is None:
        raise InputError("expected a MODEL file, or --oracle module:function with --widths")
    if widths not in (None, "auto") or precision is not None or timeout is not None:
        raise InputError(
            "expected --precision, --oracle-timeout, and --widths other than auto, only with --oracle module:function"
        )
    network = load_network(model)
    shape = None if widths == "auto" else network.widths
    if oracle_precision is not None:
        return oracle_of(network, oracle_precision, budget), shape
    if oracle == "exact":
        return ExactOracle(network, budget), shape
    bits = "53" if oracle == "float64" else oracle
    if not bits.isdecimal() or not 2 <= int(bits) <= 1_000_000:
        raise InputError(f"--oracle {oracle}: expected exact, float64, a number of bits or module:function")
    return RoundedOracle(network, int(bits), budget), shape


def _write(result: Extraction, out: Path) -> str:
    """Write the network or what there is of it; says what was written, and where."""
    if result.network is not None:
        saved = save_network(result.network, out)
        rounded = f", {saved.rounded:,} values rounded to float64" if saved.rounded else ""
        return f"written to {out} ({saved.format}{rounded})"
    partial = {
        "format": "precise-partial-extraction",
        "version": 1,
        "report": result.report.to_json(),
        "rows": [
            [{"plus": list(map(str, r.plus)), "minus": list(map(str, r.minus)), "bias": str(r.bias)} for r in rows]
            for rows in result.known.layers
        ],
    }
    target = out.with_suffix(".json")
    write_whole(target, (json.dumps(partial, indent=1) + "\n").encode())
    return f"what was recovered is in {target}; it is not a network"
