"""A piece of the battery of planted pairs, and that the battery notices what is wrong."""

from dataclasses import replace

import pytest
from flint import fmpq

from benchmarks import equivalence_page
from benchmarks import equivalence_soundness as battery
from verify.equivalence import decide
from verify.properties.claim import within
from verify.verdict import Outcome

SECONDS = 10.0


@pytest.mark.parametrize("part", range(4))
def test_no_verdict_is_wrong_and_no_changed_certificate_passes(part):
    tally = battery.Tally()
    for number in range(10_000 + 12 * part, 10_000 + 12 * (part + 1)):
        proof = battery.examine(number, SECONDS, tally)
        if proof is not None:
            battery.tamper(*proof, tally)
    assert tally.wrong == []
    assert sum(tally.verdicts.values()) == 12
    assert tally.mutants["changed"] > 3


def test_every_relation_is_planted_and_kinks_lie_on_the_border():
    pairs = [battery.planted(number) for number in range(60)]
    assert {pair.relation for pair in pairs} == set(battery.RELATIONS)
    for pair in pairs:
        flat = any(a == b for a, b in zip(pair.domain.lower, pair.domain.upper))
        assert flat == (pair.relation == "zero width")
        if pair.relation == "kink on the border":
            first = pair.first.layers[0]
            corners = [[v + 0 for v in corner] for corner in pair.polygon]
            on_kink = [
                sum(fmpq(c.numerator, c.denominator) * w for c, w in zip(corner, row)) + bias == 0
                for row, bias in zip(first.weights, first.biases)
                for corner in corners
            ]
            assert sum(on_kink) >= 2


def different_pair():
    """The first pair that differs, with a decision that shows it."""
    for number in range(100):
        pair = battery.planted(number)
        claim = within(0, pair.first.output_width)
        decision = decide(pair.first, pair.second, pair.domain, claim)
        if decision.verdict.outcome is Outcome.DIFFERENT:
            return number, pair, claim, decision
    raise AssertionError("some pair differs")


def test_a_wrong_proof_and_a_wrong_witness_are_noticed(monkeypatch):
    number, pair, claim, decision = different_pair()
    tally = battery.Tally()
    outside = tuple(v + 100 for v in decision.verdict.witness.point)
    moved = replace(decision.verdict, witness=replace(decision.verdict.witness, point=outside))
    battery._noted(number, pair, claim, replace(decision, verdict=moved), tally)
    assert tally.wrong == [f"pair {number}: the witness does not replay"]
    lie = replace(decision, verdict=replace(decision.verdict, outcome=Outcome.EQUAL, witness=None))
    monkeypatch.setattr(battery, "decide", lambda *_: lie)
    monkeypatch.setattr(battery, "FACTORS", (fmpq(0),))
    tally = battery.Tally()
    battery._within(number, pair, SECONDS, tally)
    assert "equal at epsilon 0" in tally.wrong[0]
    assert tally.wrong[1] == f"pair {number}: there is no certificate"


def test_an_accepting_checker_is_noticed(monkeypatch):
    tally = battery.Tally()
    proof = next(found for n in range(100) if (found := battery.examine(n, SECONDS, tally)) is not None)
    monkeypatch.setattr(battery, "check", lambda *_: None)
    battery.tamper(*proof, tally)
    assert len(tally.wrong) >= 2


def test_a_battery_goes_on_where_it_ended(tmp_path):
    whole = battery.run(10_000, 6, 3, SECONDS, None)
    path = tmp_path / "counts.json"
    assert battery.run(10_000, 2, 3, SECONDS, path).pairs == 2
    found = battery.run(10_000, 6, 3, SECONDS, path)
    assert vars(found) | {"seconds": 0} == vars(whole) | {"seconds": 0}
    assert vars(battery.begun(path, 10_000)) == vars(found)
    assert 0 < found.mutants["changed"] <= 3
    with pytest.raises(SystemExit, match="from pair 7 on"):
        battery.run(7, 6, 3, SECONDS, path)


def test_the_page_adds_up_the_batteries():
    part = {"verdicts": {"symmetric: equal": 3, "zero width: different": 1}, "mutants": {"changed": 2}}
    part |= {"pairs": 4, "rechecked": 3, "replayed": 1, "wrong": []}
    text = equivalence_page.soundness([part, part])
    assert "8 pairs" in text
    assert "| symmetric |  | 6 |" in text
    assert "| zero width | 2 |  |" in text
    assert "**Nothing was wrong.**" in text
    assert "Wrong: pair 1: no." in equivalence_page.soundness([part | {"wrong": ["pair 1: no"]}])
