"""A program that stays in the solver: its time limit is for one run, however many went before."""

import numpy as np

from verify.differential import bounds
from verify.differential.linear_program import Facets, Warm

INPUTS, BLOCKS, LIMIT = 40, 12, 0.25  # seconds; one run takes a few thousandths


def test_the_solver_s_clock_does_not_run_out():
    generator = np.random.default_rng(0)
    shapes = [(2 * BLOCKS, INPUTS), (2 * BLOCKS, 2 * BLOCKS), (2, 2 * BLOCKS)]
    layers = [bounds.FloatLayer(s[0] // 2, generator.normal(size=s), np.zeros(s[0])) for s in shapes]
    root = bounds.whole(layers, -np.ones(INPUTS), np.ones(INPUTS))
    none = np.zeros((0, 2)), np.zeros(0), Facets(np.zeros((0, INPUTS)), np.zeros(0))
    warm = Warm(layers, root, np.array([0.0, 1.0]), *none, seconds=LIMIT)
    halves = [half for i in range(BLOCKS) for half in bounds.halved(layers, root, "z", 0, i)]
    expected = [warm.solve(half).value for half in halves]
    while warm._solver.getRunTime() < 2 * LIMIT:
        assert [warm.solve(half).value for half in halves] == expected
