"""`draw` as a page and for Model Explorer, and the finished run that stands behind a picture."""

from __future__ import annotations

import base64
import io
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.distance import squareform

from lens_pipeline import open_run
from lens_pipeline.pipeline.cli import main
from tests.drawing.page_models import Blocks
from tests.pipeline.test_cli import TINY

if TYPE_CHECKING:
    from pathlib import Path

RUN = ("layers=[conv,cell]", "rsa.bootstrap=0", "rsa.align=position", "run.folder=out")


def reference(path: Path, name: str, seed: int) -> str:
    """A file with an RDM of six stimuli."""
    vector = np.random.default_rng(seed).random(15)
    np.savez(path / f"{name}.npz", rdm=squareform(vector))
    return f"{name}.npz"


@pytest.fixture
def finished(study: Path) -> Path:
    """A run of the tiny network with two references, done by the command line."""
    names = ",".join(reference(study, name, seed) for seed, name in enumerate(("first", "second")))
    assert main([*TINY, *RUN, f"rsa.reference=[{names}]"]) == 0
    return study / "out"


@pytest.mark.parametrize("ending", ["html", "htm", "HTML"])
def test_a_page(study: Path, ending: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whole, with the model's own name, and pictures of the values of the first stimulus."""
    path = study / f"graph.{ending}"
    assert main(["draw", *TINY, f"draw.file={path.name}"]) == 0
    assert f"the graph of net: {path}\n" in capsys.readouterr().out
    page = Blocks(path.read_text())
    assert page.part("graph")["title"] == "net"
    assert page.part("results") is None
    shown = page.part("pictures")
    assert len(shown) == len(page.part("graph")["ops"]["label"])
    pixels = np.asarray(Image.open(study / "images" / "image0.png"), dtype=float) / 255
    assert shown["0"]["histogram"]["numbers"] == pixels.size


def test_settings_reach_the_page(study: Path) -> None:
    """What is open, rolled and coloured at first; values only where they are wanted."""
    settings = ("draw.file=x.html", "draw.values=false", "draw.rolled=false", "draw.color=bytes")
    assert main(["draw", *TINY, *settings, "draw.depth=0"]) == 0
    page = Blocks((study / "x.html").read_text())
    start = page.part("start")
    assert (start["rolled"], start["color"], start["depth"]) == (False, "bytes", 0)
    assert page.part("pictures") == {}


def test_a_file_for_model_explorer(study: Path) -> None:
    """Both graphs, under the model's own name."""
    assert main(["draw", *TINY, "draw.file=x.json"]) == 0
    held = json.loads((study / "x.json").read_text())
    assert held["label"] == "net"
    assert [graph["id"] for graph in held["graphs"]] == ["operations", "layers"]


def test_a_finished_run_stands_behind_the_page(finished: Path, study: Path) -> None:
    """Every score and RDM of the run is at the operation whose output it was made from."""
    settings = ("draw.run=out", "draw.color=score", "draw.reference=second")
    assert main(["draw", *TINY, "draw.file=x.html", *settings]) == 0
    page = Blocks((study / "x.html").read_text())
    results, labels = page.part("results"), page.part("graph")["ops"]["label"]
    assert results["folder"] == "out"
    found = {(one["name"], one["pass"]): (int(op), one) for op, one in results["ops"].items()}
    run = open_run(finished)
    assert set(found) == set(zip(run.scores["layer"], run.scores["pass"], strict=True))
    for row in run.scores.to_dict("records"):
        op, held = found[row["layer"], row["pass"]]
        assert labels[op].startswith("conv2d" if row["layer"] == "conv" else "linear")
        (score,) = [one for one in held["scores"] if one["reference"] == row["reference"]]
        assert score["score"] == pytest.approx(row["score"])
        rdm = Image.open(io.BytesIO(base64.b64decode(held["rdm"]["png"])))
        assert rdm.size == (6, 6)
    assert page.part("start")["reference"] == "second"


def test_a_picture_is_coloured_by_the_scores_of_a_run(finished: Path, study: Path) -> None:
    """Those of the reference, the mean over passes, named in the title."""
    settings = ("draw.run=out", "draw.color=score", "draw.reference=first")
    assert main(["draw", *TINY, "draw.file=x.dot", *settings]) == 0
    text = (study / "x.dot").read_text()
    assert "net: spearman with first" in text
    scores = open_run(finished).scores.query("reference == 'first'")
    for layer in ("conv", "cell"):
        mean = scores[scores["layer"] == layer]["score"].mean()
        assert f"score: {mean:.4g}" in text


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("draw.color=score", "draw.run=out"), "with 2 references; say by which to colour with"),
        (
            ("draw.color=score", "draw.run=out", "draw.reference=third"),
            "The run has no reference 'third'",
        ),
        (("draw.run=nowhere",), "There is no run in"),
        (("draw.module=cell",), "draw.module changes nothing in a page; it is for a picture (.svg"),
        (("draw.depth=4",), "There is no depth 4 in net"),
        (("draw.color=score", "draw.file=x.json"), "draw.color changes nothing in a file for"),
    ],
)
def test_refused(
    finished: Path, settings: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, one sentence and no file."""
    given = settings if "draw.file=x.json" in settings else ("draw.file=x.html", *settings)
    assert main(["draw", *TINY, *given]) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert list(finished.parent.glob("x.*")) == []


def test_the_run_of_another_model_is_refused(
    finished: Path, study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the names of its layers."""
    code = (study / "tiny_net.py").read_text()
    (study / "other_net.py").write_text(code.replace("conv", "first").replace("cell", "second"))
    other = ["model.target=other_net:net" if "target" in word else word for word in TINY]
    assert main(["draw", *other, "draw.file=x.html", "draw.run=out"]) == 2
    assert "has no layer of net" in capsys.readouterr().err.splitlines()[-1]
