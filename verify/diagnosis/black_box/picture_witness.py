"""Networks that read square pictures: an input in [0, 1] that shows the faults, with the oracle's own answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from flint import fmpq

from precise.errors import BudgetExceeded
from precise.network import Network
from verify.diagnosis.black_box.answers import Questions
from verify.diagnosis.black_box.fresh_points import agreement
from verify.diagnosis.fault import Fault
from verify.diagnosis.witnesses import picture_points
from verify.report_page.drawings import picture_side
from verify.verdict import Witness

ASKED = 4  # pictures


def with_pictures(
    faults: Sequence[Fault],
    recovered: Network,
    repaired: Network | None,
    questions: Questions,
    generator: np.random.Generator,
) -> tuple[Fault, ...]:
    """The faults, their common witness replaced by a picture if the oracle refutes the recovered network at one.

    Args:
        faults: what was found.
        recovered: the network in question.
        repaired: with what was found mended: it says where to look; None: some pictures of noise are tried.
        questions: to the oracle; nothing is asked if its limit is reached.
        generator: of the pictures.

    Raises:
        OracleError: from the oracle.
    """
    shown = [fault for fault in faults if fault.witness is not None]
    if not shown or picture_side(recovered.input_width) is None or questions.left < ASKED:
        return tuple(faults)
    other = recovered if repaired is None else repaired
    suspects = [
        (1, fault.layer, fault.neurons[0])
        for fault in shown
        if fault.neurons and fault.layer < len(recovered.layers) and fault.neurons[0] <= recovered.widths[fault.layer]
    ]
    points = questions.to_grid(np.array(_floats(picture_points((other, recovered), suspects, generator))))
    if repaired is not None:
        points = points[_most_telling(recovered, repaired, questions, points)]
    try:
        answers = questions.ask(points[:ASKED], range(recovered.input_width))
    except BudgetExceeded:  # the oracle's own; the faults have an input already
        return tuple(faults)
    witness = agreement(recovered, questions, answers).witness(questions)
    return tuple(faults) if witness is None else tuple(_shown_by(fault, witness) for fault in faults)


def _shown_by(fault: Fault, witness: Witness) -> Fault:
    return fault if fault.witness is None else replace(fault, witness=witness)


def _most_telling(recovered: Network, repaired: Network, questions: Questions, points: np.ndarray) -> list[int]:
    """The points in the order of how far the two networks are apart there."""
    batch = questions.batch(points)
    pairs = zip(recovered.evaluate(batch).rows(), repaired.evaluate(batch).rows(), strict=True)
    gaps = [max(abs(a - b) for a, b in zip(mine, other, strict=True)) for mine, other in pairs]
    return sorted(range(len(gaps)), key=lambda n: -gaps[n])


def _floats(points: Sequence[Sequence[fmpq]]) -> list[list[float]]:
    return [[int(v.p) / int(v.q) for v in point] for point in points]
