"""What a verdict may and may not be."""

import json

import pytest
from flint import fmpq

from verify.verdict import Outcome, Verdict, Witness

WITNESS = Witness((fmpq(1, 3),), (fmpq(0),), (fmpq(-2, 7),))


@pytest.mark.parametrize(("outcome", "status"), [("equal", 0), ("equivalent", 0), ("different", 1), ("unknown", 3)])
def test_exit_statuses(outcome, status):
    assert Outcome(outcome).exit_status == status


def test_a_witness_belongs_to_different_and_to_no_other():
    for outcome in Outcome:
        for witness in (None, WITNESS):
            if (outcome is Outcome.DIFFERENT) == (witness is not None):
                assert Verdict(outcome, "all of R^1", "f(x) = g(x)", "why", witness).witness is witness
            else:
                with pytest.raises(ValueError, match="a witness belongs to"):
                    Verdict(outcome, "all of R^1", "f(x) = g(x)", "why", witness)


def test_a_verdict_has_no_truth_value():
    with pytest.raises(TypeError, match="no truth value"):
        bool(Verdict(Outcome.EQUAL, "all of R^1", "f(x) = g(x)", "why"))


def test_reports_hold_exact_text():
    report = Verdict(Outcome.DIFFERENT, "all of R^1", "f(x) = g(x)", "why", WITNESS).to_json()
    assert json.loads(json.dumps(report))["witness"] == {"point": ["1/3"], "first": ["0"], "second": ["-2/7"]}
    assert "witness" not in Verdict(Outcome.UNKNOWN, "all of R^1", "f(x) = g(x)", "why").to_json()
