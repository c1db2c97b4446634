"""The selector language as text: what is read, and what is refused before any model is loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lens_pipeline.errors import SelectorError
from lens_pipeline.selectors import (
    PassRange,
    Selector,
    parse_selector,
    parse_selectors,
    selector_text,
)


@pytest.mark.parametrize(
    ("text", "selector"),
    [
        ("V1.output", Selector("V1.output", None)),
        ("IT.output:2", Selector("IT.output", PassRange(2, 2))),
        ("IT.output:-1", Selector("IT.output", PassRange(-1, -1))),
        ("IT.output:1-3", Selector("IT.output", PassRange(1, 3))),
        ("IT.output:12", Selector("IT.output", PassRange(12, 12))),
        ("conv2d_3_7:2", Selector("conv2d_3_7", PassRange(2, 2))),
        ("rnn@1:-2", Selector("rnn@1", PassRange(-2, -2))),
        ("-17", Selector("-17", None)),
        ("all", Selector("all", None)),
    ],
)
def test_a_selector_is_read_and_written(text, selector):
    """The text and the value say the same."""
    assert parse_selector(text) == selector
    assert selector_text(selector) == text


def test_every_pass_may_be_said():
    """`:*` is what no pass part means."""
    assert parse_selector("V*.output:*") == parse_selector("V*.output")


def test_one_or_many_texts_or_numbers_are_read():
    """A config holds one name, one number, or a list of both."""
    assert parse_selectors("V1.output") == (Selector("V1.output", None),)
    assert parse_selectors(7) == (Selector("7", None),)
    assert parse_selectors(["fc", -1]) == (Selector("fc", None), Selector("-1", None))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a text such as V1.output or IT.output:2, not ''"),
        (True, "not True"),
        (None, "not None"),
        (":2", "':2' names no layer"),
        ("V1,V2", "or a list [A,B]"),
        ("V1:", "no readable pass after its colon; write :2, :-1 (the last), :1-3 or :*"),
        ("V1:x", "no readable pass"),
        ("V1:1-", "no readable pass"),
        ("V1:0", "they count upwards from 1"),
        ("V1:3-1", "they count upwards from 1"),
        ("V1:-1-3", "they count upwards from 1"),
        ("auto", "stands alone, as layers=auto"),
    ],
)
def test_a_text_that_is_no_selector_is_refused(text, message):
    """The sentence says what may be written."""
    with pytest.raises(SelectorError) as caught:
        parse_selectors([text])
    assert message in str(caught.value)


def test_an_empty_list_is_refused():
    """Nothing to keep is not a job."""
    with pytest.raises(SelectorError, match="layers=auto, layers=all, or a list"):
        parse_selectors([])


def test_parsing_imports_no_torch():
    """A configuration is checked without it."""
    code = (
        "import sys; from lens_pipeline.selectors import parse_selectors;"
        "parse_selectors(['V1.output:2', 'all']); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
