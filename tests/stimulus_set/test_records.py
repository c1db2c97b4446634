"""Smaller sets of a set, and an account that adds up."""

from __future__ import annotations

from pathlib import Path

import pytest

from lens_pipeline.errors import StimulusError
from lens_pipeline.stimulus_set import (
    Account,
    StimulusSet,
    describe_account,
    first_evenly,
    open_stimuli,
    refuse,
)


def made(concepts, label="concept"):
    ids = tuple(f"{concept}_{n}" for n, concept in enumerate(concepts))
    account = Account(found=len(ids) + 1, listed=len(ids), ignored=1)
    files = tuple(f"{one}.png" for one in ids)
    return StimulusSet("s", Path("/x"), ids, files, {label: tuple(concepts)}, account)


def adds_up(account):
    parts = account.listed + len(account.refused) + account.ignored + account.left_out
    return account.found == parts


@pytest.mark.parametrize(
    ("concepts", "limit", "expected"),
    [
        ("aaabbbccc", 3, "a_0 b_3 c_6"),
        ("aaabbbccc", 2, "a_0 b_3"),
        ("aaabbbccc", 4, "a_0 a_1 b_3 c_6"),
        ("aabbccdd", 2, "a_0 c_4"),
        ("abbb", 3, "a_0 b_1 b_2"),
        ("aaaa", 2, "a_0 a_1"),
        ("aabb", 9, "a_0 a_1 b_2 b_3"),
        ("aabb", None, "a_0 a_1 b_2 b_3"),
    ],
)
def test_limit_spreads_over_concepts_and_keeps_the_order(concepts, limit, expected):
    """First exemplars come first, and a part of a round is evenly spaced."""
    found = first_evenly(made(concepts), limit)
    assert " ".join(found.ids) == expected
    assert found.files == tuple(f"{one}.png" for one in found.ids)
    assert found.labels["concept"] == tuple(one[0] for one in found.ids)
    assert adds_up(found.account)


def test_limit_without_concepts_takes_the_first():
    """Labels of other names do not spread."""
    assert first_evenly(made("aabb", "colour"), 2).ids == ("a_0", "a_1")


def test_limit_on_the_sample_takes_every_concept_once():
    """16 of the 64 images are 16 concepts."""
    found = first_evenly(open_stimuli("sample").stimuli, 16)
    assert len(set(found.labels["concept"])) == 16
    assert adds_up(found.account)


def test_refused_stimuli_enter_the_account():
    """What could not be decoded leaves the set, with its reason."""
    found = refuse(made("ab"), {"a_0": "truncated"})
    assert (found.ids, found.labels["concept"]) == (("b_1",), ("b",))
    assert found.account.refused == (("a_0.png", "truncated"),)
    assert adds_up(found.account)
    with pytest.raises(StimulusError, match=r"None of the 1 images.*a_0\.png: truncated"):
        refuse(made("a"), {"a_0": "truncated"})


def test_account_in_words():
    """Every part that is not zero is said."""
    account = Account(9, 3, (("a", "b"),), 2, 3, missing=4, missing_concepts=1)
    assert describe_account(account) == (
        "9 files found: 3 listed, 1 refused, 2 ignored, 3 left out by the limit; 4 official images "
        "have no file; 1 official concepts have no image"
    )
