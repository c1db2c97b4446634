"""`summary` on the command line: how deep it goes, and the settings that it has no use for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lens_pipeline.errors import ConfigError
from lens_pipeline.pipeline.cli import main
from lens_pipeline.pipeline.words.summarising import summarise
from tests.pipeline.test_cli import TINY

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = {
    "model": {"source": "cornet", "name": "none"},
    "stimuli": {"source": "folder", "name": "none", "root": "none"},
}


def test_summary_goes_as_deep_as_asked(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """draw.depth is of the summary, too."""
    nested = (
        (study / "tiny_net.py")
        .read_text()
        .replace(
            "self.cell = nn.Linear(4, 4)",
            "self.cell = nn.Sequential(nn.Sequential(nn.Linear(4, 4)))",
        )
    )
    (study / "tiny_net.py").write_text(nested)
    assert main(["summary", *TINY, "draw.depth=1"]) == 0
    assert "2 modules deeper than 1 left out" in capsys.readouterr().out
    assert main(["summary", *TINY, "draw.depth=0"]) == 0
    assert "left out" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "value"), [("file", "graph.svg"), ("rolled", False), ("values", False)]
)
def test_another_setting_of_the_picture_is_refused(name: str, value: object) -> None:
    """Before a model is looked for."""
    with pytest.raises(ConfigError, match=rf"^draw\.{name} changes nothing in a summary; it goes"):
        summarise({**PLAIN, "draw": {name: value}})
