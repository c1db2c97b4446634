"""The figures of the README are made by their script, each showing what it is there for."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

FOLDER = Path(__file__).parents[2] / "workflows" / "figures"

# figure -> what it must say, what it must not
SAYS = {
    "cornet_s_rolled": (["(x4)", "passes 1-3 → 2-4", "V4 (BottleneckArea)"], ["conv2d_9_27:2"]),
    "cornet_s_unrolled": ([":4", "@V4.output:4"], ["(x4)"]),
    "cornet_s_v2_rolled": (["pass 1 → 2", "from identity_1_8", "@V1.output"], ["@V4"]),
    "cornet_s_v2_unrolled": (["@V2.output:2"], ["@V4", "(x2)"]),
    "cornet_s_flops": (["<b>V4</b>", "GFLOP"], ["V4.conv1"]),
    "inception_depth_1": (["<b>inception3a.branch2</b>", "[3]", "from maxpool2d"], ["conv2d_5"]),
    "inception_depth_2": (["<b>inception3a.branch2.0</b>"], ["<b>inception3a.branch2</b>"]),
    "inception_depth_3": (["@inception3a.branch2.0.conv"], ["box3d"]),
    "branching": (["<b>IF</b>", "<b>THEN</b>", ".mean() &gt; 0.2: yes"], ["@near"]),
}


@pytest.fixture(scope="module")
def figures() -> ModuleType:
    spec = importlib.util.spec_from_file_location("figures", FOLDER / "figures.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_figure_is_tested_described_and_there(figures: ModuleType) -> None:
    """The script's figures are those of SAYS, and lie beside it."""
    assert set(figures.FIGURES) == set(SAYS)
    assert {path.stem for path in FOLDER.glob("*.svg")} == set(SAYS)


@pytest.mark.parametrize("name", SAYS)
def test_figure_shows_what_it_is_there_for(figures: ModuleType, tmp_path: Path, name: str) -> None:
    """Run at small size as text."""
    size = "224" if name == "cornet_s_flops" else "64"
    assert figures.main([name, "--output", str(tmp_path), "--ending", "dot", "--size", size]) == 0
    text = (tmp_path / f"{name}.dot").read_text("utf-8")
    there, absent = SAYS[name]
    assert [said for said in there if said not in text] == []
    assert [said for said in absent if said in text] == []


def test_unknown_figure(figures: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped name is refused."""
    with pytest.raises(SystemExit, match="2"):
        figures.main(["branchin"])
    assert "there is no figure branchin" in capsys.readouterr().err
