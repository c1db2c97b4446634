"""open_things: the official order and names decide, and a wrong folder is described."""

from __future__ import annotations

import shutil

import pytest

from lens_pipeline.errors import StimulusError
from lens_pipeline.stimulus_set import open_stimuli
from tests.stimulus_set.makers import write_images, write_things

# official order is not alphabetical, and concepts contain underscores and hyphens
CONCEPTS = ["camera_lens", "camera1", "camera2", "hot_tub", "hot-air_balloon", "ice-cream_cone"]
STEMS = [f"{concept}_{n:02d}{'b' if n == 1 else 's'}" for concept in CONCEPTS for n in (1, 2)]


def opened(root):
    return open_stimuli("things", root=root)


def concept_list(path, concepts=CONCEPTS):
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{concept.strip('12')}\t{concept}\tx" for concept in concepts]
    path.write_text("\n".join(["Word\tuniqueID\tother", *rows]))


def test_without_lists_concepts_are_sorted(tmp_path):
    """Ids are stems, the concept is all before the last underscore."""
    found = opened(write_things(tmp_path, STEMS)).stimuli
    assert found.ids == tuple(sorted(STEMS, key=lambda s: (s.rsplit("_", 1)[0], s)))
    assert found.labels["concept"] == tuple(one.rsplit("_", 1)[0] for one in found.ids)
    assert found.files[0] == "camera1/camera1_01b.jpg"
    assert (found.root / found.files[0]).is_file()
    assert not found.account.missing


@pytest.mark.parametrize(
    "place",
    [
        "things_concepts.tsv",
        "02_object-level/_concepts-metadata_things.tsv",
        "../things_concepts.tsv",
    ],
)
def test_official_concept_order_is_used(tmp_path, place):
    """The list is found in, under and beside the folder."""
    root = write_things(tmp_path / "images of things", STEMS)
    concept_list(root / place)
    assert opened(root).stimuli.ids == tuple(STEMS)


def test_headerless_ids_and_image_paths(tmp_path):
    """The two lists of the published archive without a header are read."""
    root = write_things(tmp_path, STEMS)
    (root / "Metadata").mkdir()
    (root / "Metadata" / "unique_id.csv").write_text("\n".join(CONCEPTS))
    (root / "01_image-level").mkdir()
    lines = [f"images/{stem.rsplit('_', 1)[0]}/{stem}.jpg" for stem in reversed(STEMS)]
    (root / "01_image-level" / "image-paths.csv").write_text("\n".join(lines))
    expected = [stem for k in range(0, len(STEMS), 2) for stem in STEMS[k : k + 2][::-1]]
    assert opened(root).stimuli.ids == tuple(expected)


def test_unknown_concepts_and_names_are_refused_and_missing_ones_counted(tmp_path):
    """What is not official stays out with its reason; what is absent is counted."""
    root = write_things(tmp_path, [*STEMS[:4], "cammera1_01b", "camera1_09z"])
    write_images(root / "object_images", ["camera1/camera2_01b.jpg", "camera1/holiday.jpg"])
    (root / "object_images" / "camera1" / "readme.txt").touch()
    (root / "object_images" / ".DS_Store").touch()
    concept_list(root / "things_concepts.tsv")
    names = [f"{stem}.jpg" for stem in STEMS]
    (root / "file_names_THINGS.txt").write_text("\n".join(names))
    account = opened(root).stimuli.account
    reasons = dict(account.refused)
    assert "nearest: camera1" in reasons["cammera1/cammera1_01b.jpg"]
    assert "not among the official image names" in reasons["camera1/camera1_09z.jpg"]
    assert "belongs into the folder camera2/" in reasons["camera1/camera2_01b.jpg"]
    assert "<concept>_<number><letter>" in reasons["camera1/holiday.jpg"]
    assert ".txt is not JPEG" in reasons["camera1/readme.txt"]
    assert (account.listed, account.ignored, account.missing, account.missing_concepts) == (
        4,
        1,
        8,
        4,
    )
    assert account.found == account.listed + len(account.refused) + account.ignored


def test_folder_of_concepts_itself_is_accepted_and_lists_in_it_are_ignored(tmp_path):
    """stimuli.root may be object_images, with the lists inside."""
    root = write_things(tmp_path, STEMS) / "object_images"
    concept_list(root / "things_concepts.tsv")
    found = opened(root).stimuli
    assert found.ids == tuple(STEMS)
    assert (found.account.refused, found.account.ignored) == ((), 1)


def test_same_stem_twice_names_both_files(tmp_path):
    """The same picture as .jpg and .png is ambiguous."""
    root = write_things(tmp_path, STEMS)
    write_images(root / "object_images", ["hot_tub/hot_tub_01b.png"])
    with pytest.raises(StimulusError, match=r"hot_tub_01b\.jpg and hot_tub/hot_tub_01b\.png"):
        opened(root)


def test_mixed_up_folder_says_what_was_seen(tmp_path):
    """A flat folder of pictures is described, and the way on is named."""
    write_images(tmp_path, ["aloe.png", "cactus.png"])
    (tmp_path / "notes.txt").touch()
    with pytest.raises(StimulusError, match=r"2 \.png, 1 \.txt, such as aloe.*use stimuli=folder"):
        opened(tmp_path)


def test_folder_that_fits_no_list_names_the_list(tmp_path):
    """When every concept is unknown, the list they were checked against is named."""
    root = write_things(tmp_path, ["zebu_01b"])
    concept_list(root / "things_concepts.tsv")
    with pytest.raises(
        StimulusError, match=r"checked against .*things_concepts\.tsv.*'zebu' is no"
    ):
        opened(root)


def test_empty_folder(tmp_path):
    """An empty folder is called empty."""
    with pytest.raises(StimulusError, match="it is empty"):
        opened(tmp_path)


def test_damaged_lists(tmp_path):
    """A list without its column, and one that repeats a name."""
    root = write_things(tmp_path, STEMS)
    (root / "things_concepts.tsv").write_text("Word\tID\nx\ty\n")
    with pytest.raises(StimulusError, match="no column 'uniqueID'"):
        opened(root)
    concept_list(root / "things_concepts.tsv", [*CONCEPTS, "hot_tub"])
    with pytest.raises(StimulusError, match="repeats a name"):
        opened(root)


def test_paths_looked_at_in_vain_are_reported(tmp_path):
    """A list that appears later must be noticed, so its possible places are known."""
    root = write_things(tmp_path / "t", STEMS)
    assert root / "things_concepts.tsv" in opened(root).missing
    concept_list(root / "things_concepts.tsv")
    assert root / "things_concepts.tsv" not in opened(root).missing


def test_real_lists(test_data, tmp_path):
    """With 1,854 concepts and 26,107 names, concept order and counts are the official ones."""
    names = (test_data / "things" / "file_names_THINGS.txt").read_text().split()
    stems = [name.removesuffix(".jpg") for name in names]
    wanted = {
        "camera_lens",
        "camera1",
        "hot_chocolate",
        "hot-air_balloon",
        "pepper_mill",
        "pepper1",
    }
    chosen = [stem for stem in stems if stem.rsplit("_", 1)[0] in wanted]
    root = write_things(tmp_path / "t", chosen)
    for file in ("file_names_THINGS.txt", "things_concepts.tsv"):
        shutil.copy(test_data / "things" / file, root)
    found = opened(root).stimuli
    rows = (test_data / "things" / "things_concepts.tsv").read_text().splitlines()[1:]
    order = [row.split("\t")[1] for row in rows]
    expected = sorted(chosen, key=lambda stem: (order.index(stem.rsplit("_", 1)[0]), stem))
    assert found.ids == tuple(expected) != tuple(sorted(chosen))
    assert found.account.missing == 26107 - len(chosen)
    assert found.account.missing_concepts == 1854 - len(wanted)
    assert list(dict.fromkeys(found.labels["concept"]))[:2] == ["camera_lens", "camera1"]
