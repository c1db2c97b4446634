"""Pictures as files: whole or not there, in the format that their ending says."""

from __future__ import annotations

import builtins
import shutil
import stat
from pathlib import Path

import pytest

from lens_pipeline import draw, trace
from lens_pipeline.errors import StoreError, TraceError
from tests import zoo
from tests.drawing.drawings import DRAWINGS, Frames, X, drawn


@pytest.fixture
def no_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither pygraphviz nor a `dot` is there."""
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "pygraphviz":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr(shutil, "which", lambda _: None)


def test_writes_dot_without_graphviz(tmp_path: Path, no_graphviz) -> None:
    """The text is written as it is, and nothing else is left in the folder."""
    path = tmp_path / "new" / "graph.dot"
    text = draw(trace(zoo.Recurrent(), X), path)
    assert path.read_text("utf-8") == text
    assert [file.name for file in path.parent.iterdir()] == ["graph.dot"]


def test_a_failed_write_leaves_the_old_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drawing that cannot take its place leaves what was there, and nothing beside it."""

    def fails(*_):
        raise OSError(28, "No space left on device")

    (tmp_path / "graph.dot").write_text("old", "utf-8")
    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(StoreError, match=r"Could not write .*graph\.dot: No space left on device"):
        draw(trace(zoo.Recurrent(), X), tmp_path / "graph.dot")
    assert [file.read_text("utf-8") for file in tmp_path.iterdir()] == ["old"]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """A file where a folder should be is named in one sentence."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"Could not write .*graph\.svg"):
        draw(trace(zoo.Recurrent(), X), tmp_path / "file" / "graph.svg")


@pytest.mark.parametrize("name", ["graph.xls", "graph", "graph.jpeg"])
def test_refuses_other_endings(tmp_path: Path, name: str) -> None:
    """An ending that nobody writes is refused, naming those that are."""
    with pytest.raises(TraceError, match=r"ends in one of \.svg, \.pdf, \.png, \.dot\."):
        draw(trace(zoo.Recurrent(), X), tmp_path / name)


def test_without_graphviz_the_dot_is_written(tmp_path: Path, no_graphviz) -> None:
    """The error says what to install, with and without a wheel, and where the text is."""
    with pytest.raises(TraceError) as caught:
        draw(trace(zoo.Recurrent(), X), tmp_path / "graph.svg")
    assert str(caught.value) == (
        f"{tmp_path / 'graph.svg'} was not drawn, since that needs Graphviz: install it with "
        '`pip install "lens-pipeline[draw]"`, or where pygraphviz has no wheel from '
        "graphviz.org/download or your system's packages; its text was written: "
        f"{tmp_path / 'graph.dot'}."
    )
    assert (tmp_path / "graph.dot").read_text("utf-8").startswith('digraph "Recurrent"')


def test_an_installed_dot_does_as_well(
    tmp_path: Path, no_graphviz, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without pygraphviz the program is given the text and asked for the format."""
    program = tmp_path / "dot"
    program.write_text('#!/bin/sh\necho "<svg> $1"; grep -c fillcolor\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(shutil, "which", lambda _: str(program))
    draw(trace(zoo.Recurrent(), X), tmp_path / "graph.svg")
    assert (tmp_path / "graph.svg").read_text() == "<svg> -Tsvg\n5\n"
    program.write_text("#!/bin/sh\necho no luck >&2; exit 1\n")
    with pytest.raises(TraceError, match=r"since Graphviz failed \(no luck\); its text was"):
        draw(trace(zoo.Recurrent(), X), tmp_path / "graph.svg")


@pytest.mark.parametrize(
    ("ending", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("SVG", b"<?")]
)
def test_renders(tmp_path: Path, ending: str, start: bytes) -> None:
    """Where pygraphviz is installed, pictures are written in each format."""
    pytest.importorskip("pygraphviz")
    path = tmp_path / f"graph.{ending}"
    draw(trace(Frames(), X), path, rolled=False)
    assert path.read_bytes().startswith(start)


@pytest.mark.parametrize("name", DRAWINGS)
def test_graphviz_draws_every_box_and_edge(tmp_path: Path, name: str) -> None:
    """Graphviz reads every golden text and loses nothing of it."""
    pytest.importorskip("pygraphviz")
    text = drawn(name, tmp_path / "graph.svg")
    svg = (tmp_path / "graph.svg").read_text("utf-8")
    assert svg.count('class="node"') == text.count("fillcolor")
    assert svg.count('class="edge"') == text.count('" -> "')
    assert svg.count('class="cluster"') == text.count('subgraph "cluster ')
