"""Input domains: boxes, balls in the maximum norm, and polytopes inside a box, all exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import fmpq

from precise.arithmetic import RationalLike, rational, to_text
from verify.errors import InputError

Halfspace = tuple[tuple[fmpq, ...], fmpq]  # (normal, bound): normal . x <= bound


@dataclass(frozen=True)
class Domain:
    """The inputs with lower <= x <= upper that satisfy every half-space."""

    lower: tuple[fmpq, ...]  # shape (inputs,)
    upper: tuple[fmpq, ...]  # shape (inputs,)
    halfspaces: tuple[Halfspace, ...] = ()
    name: str = ""  # in words, for reports; made up from the bounds if empty

    def __post_init__(self) -> None:
        if len(self.lower) != len(self.upper) or not self.lower:
            raise InputError("expected as many lower as upper bounds, at least one")
        for number, (low, high) in enumerate(zip(self.lower, self.upper), 1):
            if low > high:
                raise InputError(f"input {number}: the lower bound {low} is above the upper bound {high}")
        for normal, _ in self.halfspaces:
            if len(normal) != len(self.lower):
                raise InputError(f"expected half-spaces of {len(self.lower)} coefficients, not {len(normal)}")

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return len(self.lower)

    def contains(self, point: Sequence[fmpq]) -> bool:
        """Whether a point lies in the domain, exactly; the border belongs to it."""
        inside = all(a <= v <= b for a, v, b in zip(self.lower, point, self.upper, strict=True))
        return inside and all(
            sum((w * v for w, v in zip(normal, point)), fmpq(0)) <= bound for normal, bound in self.halfspaces
        )

    def describe(self) -> str:
        """The domain in words."""
        if self.name:
            return self.name
        bounds = set(zip(self.lower, self.upper))
        if len(bounds) == 1:
            ((low, high),) = bounds
            text = f"[{low}, {high}]^{self.inputs}"
        else:
            text = f"a box in R^{self.inputs}"
        count = len(self.halfspaces)
        return text + (f" with {count} half-space{'s' * (count > 1)}" if count else "")

    def to_json(self) -> dict[str, object]:
        """The domain as certificates write it: rationals as text."""
        return {
            "lower": [to_text(v) for v in self.lower],
            "upper": [to_text(v) for v in self.upper],
            "halfspaces": [[[to_text(v) for v in normal], to_text(bound)] for normal, bound in self.halfspaces],
        }


def box(low: RationalLike, high: RationalLike, inputs: int) -> Domain:
    """The box [low, high]^inputs.

    Raises:
        InputError: a bound is no finite number, or low > high.
    """
    bottom, top = rational(low), rational(high)
    if bottom > top:
        raise InputError(f"expected a box with its lower bound first, not {bottom} and {top}")
    return Domain((bottom,) * inputs, (top,) * inputs)


def ball(
    centre: Sequence[RationalLike],
    radius: RationalLike,
    clip: tuple[RationalLike, RationalLike] | None = None,
) -> Domain:
    """The ball around a point in the maximum norm, met with the box [clip[0], clip[1]]^n if given.

    Raises:
        InputError: the radius is negative, a number is not finite, or nothing is left inside the clip.
    """
    size, point = rational(radius), [rational(v) for v in centre]
    if size < 0:
        raise InputError(f"expected a radius of at least 0, not {size}")
    lower, upper = [v - size for v in point], [v + size for v in point]
    name = f"the ball of radius {size} (maximum norm) around a point of R^{len(point)}"
    if clip is not None:
        low, high = rational(clip[0]), rational(clip[1])
        lower, upper = [max(v, low) for v in lower], [min(v, high) for v in upper]
        name += f", clipped to [{low}, {high}]"
        if any(a > b for a, b in zip(lower, upper)):
            raise InputError(f"the ball has no point inside the clip [{low}, {high}]")
    return Domain(tuple(lower), tuple(upper), (), name)
