"""Exact local measurements: the value of the oracle and its slopes along chosen directions, at points of a slice.

The extraction works on a *slice*: a few inputs vary, the others stay 0. Several outputs are read as one scalar, a fixed
combination with random integer weights, which bends wherever any output bends. Inside a linear region the answer at
x + 2^-a u + 2^-b v + ... holds f(x) and the slopes along u, v, ... in separate places of one number, so that a query
returns them all, exactly, when the oracle's precision leaves room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import fmpq, fmpz, fmpz_mat

from precise.arithmetic import Batch, SliceBatch
from precise.errors import PrecisionError
from precise.oracle import Oracle
from precise.regions.repeats import Repeats

FRACTION_BITS = 128  # points are integers over 2^128: far finer than any feature of a linear region that is searched
GUARD_BITS = 40  # zero bits between two packed slopes: a wrong reading passes by chance once in 2^40
MARGIN_BITS = 24  # room for denominators and sizes not seen yet; a slope beyond it is noticed by the guard
EXACT_ZEROS = 24  # trailing zero bits that tell an exact answer of a rounding oracle from a rounded one
PACKED_BITS = 1 << 15  # longest number put into one query of an exact oracle

Point = list[int]  # coordinates in units of 2^-FRACTION_BITS
Direction = Sequence[int]
_Sparse = Sequence[tuple[int, int]]  # (coordinate, entry) of the entries that are not 0


@dataclass(frozen=True)
class Piece:
    """The affine function around a point, restricted to some directions."""

    value: fmpq  # at the point
    slopes: tuple[fmpq, ...]  # one a direction


@dataclass(frozen=True)
class Calibration:
    """What has been learned about the sizes of answers; it decides how much is packed into a query."""

    denominator: int = 1  # every slope seen so far is an integer over this
    slope_bits: int = 8  # and numerically below 2^this
    value_bits: int = 8  # and every value below 2^this


class Probe:
    """A scalar view of an oracle on a slice of its inputs."""

    def __init__(self, oracle: Oracle, coordinates: Sequence[int], combination: Sequence[int]) -> None:
        self.oracle = oracle
        self.coordinates = tuple(coordinates)
        self.width = len(coordinates)
        self.axes: list[Direction] = [[int(i == j) for j in range(self.width)] for i in range(self.width)]
        self.longest_bits = 0  # longest number asked so far
        self._repeats = Repeats()
        self._contradiction = ""  # what was found out about the oracle
        self._latest: Batch | None = None  # answers
        self.choice = tuple(combination)
        self._combination = fmpz_mat(oracle.output_width, 1, list(combination))
        self._denominator = fmpz(1)
        self._slope_bits = self._value_bits = 8
        self._answered: dict[tuple[int, tuple[tuple[int, ...], ...]], Batch] | None = None  # see `of_every_output`

    def output(self, number: int) -> Probe:
        """The same slice, reading one output (from 0) instead of the combination of all."""
        choice = [int(n == number) for n in range(self.oracle.output_width)]
        single = Probe(self.oracle, self.coordinates, choice)
        single.adopt(self.calibration)
        return single

    def of_every_output(self, points: Sequence[Point], directions: Sequence[Direction]) -> list[list[Piece]]:
        """What `pieces` gives for every output alone, shape (outputs, points), from the same queries.

        Raises:
            PrecisionError, BudgetExceeded, OracleError: as for `pieces`.
        """
        answered: dict[tuple[int, tuple[tuple[int, ...], ...]], Batch] = {}
        found = []
        for number in range(self.oracle.output_width):
            single = self.output(number)
            single._answered = answered
            found.append(single.pieces(points, directions))
            self.adopt(single.calibration)
            self.longest_bits = max(self.longest_bits, single.longest_bits)
        return found

    @property
    def queries(self) -> int:
        """Points asked so far."""
        return self.oracle.queries

    @property
    def calibration(self) -> Calibration:
        """What has been learned so far."""
        return Calibration(int(self._denominator), self._slope_bits, self._value_bits)

    def adopt(self, calibration: Calibration) -> None:
        """Take over what another probe of the same oracle has learned."""
        self._denominator = self._denominator.lcm(calibration.denominator)
        self._slope_bits = max(self._slope_bits, calibration.slope_bits)
        self._value_bits = max(self._value_bits, calibration.value_bits)

    def forget(self) -> None:
        """Begin anew, as if nothing had been asked through this probe."""
        self._denominator = fmpz(1)
        self._slope_bits = self._value_bits = 8
        self.longest_bits = 0

    def pieces(self, points: Sequence[Point], directions: Sequence[Direction]) -> list[Piece]:
        """Value and slopes at every point; all points must lie inside linear regions, not on their borders.

        Raises:
            PrecisionError: the oracle's precision cannot hold exact answers for this network.
            BudgetExceeded, OracleError: from the oracle.
        """
        return self._pieces(points, [[(i, int(v)) for i, v in enumerate(d) if v] for d in directions])

    def _pieces(self, points: Sequence[Point], directions: Sequence[_Sparse]) -> list[Piece]:
        if not points:
            return []
        if self._denominator == 1:
            self._calibrate(points[0])
        extra = max((abs(entry).bit_length() for d in directions for _, entry in d), default=0)
        values: list[fmpq] = []
        slopes: list[list[fmpq]] = [[] for _ in points]
        for start, stop in self._groups(len(directions), extra):
            packed = self._packed(points, directions[start:stop], extra)
            values = [value for value, _ in packed]
            for collected, (_, found) in zip(slopes, packed, strict=True):
                collected += found
        return [Piece(v, tuple(s)) for v, s in zip(values, slopes, strict=True)]

    def slopes_outside(self, point: Point, inputs: Sequence[int]) -> list[fmpq]:
        """The slopes along inputs that do not belong to the slice, at a point of the slice."""
        slopes: list[fmpq] = []
        for start, stop in self._groups(len(inputs), 1):  # numbers are long, so a query holds no inputs but its own
            wider = Probe(self.oracle, [*self.coordinates, *inputs[start:stop]], self.choice)
            wider.adopt(self.calibration)
            axes = [[(self.width + j, 1)] for j in range(stop - start)]
            slopes += wider._pieces([[*point, *[0] * (stop - start)]], axes)[0].slopes
            self.adopt(wider.calibration)
            self.longest_bits = max(self.longest_bits, wider.longest_bits)
        return slopes

    # -- reading packed answers ------------------------------------------------------------------------------------

    def _slot_bits(self, extra: int) -> int:
        # A slope along a direction with entries below 2^extra is an integer over the denominator below this size.
        return int(self._denominator.bit_length()) + self._slope_bits + extra + GUARD_BITS

    def _groups(self, count: int, extra: int) -> list[tuple[int, int]]:
        """Ranges of directions that fit into one query each."""
        if count == 0:
            return [(0, 0)]
        precision = self.oracle.precision
        room = PACKED_BITS if precision is None else precision - self._value_bits - GUARD_BITS
        # f(x) is an integer over denominator * 2^FRACTION_BITS; the first slope starts a slot below that.
        fixed = FRACTION_BITS + int(self._denominator.bit_length())
        most = (room - fixed) // self._slot_bits(extra)
        if precision is not None and most < 1:
            needed = precision + fixed + self._slot_bits(extra) - room
            raise PrecisionError(
                f"the oracle promises {precision} bits; exact answers of this network need about {needed}"
            )
        most = max(most, 1)
        return [(start, min(start + most, count)) for start in range(0, count, most)]

    def _packed(
        self, points: Sequence[Point], directions: Sequence[_Sparse], extra: int
    ) -> list[tuple[fmpq, list[fmpq]]]:
        for _ in range(8):
            slot = self._slot_bits(extra)
            head = FRACTION_BITS + slot
            low = head + slot * max(len(directions) - 1, 0)
            offsets = [0] * self.width
            for number, direction in enumerate(directions):
                shift = low - head - slot * number
                for index, entry in direction:
                    offsets[index] += entry << shift
            lift = low - FRACTION_BITS
            rows = [[(c << lift) + o for c, o in zip(p, offsets, strict=True)] for p in points]
            answers = self._scalars(rows, low)
            unpacked = [self._unpack(answer, slot, head, low, len(directions)) for answer in answers]
            if all(entry is not None for entry in unpacked):
                return [entry for entry in unpacked if entry is not None]
            for point in points:
                self._learn(point, directions, extra)
        raise PrecisionError("the oracle's answers are not those of a piecewise linear function")

    def _unpack(self, answer: fmpq, slot: int, head: int, low: int, count: int) -> tuple[fmpq, list[fmpq]] | None:
        scaled = answer * (self._denominator << low)
        if scaled.q != 1:
            return None
        half, limit, mask = 1 << (slot - 1), 1 << (slot - GUARD_BITS), (1 << slot) - 1
        # With half a slot added to every slope the digits are not negative, and nothing carries from one to the next.
        rest = int(scaled.p) + half * (((1 << (slot * count)) - 1) // mask)
        digits = rest & ((1 << (slot * count)) - 1)
        rest >>= slot * count
        found: list[fmpq] = []
        for _ in range(count):
            digit = (digits & mask) - half
            if abs(digit) > limit:
                return None
            digits >>= slot
            found.append(fmpq(digit, self._denominator))
        # After the last slope only f(x) is left; the bits down to the first slope's slot must be zero.
        spare = head - slot if count else low
        tail = spare - FRACTION_BITS
        if rest & ((1 << tail) - 1):
            return None
        value = fmpq(rest >> tail, self._denominator << FRACTION_BITS)
        found.reverse()
        return value, found

    # -- learning denominators -------------------------------------------------------------------------------------

    def _calibrate(self, point: Point) -> None:
        axes = [[(i, 1)] for i in range(self.width)]
        self._learn(point, axes)
        centre = [c >> 3 for c in point]
        self._learn(centre, axes)

    def _learn(self, point: Point, directions: Sequence[_Sparse], extra: int = 0) -> None:
        """Plain finite differences at one point: slopes without any assumption on their denominators."""
        step = FRACTION_BITS + 64
        rows = [[c << 64 for c in point] for _ in range(len(directions) + 1)]
        for row, direction in zip(rows[1:], directions, strict=True):
            for index, entry in direction:
                row[index] += entry
        answers = self._scalars(rows, step)
        for answer in answers[1:]:
            slope = (answer - answers[0]) * (1 << step)
            self._denominator = self._denominator.lcm(slope.q << MARGIN_BITS)
            size = int(abs(slope.p)).bit_length() - int(slope.q).bit_length() - extra + MARGIN_BITS
            self._slope_bits = max(self._slope_bits, size)
        head = answers[0]
        self._denominator = self._denominator.lcm((head.q >> min(FRACTION_BITS, _twos(head.q))) or 1)
        self._value_bits = max(self._value_bits, int(abs(head.p)).bit_length() - int(head.q).bit_length() + 16)

    # -- asking ----------------------------------------------------------------------------------------------------

    def _embed(self, rows: Sequence[Sequence[int]], bits: int) -> Batch:
        inside = fmpz_mat(len(rows), self.width, [value for row in rows for value in row])
        return SliceBatch(inside, fmpz(1) << bits, self.coordinates, self.oracle.input_width)

    def _scalars(self, rows: Sequence[Sequence[int]], bits: int) -> list[fmpq]:
        self.longest_bits = max(self.longest_bits, bits)
        self._latest = answers = self._asked(rows, bits)
        combined = answers.numerators * self._combination
        scalars = [fmpq(value, answers.denominator) for value in combined.entries()]
        if self.oracle.precision is not None:
            self._refuse_rounded(scalars, self.oracle.precision)
        self._repeats.note(rows, bits, scalars)
        return scalars

    def _asked(self, rows: Sequence[Sequence[int]], bits: int) -> Batch:
        if self._answered is None:
            return self.oracle.query(self._embed(rows, bits))
        key = bits, tuple(map(tuple, rows))
        if key not in self._answered:
            self._answered[key] = self.oracle.query(self._embed(rows, bits))
        return self._answered[key]

    def contradiction(self) -> str:
        """Ask some points of every time of the run again; a clause if an answer is another one, else empty."""
        for kept in () if self._contradiction else list(self._repeats.kept):
            if self._scalars([kept.row], kept.bits) != [kept.answer]:
                self._contradiction = (
                    f"the oracle answered point {kept.number:,} otherwise when it was asked again: it changes over "
                    "time, or is noisier than promised"
                )
                break
        return self._contradiction

    def floats(self) -> bool:
        """Do the latest answers, not all alike, fit into float64? Exact ones at points this fine are longer."""
        if self._latest is None:
            return False
        values = {value for row in self._latest.rows() for value in row}
        return len(values) > 1 and all(_is_float(value) for value in values)

    @staticmethod
    def _refuse_rounded(answers: Sequence[fmpq], precision: int) -> None:
        # An answer that was rounded fills its mantissa; an exact one ends in zeros, by chance once in 2^EXACT_ZEROS.
        for answer in answers:
            if answer and int(answer.p).bit_length() - _twos(abs(answer.p)) > precision - EXACT_ZEROS:
                raise PrecisionError(
                    f"the oracle promises {precision} bits and rounded an answer; exact extraction of this network "
                    "needs more bits"
                )


def _is_float(value: fmpq) -> bool:
    try:
        return fmpq(*float(int(value.p) / int(value.q)).as_integer_ratio()) == value
    except OverflowError:
        return False


def _twos(value: fmpz) -> int:
    """The exponent of 2 in a positive integer."""
    number = int(value)
    return (number & -number).bit_length() - 1
