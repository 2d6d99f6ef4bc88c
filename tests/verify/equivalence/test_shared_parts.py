"""Trees of several targets that split the same inputs: parts are bounded once, and prove what each proves alone."""

import pytest

from benchmarks.equivalence import copied
from precise.random_networks import random_network
from verify.checker import Refused, check
from verify.checker.check import prepared, walk
from verify.checker.encoding import seal
from verify.checker.weak_duality import Bounds
from verify.decision import Effort, Engine
from verify.equivalence import decide
from verify.properties.claim import within
from verify.properties.domain import box
from verify.verdict import Outcome


@pytest.fixture(scope="module")
def proof():
    """(certificate, f, g) of two deep networks of two outputs that are close to each other."""
    first = random_network("3-8x4-2", seed=2)
    second = copied(first, 0.01, seed=2)
    decision = decide(first, second, box(-1, 1, 3), within("0.1", 2), Effort(seconds=60, engine=Engine.BOUNDS))
    assert decision.verdict.outcome is Outcome.EQUIVALENT
    return decision.certificate, first, second


def test_every_tree_splits_inputs_in_the_same_order(proof):
    certificate, *_ = proof
    splits = [tree[0]["split"] for tree in certificate["trees"] if "split" in tree[0]]
    assert len(splits) > 1
    assert splits[0][0] == "input"
    assert all(split == splits[0] for split in splits)


def test_shared_parts_are_bounded_once_and_prove_the_same(proof, monkeypatch):
    calls = []
    original = Bounds.tightened

    def counted(bounds, part, entry):
        calls.append(entry)
        return original(bounds, part, entry)

    monkeypatch.setattr(Bounds, "tightened", counted)
    bounds, root, wanted = prepared(*proof)
    calls.clear()
    together = walk(bounds, root, proof[0]["trees"], wanted, lambda: None)
    shared = len(calls)
    calls.clear()
    alone = [walk(bounds, root, [tree], [t], lambda: None)[0] for tree, t in zip(proof[0]["trees"], wanted)]
    assert together == alone
    assert 0 < shared < len(calls)


def test_a_tree_that_leaves_out_what_its_neighbour_tightens_proves_only_its_own(proof):
    """What one tree tightens is no help to another that does not."""
    certificate, first, second = proof
    number = next(t for t, tree in enumerate(certificate["trees"]) if any("tighten" in node for node in tree))
    bare = [{key: v for key, v in node.items() if key != "tighten"} for node in certificate["trees"][number]]
    trees = [bare if t == number else tree for t, tree in enumerate(certificate["trees"])]
    bounds, root, wanted = prepared(certificate, first, second)
    found = walk(bounds, root, trees, wanted, lambda: None)
    assert found[number] == walk(bounds, root, [bare], [wanted[number]], lambda: None)[0]
    assert found[number][0] > walk(bounds, root, certificate["trees"], wanted, lambda: None)[number][0]


def test_a_certificate_of_shared_parts_is_accepted_and_not_for_less(proof):
    certificate, first, second = proof
    assert check(certificate, first, second).holds

    less = certificate | {"claim": within("0.001", 2).to_json()}
    less["seal"] = seal(less)
    with pytest.raises(Refused, match="falls short"):
        check(less, first, second)
