"""What the verbs ask of two networks: a domain and a property, as options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verify.errors import InputError

if TYPE_CHECKING:
    from verify.properties.claim import Claim
    from verify.properties.domain import Domain

Pair = tuple[str, str]

First = Annotated[Path, typer.Argument(help="A network f, say the original.")]
Second = Annotated[Path, typer.Argument(help="Another one, g, say the recovered.")]
Box = Annotated[Pair | None, typer.Option(metavar="LO HI", help="Domain: every input between two numbers.")]
Ball = Annotated[
    Pair | None, typer.Option(metavar="POINT RADIUS", help="Domain: inputs that differ by at most RADIUS from POINT.")
]
Clip = Annotated[Pair | None, typer.Option(metavar="LO HI", help="Only the part of --ball in this box.")]
Region = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Domain: the inputs of a VNN-LIB file; its property, if none is given."),
]
Epsilon = Annotated[str | None, typer.Option(metavar="E", help="Property: outputs differ by at most E; 0 is equality.")]
Top1 = Annotated[bool, typer.Option("--top1", help="Property: the largest output is the same one.")]
Margin = Annotated[str | None, typer.Option(metavar="D", help="--top1 only where f's largest output leads by D.")]
Confidence = Annotated[
    str | None, typer.Option(metavar="P", help="--top1 only where f's softmax gives one output P or more.")
]

Maximum = Annotated[bool, typer.Option("--max", help="Property: none; find the largest difference.")]


@dataclass(frozen=True)
class Asked:
    """The options that say what to prove and where, as they were given."""

    box: Pair | None
    ball: Pair | None
    clip: Pair | None
    epsilon: str | None
    top1: bool
    margin: str | None
    confidence: str | None
    maximum: bool
    region: Path | None

    def task(self, inputs: int, outputs: int) -> tuple[Domain, Claim | None, str]:
        """(domain, claim, a remark or ""); a claim of None: the maximum is wanted.

        Raises:
            InputError: not exactly one of each was given, or it makes no sense.
        """
        from verify.properties.specification import read_specification

        if (self.box is not None) + (self.ball is not None) + (self.region is not None) != 1:
            raise InputError("expected exactly one domain: --box, --ball or --region")
        if self.region is None:
            return self.domain(inputs), self.claim(outputs), ""
        if self.clip is not None:
            raise InputError("--clip: expected together with --ball")
        file = read_specification(self.region, inputs, outputs)
        if self.epsilon is not None or self.top1 or self.maximum:
            return file.domain, self.claim(outputs), ""
        if file.claim is None:
            raise InputError("expected --epsilon, --top1 or --max: the file of the region says nothing of two outputs")
        remark = "the file's conditions on the outputs contradict one another, so no outputs meet them whatever f and g"
        return file.domain, file.claim, remark if file.contradictory else ""

    def domain(self, inputs: int) -> Domain:
        """The domain of --box or --ball.

        Raises:
            InputError: it makes no sense.
        """
        from verify.linear_region.point import read_point
        from verify.properties.domain import ball, box

        if self.clip is not None and self.ball is None:
            raise InputError("--clip: expected together with --ball")
        if self.box is not None:
            return box(*self.box, inputs)
        assert self.ball is not None
        return ball(read_point(self.ball[0], inputs), self.ball[1], self.clip)

    def claim(self, outputs: int) -> Claim | None:
        """The claim; None: the maximum is wanted.

        Raises:
            InputError: not exactly one was given, or it makes no sense.
        """
        from verify.properties.claim import logit_margin, same_top1, within

        if (self.epsilon is not None) + self.top1 + self.maximum != 1:
            raise InputError("expected exactly one property: --epsilon, --top1 or --max")
        if (self.margin is not None or self.confidence is not None) and not self.top1:
            raise InputError("--margin and --confidence: expected together with --top1")
        if self.margin is not None and self.confidence is not None:
            raise InputError("expected one of --margin and --confidence, not both")
        if self.epsilon is not None:
            return within(self.epsilon, outputs)
        margin = self.margin if self.confidence is None else logit_margin(self.confidence)
        return same_top1(outputs, margin or 0) if self.top1 else None
