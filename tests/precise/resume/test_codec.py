"""Records as text: they come back as they were, equal ones have one text, and nothing else is built."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from flint import fmpq
from hypothesis import given
from hypothesis import strategies as st

from precise.journal.codec import Codec
from precise.regions.local_map import Row
from precise.regions.probe import Calibration


@dataclass(frozen=True)
class Nested:
    """A record that holds others."""

    content: Any
    name: str


REFUSED = "not a record|Expecting|invalid literal"
CODEC = Codec(Nested, Row, Calibration)
INTEGERS = st.integers() | st.integers(-(1 << 40_000), 1 << 40_000)  # beyond the digits that Python converts
LEAVES = (
    st.none()
    | st.booleans()
    | st.text(max_size=5)
    | INTEGERS
    | st.fractions().map(lambda f: fmpq(*f.as_integer_ratio()))
)
VALUES = st.recursive(
    LEAVES | st.frozensets(st.integers(), max_size=4) | st.builds(Calibration, INTEGERS),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.builds(Nested, inner, st.text(max_size=3))
    ),
    max_leaves=12,
)


@given(VALUES)
def test_a_value_comes_back_with_its_types(value: Any) -> None:
    back = CODEC.value(CODEC.text(value))
    assert back == value
    assert repr(type(back)) == repr(type(value))
    assert CODEC.text(back) == CODEC.text(value)


@given(VALUES, VALUES)
def test_different_values_have_different_texts(one: Any, other: Any) -> None:
    if one != other:
        assert CODEC.text(one) != CODEC.text(other)


def test_a_frozenset_has_one_text_whatever_its_order() -> None:
    assert CODEC.text(frozenset([8, 0, 16])) == CODEC.text(frozenset([16, 8, 0]))


@given(st.text(max_size=40) | st.builds(lambda v, n: CODEC.text(v)[:n], VALUES, st.integers(0, 60)))
def test_any_text_is_a_value_or_refused(text: str) -> None:
    with suppress(ValueError):
        CODEC.value(text)


@pytest.mark.parametrize(
    "text",
    [
        '["Row"]',
        '["os.system","ls"]',
        '["fmpq","1","0"]',
        '["int",5]',
        '["int","x"]',
        "[" * 9999,
        "[[1]]",
        "0.5",
        "NaN",
    ],
)
def test_texts_that_are_no_record_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=REFUSED):
        CODEC.value(text)


def test_other_types_are_not_written() -> None:
    with pytest.raises(TypeError, match="float"):
        CODEC.text([0.5])
