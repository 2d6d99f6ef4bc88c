"""HiGHS, the solver of linear and mixed-integer programs [HH18], without a line of output and on one core."""

from __future__ import annotations

import highspy


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
