"""The page as a file: one HTML that loads nothing, valid data, nothing that a name could run."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from lens_pipeline import page, trace
from lens_pipeline.drawing.page.writing import page_html, page_parts, write_page
from lens_pipeline.errors import StoreError, TraceError
from tests.drawing.page_models import NASTY, Blocks, Deep, Nasty

if TYPE_CHECKING:
    from pathlib import Path

PARTS = ["graph", "start", "tables", "pictures", "results"]


@pytest.fixture(scope="module")
def nasty() -> Blocks:
    return Blocks(page_html(page_parts(trace(Nasty(), torch.ones(2, 3)), title=NASTY)))


def test_names_stay_text(nasty: Blocks) -> None:
    """Whatever modules, outputs and titles are called, the page has its own elements alone."""
    plain = Blocks(page_html(page_parts(trace(nn.ReLU(), torch.ones(1)))))
    assert nasty.tags == plain.tags
    assert "img" not in nasty.tags
    assert NASTY in nasty.part("graph")["calls"]["address"]
    assert nasty.part("graph")["title"] == NASTY


def test_parts_of_strict_json(nasty: Blocks) -> None:
    """Each block of data is JSON to a parser that knows no NaN."""

    def refuse(name: str) -> None:
        raise AssertionError(name)

    blocks = [(given, text) for given, text in nasty.scripts if "type" in given]
    assert [given["id"] for given, _ in blocks] == PARTS
    for _, text in blocks:
        json.loads(text, parse_constant=refuse)
        assert not re.search("[<>&\u2028\u2029]", text)
    assert any(one["histogram"]["nan"] for one in nasty.part("pictures").values())


def test_only_its_own_script_may_run(nasty: Blocks) -> None:
    """The content policy names the digest of the one script and allows nothing from elsewhere."""
    (script,) = [text for given, text in nasty.scripts if "type" not in given]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in nasty.policy
    assert nasty.policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in nasty.policy


def test_loads_nothing(nasty: Blocks) -> None:
    """No address but the name of SVG's namespace."""
    (script,) = [text for given, text in nasty.scripts if "type" not in given]
    assert set(re.findall(r"https?://[^\"'\s]+", script)) == {"http://www.w3.org/2000/svg"}
    assert not {"link", "iframe", "object", "embed", "base"} & set(nasty.tags)


def test_writes_a_file_and_its_folder(tmp_path: Path) -> None:
    """The file is whole, alone in its folder, and its path is returned."""
    traced = trace(Deep().eval(), torch.ones(2, 3, 4, 4))
    path = write_page(traced, tmp_path / "new" / "deep.html", title="Deep & wide")
    assert [one.name for one in path.parent.iterdir()] == ["deep.html"]
    text = path.read_text("utf-8")
    assert "<title>Deep &amp; wide</title>" in text
    assert Blocks(text).part("graph")["model"] == "Deep"


def test_the_package_offers_it(tmp_path: Path) -> None:
    """`lens_pipeline.page` is the same function."""
    assert page is write_page
    assert page(trace(nn.ReLU(), torch.ones(1)), str(tmp_path / "a.htm")) == tmp_path / "a.htm"


def test_the_same_trace_gives_the_same_page() -> None:
    """Nothing depends on the time or on an address in memory."""
    traced = trace(Deep().eval(), torch.ones(2, 3, 4, 4))
    assert page_html(page_parts(traced)) == page_html(page_parts(traced))


def test_refuses_other_endings(tmp_path: Path) -> None:
    """An ending that no browser opens is refused, naming those that are allowed."""
    with pytest.raises(TraceError, match=r"ends in '\.svg'; a page ends in one of \.html, \.htm\."):
        write_page(trace(nn.ReLU(), torch.ones(1)), tmp_path / "page.svg")


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """A place that cannot be written to is named."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"Could not write .*page\.html"):
        write_page(trace(nn.ReLU(), torch.ones(1)), tmp_path / "file" / "page.html")


def test_lone_surrogates_are_replaced(tmp_path: Path) -> None:
    """A title that has no UTF-8, as made from a path, is written with a replacement."""
    traced = trace(nn.ReLU(), torch.ones(1))
    path = write_page(traced, tmp_path / "a.html", title="a\udcffb")
    assert "<title>a?b</title>" in path.read_text("utf-8")


def test_a_trace_of_no_operation() -> None:
    """A model that computes nothing has a page."""

    class Nothing(nn.Module):
        def forward(self, x):
            return None

    parts = page_parts(trace(Nothing(), torch.ones(1)))
    assert parts["graph"]["ops"]["label"] == ["input_1_0"]
