"""HiGHS, the solver of linear and mixed-integer programs [HH18], without a line of output and on one core."""

from __future__ import annotations

from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class QuietHighs(highspy.Highs):  # type: ignore[misc]
    """HiGHS without callbacks: setting them up prints a line before anything can silence it."""

    def __init__(self) -> None:
        super(highspy.Highs, self).__init__()
        self.setOptionValue("output_flag", False)
        self.setOptionValue("threads", 1)

    def run(self) -> highspy.HighsStatus:
        """Solve, also where this process has used HiGHS with another number of threads: it keeps to the first one."""
        status: highspy.HighsStatus = super().run()
        if status == highspy.HighsStatus.kError:
            self.resetGlobalScheduler(True)
            status = super().run()
        return status


def model(
    cost: Array, columns: tuple[Array, Array], rows: tuple[Array, Array], counts: Array, where: Array, values: Array
) -> highspy.HighsLp:
    """A program to minimise, to be passed to the solver.

    Args:
        cost: of the variables, shape (variables,).
        columns: their least and greatest values.
        rows: the same of the constraints, shape (constraints,) each.
        counts: how many entries each constraint has.
        where: the variables of these entries, constraint after constraint.
        values: the entries.
    """
    program = highspy.HighsLp()
    program.num_col_, program.num_row_ = len(cost), len(counts)
    program.col_cost_, (program.col_lower_, program.col_upper_) = cost, columns
    program.row_lower_, program.row_upper_ = rows
    matrix = program.a_matrix_
    matrix.format_ = highspy.MatrixFormat.kRowwise
    matrix.start_ = np.concatenate([[0], np.cumsum(counts)])
    matrix.index_, matrix.value_ = where, values
    return program
