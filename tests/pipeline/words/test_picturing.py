"""`draw` on the command line: where the picture is, what it shows, what is refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from lens_pipeline.pipeline.cli import main
from lens_pipeline.pipeline.config import config_digest, plain_config, read_config
from lens_pipeline.pipeline.job.freshness import _changed_settings
from tests.pipeline.test_cli import TINY

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any


def test_the_graph_is_written_here_and_its_place_said(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """graph.svg in the working directory, with every layer and the model's own name."""
    pytest.importorskip("pygraphviz")
    assert main(["draw", *TINY]) == 0
    assert f"the graph of net: {study / 'graph.svg'}\n" in capsys.readouterr().out
    svg = (study / "graph.svg").read_text()
    assert svg.count('class="node"') == 7
    assert "net: 7 layers" in svg.replace("&#45;", "-")


def test_settings_reach_the_picture(study: Path) -> None:
    """File, recurrence, direction, colour and module are those of the section `draw`."""
    settings = ("draw.rolled=false", "draw.direction=right", "draw.color=flops", "draw.module=cell")
    assert main(["draw", *TINY, "draw.file=sub/net.dot", *settings]) == 0
    text = (study / "sub" / "net.dot").read_text()
    assert "rankdir=LR" in text
    assert '"linear_1_4:3" [' in text
    assert '"from mean_1_3" [' in text
    assert "flops: 32 FLOP" in text


def test_each_job_of_a_sweep_has_a_picture(study: Path) -> None:
    """Without a file each is named by its model."""
    pytest.importorskip("pygraphviz")
    assert main(["draw", "-m", *TINY, "model.name=one,two"]) == 0
    assert sorted(path.name for path in study.glob("*.svg")) == ["graph-one.svg", "graph-two.svg"]


def test_jobs_of_a_sweep_that_draw_one_file_are_refused(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is drawn, whether the file was given or not; settings can be put into it."""
    for words in (("model.seed=0,1",), ("model.name=a,b", "draw.file=graph.dot")):
        assert main(["draw", "-m", *TINY, *words]) == 2
        (said,) = capsys.readouterr().err.splitlines()
        assert "would both draw" in said
        assert said.endswith("as in 'draw.file=graph-${model.name}-${model.seed}.svg'.")
    assert list(study.glob("graph*")) == []
    assert main(["draw", "-m", *TINY, "model.seed=0,1", "draw.file=g-${model.seed}.dot"]) == 0
    assert sorted(path.name for path in study.glob("g*.dot")) == ["g-0.dot", "g-1.dot"]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "draw.file=graph.gif",
            "graph.gif ends in '.gif'; a picture in .svg or .pdf or .png or .dot, a page in .html",
        ),
        ("draw.depth=2", "There is no depth 2 in net, whose modules are nested 1 deep: give 0"),
        ("draw.module=cells", "There is no module 'cells' in net to draw; nearest: cell."),
        ("draw.color=flop", "There is no column 'flop' to colour by; nearest: flops"),
        ("draw.values=true", "draw.values changes nothing in a picture; it is for a page (.html)."),
        ("draw.color=score", "draw.color=score needs the run that has them: draw.run=FOLDER."),
        ("draw.reference=IT", "draw.reference is for draw.color=score."),
        ("draw.run=nowhere", "draw.run changes nothing in a picture without draw.color=score"),
        ("draw.direction=north", "expected one of up, down, right, left @ draw.direction, not"),
        ("draw.colour=flops", "There is no setting draw.colour; nearest: draw.color"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    study: Path, capsys: pytest.CaptureFixture[str], setting: str, message: str
) -> None:
    """Exit code 2, one sentence and no file."""
    assert main(["draw", *TINY, setting]) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert list(study.glob("graph*")) == []


def test_a_model_that_cannot_run_is_refused(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and one sentence, as for every other command."""
    (study / "tiny_net.py").write_text(
        "from torch import nn\n\ndef net():\n    return nn.Linear(7, 7)\n"
    )
    assert main(["draw", *TINY]) == 2
    (last,) = capsys.readouterr().err.splitlines()[-1:]
    assert last.startswith("lens-pipeline: net cannot take an input of shape (1, 3, 16, 16): ")


def test_a_run_does_not_depend_on_the_picture(study: Path, plain: dict[str, Any]) -> None:
    """Other settings of `draw` leave the folder's name as it is and its results fresh."""
    before = read_config(plain)
    now = read_config({**plain, "draw": {"depth": 3, "color": "flops", "file": "x.png"}})
    assert config_digest(before) == config_digest(now)
    record = SimpleNamespace(config=plain_config(before))
    assert list(_changed_settings(record, now)) == []
    del record.config["draw"]  # as a run that was finished before there was that section
    assert list(_changed_settings(record, now)) == []
