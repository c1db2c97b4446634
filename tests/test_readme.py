"""What the README tells a newcomer to type exists and works."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import torch

from lens_pipeline.pipeline.help import HELP

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CODE = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_two_commands_do_all_set_up() -> None:
    """One line sets up and runs the main job, one sets up and runs the tests."""
    lines = re.findall(r"^python3 -m venv .*$", README, flags=re.MULTILINE)
    assert [line.split(" && ")[-1] for line in lines] == [
        ".venv/bin/python -m lens_pipeline model=cornet_s stimuli=things",
        ".venv/bin/python -m pytest",
    ]


def test_ci_runs_the_test_command_word_for_word() -> None:
    """The line that CI takes out of the README is the test command."""
    line = next(text for text in (ROOT / ".ci/run").read_text().splitlines() if "grep -A2" in text)
    script = line.strip().removeprefix("tests=$(").removesuffix(")")
    found = subprocess.run(
        ["bash", "-c", script], check=True, cwd=ROOT, capture_output=True, text=True
    )
    assert found.stdout.strip() in README
    assert found.stdout.strip().endswith("-m pytest")


def test_tracer_example_runs() -> None:
    """The example of the tracer does what its comments say."""
    torch.manual_seed(0)
    names: dict[str, object] = {}
    code = next(code for code in CODE if "trace(model" in code)
    exec(code, names)
    trace = names["t"]
    assert trace["features.6"].label == "conv2d_3_7"
    assert trace["features.6"].value.shape == (1, 384, 13, 13)


@pytest.mark.parametrize(
    "setting", re.findall(r"`((?:model|stimuli|rsa|executor|runtime|assets)[\w.]*=)", README)
)
def test_settings_are_in_the_help_too(setting: str) -> None:
    """A setting that the README names is explained by --help."""
    assert setting in HELP


@pytest.mark.parametrize("path", re.findall(r"\]\((\w[\w/.]*)\)", README))
def test_links_lead_somewhere(path: str) -> None:
    """Every relative link names a file."""
    assert (ROOT / path).exists()
