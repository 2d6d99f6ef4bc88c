"""`verify region`: the affine function of a network around a point, and the half-spaces that bound it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from precise.arithmetic import to_text
from precise.formats import load_network
from verify.commands.output import check_report, described, show, working, write_report

if TYPE_CHECKING:
    from verify.linear_region.region import HalfSpace, Region

TERMS = 6  # of an output's formula, unless --full
SIDE_TERMS = 3  # of a half-space's
SPACES = 10  # half-spaces, unless --full
WIDE = 96  # signs on one line


def region(
    network: Annotated[Path, typer.Argument(metavar="A", help="A network.")],
    at: Annotated[
        str,
        typer.Option(metavar="POINT", help="Numbers with commas, such as 1,-3/8,0.25, or a .json, .npy or .npz file."),
    ],
    full: Annotated[bool, typer.Option("--full", help="Print every term and every half-space.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the region to FILE as JSON, exactly.")
    ] = None,
) -> None:
    """Show the linear region around a point: which neurons are active, the outputs as formulas, the borders.

    POINT is read exactly: 0.1 is a tenth. A .json file holds a list of numbers, or is a report of `verify equal`
    with a witness.
    """
    from verify.linear_region.point import read_point
    from verify.linear_region.region import region_at

    check_report(json_file, network, *([] if "," in at else [at]))
    found = load_network(network)
    point = read_point(at, found.input_width)
    with working() as progress:
        progress("local affine maps and half-spaces")
        around = region_at(found, point)
    write_report(json_file, {"command": "verify region", "network": described(network, found), **report(around)})
    show(text(around, full))


def report(found: Region) -> dict[str, object]:
    """The region for programs, every number exactly as text."""
    return {
        "point": [to_text(value) for value in found.point],
        "pattern": found.pattern,
        "border": found.border,
        "outputs": [
            {"value": to_text(value), **_row(row)} for value, row in zip(found.values, found.outputs, strict=True)
        ],
        "half_spaces": [
            {
                "layer": space.layer,
                "neuron": space.neuron,
                "relation": ">= 0" if space.active else "<= 0",
                "value": to_text(space.value),
                **_row(space.row),
            }
            for space in found.bounding
        ],
        "implied": found.implied,
        "constant": found.constant,
    }


def text(found: Region, full: bool = False) -> str:
    """The region for a person; the formulas are short unless `full`."""
    from verify.linear_region.symbolic import about, readable

    hidden = [line for number, signs in enumerate(found.pattern, 1) for line in _pattern(number, signs)]
    lines = ["Hidden neurons at the point (+ active, - inactive, 0 neither):", *hidden] if hidden else []
    lines += ["", _place(found), "", "Outputs in the region:"]
    for number, (row, value) in enumerate(zip(found.outputs, found.values, strict=True), 1):
        lines += [
            f"  f{number} = {readable(row, None if full else TERMS)}",
            f"     which is {about(value)} at the point",
        ]
    lines += ["", _counts(found)]
    nearest = sorted(found.bounding, key=lambda space: space.distance)
    lines += [_border(space, None if full else SIDE_TERMS) for space in (nearest if full else nearest[:SPACES])]
    if not full and len(nearest) > SPACES:
        lines.append(f"  and {len(nearest) - SPACES} more, further away (--full prints them)")
    lines += ["", "Numbers with a decimal point are rounded; --json FILE writes all of them exactly."]
    return "\n".join(lines).lstrip("\n")


def _pattern(number: int, signs: Sequence[int]) -> list[str]:
    written = "".join("-0+"[value + 1] for value in signs)
    head = f"  layer {number}  "
    rows = textwrap.wrap(written, WIDE, break_on_hyphens=False)
    rows[-1] += f"  {sum(value > 0 for value in signs)} of {len(signs)} active"
    return [f"{head if not place else ' ' * len(head)}{row}" for place, row in enumerate(rows)]


def _place(found: Region) -> str:
    if not found.border:
        return "The point is inside its region."
    names = [f"neuron {neuron} of layer {layer}" for layer, neuron in found.border]
    more = f" and {len(names) - SPACES} more" if len(names) > SPACES else ""
    zero = "is" if len(names) == 1 else "are"
    return (
        f"The point is on a border: {', '.join(names[:SPACES])}{more} {zero} exactly 0 there. "
        "The region shown is the one in which what is 0 counts as inactive."
    )


def _counts(found: Region) -> str:
    if not found.bounding:
        return "No half-space bounds the region: it is all of the input space."
    notes = [_number(len(found.bounding), "half-space bounds the region", "half-spaces bound the region")]
    if found.implied:
        notes.append(_number(len(found.implied), "more follows from these", "more follow from these"))
    if found.constant:
        notes.append(_number(len(found.constant), "neuron is constant in it", "neurons are constant in it"))
    return f"{'; '.join(notes)}. Nearest first:"


def _number(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _border(space: HalfSpace, terms: int | None) -> str:
    from verify.linear_region.symbolic import readable

    relation = ">=" if space.active else "<="
    where = f"layer {space.layer} neuron {space.neuron}"
    return f"  {where:<20} distance {space.distance:<9.3g} {readable(space.row, terms)} {relation} 0"


def _row(row: Sequence[object]) -> dict[str, object]:
    return {"constant": str(row[0]), "weights": [str(value) for value in row[1:]]}
