"""The bundled sample: complete, balanced, in the THINGS layout, and drawn by its script."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from lens_pipeline.resources import stimuli_folder
from lens_pipeline.stimulus_set import decode_image, open_stimuli

FOLDER = stimuli_folder() / "sample"


@pytest.fixture(scope="module")
def pixels():
    sample = open_stimuli("sample").stimuli
    return np.stack([np.asarray(decode_image(sample.root / file)) for file in sample.files])


def test_sixty_four_images_of_sixteen_concepts():
    """Four exemplars a concept, under 1 MB, with labels for animacy and category."""
    sample = open_stimuli("sample").stimuli
    assert set(Counter(sample.labels["concept"]).values()) == {4}
    assert len(set(sample.labels["concept"])) == 16
    assert Counter(sample.labels["animate"]) == {"1": 24, "0": 40}
    assert sum((sample.root / file).stat().st_size for file in sample.files) < 1_000_000


def test_the_sample_is_a_things_folder():
    """Opened as THINGS it has the same ids, order and concepts."""
    as_things = open_stimuli("things", root=FOLDER).stimuli
    sample = open_stimuli("sample").stimuli
    assert as_things.ids == sample.ids
    assert as_things.labels["concept"] == sample.labels["concept"]
    assert not as_things.account.refused


def test_images_are_varied_pictures(pixels):
    """All 224 x 224 in colour, shaded rather than flat, and no two alike."""
    assert pixels.shape == (64, 224, 224, 3)
    assert (pixels.std(axis=(1, 2)).mean(axis=1) > 20).all()
    small = pixels.reshape(64, 14, 16, 14, 16, 3).mean(axis=(2, 4)).reshape(64, -1)
    alike = np.corrcoef(small) - np.eye(64)
    assert alike.max() < 0.98
    assert all(len(np.unique(one.reshape(-1, 3), axis=0)) > 1000 for one in pixels)


def test_script_draws_the_bundled_image_again(tmp_path):
    """A small new drawing matches the bundled picture shrunk to its size, and no other exemplar."""
    subprocess.run(
        [sys.executable, "-B", FOLDER / "draw.py", "mug_02b", "--size", "56", "--into", tmp_path,
         "--workers", "1"],
        check=True, capture_output=True,
    )  # fmt: skip
    file = "object_images/mug/mug_02b.jpg"
    again = np.asarray(Image.open(tmp_path / file), float)
    kept = [np.asarray(Image.open(FOLDER / file.replace("02b", n)).resize((56, 56), 4), float)
            for n in ("02b", "01b")]  # fmt: skip
    assert np.abs(again - kept[0]).mean() < 6
    assert np.abs(again - kept[1]).mean() > 20
