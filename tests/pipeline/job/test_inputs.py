"""What a job is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lens_pipeline.errors import StimulusError
from lens_pipeline.pipeline.config import read_config
from lens_pipeline.pipeline.job.inputs import find_inputs, model_digests

if TYPE_CHECKING:
    from pathlib import Path


def test_an_image_that_cannot_be_read_is_named(study: Path, plain: dict[str, Any]) -> None:
    """As one on a disk that fails: it is there, and reading it is an error."""
    image = study / "images" / "image3.png"
    image.unlink()
    image.symlink_to("/proc/self/mem")
    with pytest.raises(StimulusError, match=r"image3\.png cannot be read \(Input/output error\); "):
        find_inputs(read_config(plain))


def test_an_edit_of_what_a_network_imports_makes_another_model(
    study: Path, plain: dict[str, Any]
) -> None:
    """Whether the file that is named changes or not."""
    found = []
    for factor in (1, 20):
        (study / "tiny_parts.py").write_text(f"FACTOR = {factor}")
        with (study / "tiny_net.py").open("a") as file:
            file.write("\nimport tiny_parts\n" if factor == 1 else "")
        found.append(model_digests(find_inputs(read_config(plain))))
    assert [[role for role, _ in digests] for digests in found] == [["target"]] * 2
    assert found[0] != found[1]
