"""What is done by default, what must have been asked for, and what is refused before it starts."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.inference.asked import (
    Asked,
    check_asked,
    few_subjects,
    parting_for,
    scheme_for,
)

IDS = [f"s{row}" for row in range(40)]


def _scheme(n_units: int = 40, n_subjects: int = 5, **asked: Any) -> str | None:
    return scheme_for(Asked(**asked), n_units=n_units, n_subjects=n_subjects, name="IT")


def _parting(n_subjects: int = 5, groups: Any = IDS, **asked: Any) -> str | None:
    return parting_for(Asked(**asked), n_subjects=n_subjects, groups=groups, name="IT")


@pytest.mark.parametrize(
    ("scheme", "n_subjects", "says"),
    [
        ("dual", 2, "has 2 subjects, .* 1 degree of freedom .* rsa.resample=stimuli"),
        ("subjects", 3, "has 3 subjects, .* 2 degrees of freedom "),
        ("both", 4, None),
        ("stimuli", 2, None),
        (None, 2, None),
    ],
)
def test_two_or_three_subjects_say_little(
    scheme: str | None, n_subjects: int, says: str | None
) -> None:
    """Where they are drawn; with how many degrees of freedom."""
    caution = few_subjects(scheme, n_subjects=n_subjects, name="IT")
    assert caution is None if says is None else re.search(says, str(caution))


def test_as_much_is_drawn_as_the_data_allow(caplog: pytest.LogCaptureFixture) -> None:
    """Both factors with subjects, stimuli with one; nothing, and said, with few stimuli."""
    assert _scheme() == "dual"
    assert _scheme(n_subjects=1) == "stimuli"
    assert _scheme(draws=0) is None
    with caplog.at_level(logging.INFO):
        assert _scheme(n_units=6) is None
    assert "IT: no bootstrap over 6 stimuli, it needs 8" in caplog.text


@pytest.mark.parametrize(
    ("data", "asked", "wording"),
    [
        ({"n_units": 6}, {"draws": 500}, r"IT has 6 stimuli.*needs 8; give more.*bootstrap=0"),
        ({"n_subjects": 1}, {"resample": "subjects"}, r"has 1 subject.*rsa.resample=stimuli"),
        ({"n_subjects": 1}, {"resample": "dual"}, r"rsa.resample=dual\) needs 2"),
    ],
)
def test_what_was_asked_for_and_cannot_be_is_refused(data: Any, asked: Any, wording: str) -> None:
    """It is not left out in silence."""
    with pytest.raises(ComparisonError, match=wording):
        _scheme(**data, **asked)


def test_subjects_are_parted_where_there_are_enough() -> None:
    """With few, or one, only stimuli are."""
    assert _parting() == "both"
    assert _parting(n_subjects=3) == _parting(n_subjects=1) == "stimuli"
    assert _parting(choose="stimuli") == "stimuli"
    assert _parting(choose="none") is None
    with pytest.raises(ComparisonError, match=r"too few subjects \(3\).*rsa\.choose=stimuli"):
        _parting(n_subjects=3, choose="both")


def test_too_few_stimuli_to_choose_are_said_or_refused(caplog: pytest.LogCaptureFixture) -> None:
    """By default no layer is chosen; asked for, it is an error."""
    with caplog.at_level(logging.INFO):
        assert _parting(groups=IDS[:10]) is None
    assert "IT: no layer is chosen: 10 stimuli" in caplog.text
    with pytest.raises(ComparisonError, match=r"leave 5 in one of 2 parts \(rsa.parts\)"):
        _parting(groups=IDS[:10], choose="stimuli")


@pytest.mark.parametrize(
    ("asked", "wording"),
    [
        ({"interval": 95.0}, "rsa.interval is 95; it is a share"),
        ({"draws": 10}, "rsa.bootstrap=10 draws are too few"),
        ({"parts": 1}, "rsa.parts is 1"),
        ({"choose": "layer"}, "There is no rsa.choose=layer"),
        ({"resample": "stimulus"}, r"no way to resample 'stimulus' .*nearest: stimuli"),
        ({"correction": "bonferoni"}, "nearest: bonferroni"),
    ],
)
def test_settings_that_mean_nothing_are_refused(asked: Any, wording: str) -> None:
    """Whatever the data."""
    check_asked(Asked())
    with pytest.raises(ComparisonError, match=wording):
        check_asked(Asked(**asked))
