"""THINGS: published tables joined by key, and concept-level RDMs on images named as there."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.spatial.distance import pdist

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

# of the 20 concepts whose names need care, and others
CONCEPTS = ("ice_cream", "camera_lens", "camera1", "bat1", "bat2", "air_conditioner")


@pytest.fixture(scope="module")
def study(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("things/study")


@pytest.fixture(scope="module")
def ratings(study: ModuleType) -> ModuleType:
    """The module that the study imports from its own folder."""
    import sys

    return sys.modules["ratings"]


@pytest.fixture(scope="module")
def published(test_data: Path) -> Path:
    return test_data / "things"


@pytest.fixture(scope="module")
def written(ratings: ModuleType, published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ratings")
    ratings.write_ratings(published, folder)
    return folder


def _by_hand(published: Path, file: str, separator: str) -> dict[str, list[str]]:
    """Return the cells of each row by key, read without pandas."""
    import csv

    with (published / file).open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter=separator))
    return {row["uniqueID"].replace(" ", "_"): row for row in rows}


def test_features_are_joined_by_key_and_not_by_row(written: Path, published: Path) -> None:
    """All 1,854 concepts have their own size and animacy, though the tables differ in order."""
    size = pd.read_csv(written / "size.csv", index_col=0, keep_default_na=False)
    lives = pd.read_csv(written / "animacy.csv", index_col=0, keep_default_na=False)
    assert list(size.index) == list(lives.index)
    by_size = _by_hand(published, "size_fixed.csv", ";")
    by_lives = _by_hand(published, "animacy.csv", ",")
    for table, by_key, column in ((size, by_size, "meanSize"), (lives, by_lives, "lives_mean")):
        values = np.array([float(by_key[concept][column]) for concept in table.index])
        expected = (values - values.mean()) / values.std()
        assert table[column].to_numpy() == pytest.approx(expected)
    # a join by row would be wrong: the tables are in another order
    assert list(by_size) != list(by_lives)


def test_categories_are_zero_or_one(written: Path) -> None:
    """53 categories, an empty cell is no member, and an aardvark is an animal."""
    table = pd.read_csv(written / "categories.csv", index_col=0, keep_default_na=False)
    assert table.shape == (1854, 53)
    assert set(np.unique(table)) == {0, 1}
    assert table.loc["aardvark", ["animal", "bird"]].tolist() == [1, 0]


def _copy(published: Path, folder: Path, ratings: ModuleType) -> Path:
    for name in ratings.FILES:
        (folder / name).write_bytes((published / name).read_bytes())
    return folder


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda text: text.replace("lives_mean", "alive"), "has no column lives_mean"),
        (lambda text: text.replace('"abacus"', '"aardvark"'), "the concept aardvark twice"),
        (lambda text: text.replace('"abacus"', '"abakus"'), "differ in 2 concepts"),
        (lambda text: text.replace('"abacus","6.8718"', '"abacus",""'), "no rating of abacus"),
    ],
)
def test_tables_that_do_not_fit(
    ratings: ModuleType,
    published: Path,
    tmp_path: Path,
    change: Callable[[str], str],
    error: str,
) -> None:
    """A column, a key or a rating that is missing or double is named."""
    from lens_pipeline.errors import ConfigError

    data = _copy(published, tmp_path, ratings)
    path = data / "animacy.csv"
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(ConfigError, match=error):
        ratings.write_ratings(data, tmp_path / "out")


@pytest.fixture(scope="module")
def images(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two or three generated images of some thirty concepts, named as in THINGS."""
    root = tmp_path_factory.mktemp("things")
    others = list(_by_hand(published, "animacy.csv", ","))[::80]
    for number, concept in enumerate(dict.fromkeys((*CONCEPTS, *others))):
        folder = root / "object_images" / concept.replace(" ", "_")
        folder.mkdir(parents=True)
        for at in range(2 + number % 2):
            random = np.random.default_rng(10 * number + at)
            pixels = random.integers(0, 255, (8, 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
            Image.fromarray(pixels).save(folder / f"{folder.name}_{at + 1:02}b.jpg")
    return root


@pytest.mark.slow
def test_concepts_are_compared_with_their_ratings(
    study: ModuleType, published: Path, images: Path, small: tuple[str, ...], tmp_path: Path
) -> None:
    """Rows of RDMs are concepts; the RDM of sizes is what scipy makes of the published numbers."""
    from lens_pipeline import open_run
    from lens_pipeline.pipeline.analysis.brain import open_all
    from lens_pipeline.pipeline.config import read_config

    words = [
        *(str(published), "--images", str(images), "--output", str(tmp_path)),
        *("--models", "cornet_z", "--weights", "cornet_z=none", "--twins", "1"),
    ]
    assert study.main([*words, *small, "model.preprocessing.crop=64"]) == 0
    concepts = {path.name for path in (images / "object_images").iterdir()}
    run = open_run(next(tmp_path.glob("cornet_z-*")))
    ids = list(run.rdms.pattern_descriptors["stimulus_id"])
    assert set(ids) == concepts
    references = {one.name: one for one in open_all(read_config(run.config), ids)}
    assert list(references) == ["animacy", "manipulability", "affect", "size", "categories"]
    size = pd.read_csv(tmp_path / "ratings" / "size.csv", index_col=0).loc[ids]
    assert references["size"].rdms.dissimilarities[0] == pytest.approx(pdist(size), rel=1e-5)
    scores = pd.read_csv(tmp_path / "study.csv")
    assert set(scores["n_stimuli"]) == {len(concepts)}
    page = html.unescape((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "<h1>What of people's ratings of object concepts" in page


def test_images_are_needed(
    study: ModuleType, published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that is not there is one sentence, and nothing is written."""
    words = ["--images", str(tmp_path / "none"), "--output", str(tmp_path / "o")]
    assert study.main([str(published), *words]) == 2
    error = capsys.readouterr().err
    assert "images of THINGS, object_images/CONCEPT/CONCEPT_01b.jpg" in error
    assert not (tmp_path / "o").exists()
