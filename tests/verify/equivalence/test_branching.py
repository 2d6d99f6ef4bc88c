"""Which split a search makes next: what earlier splits have gained counts."""

from math import inf, nan

from hypothesis import given
from hypothesis import strategies as st

from verify.differential.branching import Branching, Candidate

FIRST, SECOND, OTHER_LAYER = (Candidate(("phase", k, i), gap) for k, i, gap in ((1, 0, 4.0), (1, 1, 3.0), (2, 0, 2.0)))
ALL = (FIRST, SECOND, OTHER_LAYER)
GAINS = st.floats(0, 10)


def test_nothing_is_known_at_first_but_the_gaps():
    assert Branching().best(0, ALL, 100.0) is FIRST


def test_what_gained_on_one_side_only_gives_way_to_what_gained_on_both():
    branching = Branching()
    branching.learn(0, FIRST, (4.0, 0.0))
    branching.learn(0, SECOND, (1.0, 1.0))
    assert branching.best(0, ALL[:2], 100.0) is SECOND
    assert branching.best(0, ALL[:2], -1.0) is FIRST  # nothing is left to gain
    assert branching.best(0, ALL[:2], inf) is FIRST


def test_a_half_has_no_use_for_more_than_the_excess():
    branching = Branching()
    branching.learn(0, FIRST, (100.0, 0.5))
    branching.learn(0, SECOND, (1.0, 1.0))
    assert branching.best(0, ALL[:2], 1000.0) is FIRST
    assert branching.best(0, ALL[:2], 1.0) is SECOND


def test_a_split_that_was_never_made_is_expected_to_gain_what_its_layer_does():
    branching = Branching()
    branching.learn(0, Candidate(("phase", 1, 7), 1.0), (0.25, 0.25))
    branching.learn(0, Candidate(("phase", 2, 7), 1.0), (1.0, 1.0))
    assert branching.best(0, ALL, 100.0) is OTHER_LAYER


def test_targets_learn_by_themselves():
    branching = Branching()
    branching.learn(0, FIRST, (0.1, 0.1))
    branching.learn(0, SECOND, (3.0, 3.0))
    assert branching.best(0, ALL[:2], 100.0) is SECOND
    assert branching.best(1, ALL[:2], 100.0) is FIRST


def test_gains_that_are_no_numbers_teach_nothing():
    branching = Branching()
    for gain in (inf, nan):
        branching.learn(0, FIRST, (gain, gain))
    branching.learn(0, Candidate(("input", 0, 0.5), 0.0), (1.0, 1.0))
    assert branching == Branching()


@given(st.lists(st.tuples(st.sampled_from(ALL), GAINS, GAINS), max_size=8), st.floats(1e-300, 1e300))
def test_the_choice_is_one_of_the_candidates(learned, excess):
    branching = Branching()
    for candidate, *gains in learned:
        branching.learn(0, candidate, gains)
    assert branching.best(0, ALL, excess) in ALL
