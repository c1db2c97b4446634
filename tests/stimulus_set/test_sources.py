"""open_stimuli: the sources by name, their folders, and the stand-in."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

from lens_pipeline.errors import ConfigError, StimulusError
from lens_pipeline.resources import conf_folder
from lens_pipeline.stimulus_set import STIMULUS_SOURCES, open_stimuli
from tests.stimulus_set.makers import write_images, write_things


@pytest.fixture(autouse=True)
def no_things(monkeypatch):
    monkeypatch.delenv("LENS_THINGS_ROOT", raising=False)


def test_folder_ids_are_relative_stems(tmp_path):
    """Subfolders are in the id and in the label; dots in names stay."""
    write_images(tmp_path, ["b/cat_1.png", "a/x.y.jpg", "top.BMP", "b/deep/1.tif"])
    found = open_stimuli("folder", root=tmp_path).stimuli
    assert found.ids == ("a/x.y", "b/cat_1", "b/deep/1", "top")
    assert found.labels == {"folder": ("a", "b", "b/deep", "")}
    assert found.name == tmp_path.name


def test_folder_accounts_for_every_file(tmp_path):
    """Foreign files are refused with a reason, hidden ones counted, hidden folders not entered."""
    write_images(tmp_path, ["a.png", "b.gif", ".hidden.png", ".git/x.png", "__MACOSX/a.png"])
    for name in ("notes.txt", "Thumbs.db", "noname"):
        (tmp_path / name).touch()
    account = open_stimuli("folder", root=tmp_path).stimuli.account
    assert dict(account.refused) == {
        "b.gif": ".gif is not JPEG, PNG, BMP, WebP or TIFF",
        "noname": "a name without suffix is not JPEG, PNG, BMP, WebP or TIFF",
        "notes.txt": ".txt is not JPEG, PNG, BMP, WebP or TIFF",
    }
    assert (account.found, account.listed, account.ignored) == (6, 1, 2)


def test_same_stem_names_both_files(tmp_path):
    """x.jpg and x.png would be one id."""
    write_images(tmp_path, ["a/x.jpg", "a/x.png"])
    with pytest.raises(StimulusError, match=r"'a/x' belongs to two files.*a/x\.jpg and a/x\.png"):
        open_stimuli("folder", root=tmp_path)


def test_accents_are_spelt_in_one_way(tmp_path):
    """A decomposed accent, as some file systems write it, gives the id with the composed one."""
    write_images(tmp_path, ["ide\u0301a.png"])
    assert open_stimuli("folder", root=tmp_path).stimuli.ids == ("id\u00e9a",)


def test_links_are_followed_and_circles_end(tmp_path):
    """A link to a folder is entered once."""
    write_images(tmp_path / "real", ["1.png"])
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "linked").symlink_to(tmp_path / "real")
    (tmp_path / "set" / "circle").symlink_to(tmp_path / "set")
    assert open_stimuli("folder", root=tmp_path / "set").stimuli.ids == ("linked/1",)


def test_a_link_to_nothing_stops_or_is_refused(tmp_path):
    """As any other image that cannot be read."""
    write_images(tmp_path, ["1.png"])
    (tmp_path / "2.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(StimulusError, match=r"2\.png cannot be read: it is a link to a file that"):
        open_stimuli("folder", root=tmp_path)
    found = open_stimuli("folder", root=tmp_path, on_error="skip").stimuli
    assert found.ids == ("1",)
    assert dict(found.account.refused) == {"2.png": "it is a link to a file that is not there"}


def test_folders_that_cannot_be_used(tmp_path):
    """Missing, empty, without image, a file, not given."""
    with pytest.raises(StimulusError, match=rf"nearest that exists is {tmp_path}\b"):
        open_stimuli("folder", root=tmp_path / "no" / "where")
    with pytest.raises(StimulusError, match="has no image: it is empty"):
        open_stimuli("folder", root=tmp_path)
    (tmp_path / "a.gif").touch()
    with pytest.raises(StimulusError, match=r"it holds 1 \.gif, such as a\.gif"):
        open_stimuli("folder", root=tmp_path)
    with pytest.raises(StimulusError, match="a file where a folder is wanted"):
        open_stimuli("folder", root=tmp_path / "a.gif")
    for source, key in (("folder", "stimuli.root"), ("table", "stimuli.table")):
        with pytest.raises(StimulusError, match=f"needs {key}"):
            open_stimuli(source)


@pytest.mark.parametrize(
    ("words", "wording"),
    [
        ({"source": "thing"}, "stimuli.source is 'thing'; nearest: things"),
        ({"source": "sample", "on_error": "skips"}, "stimuli.on_error is 'skips'; nearest: skip"),
        ({"source": "sample", "assets": "autos"}, "assets is 'autos'; nearest: auto"),
    ],
)
def test_unknown_words_get_the_nearest(words, wording):
    """A misspelt word is a config error."""
    with pytest.raises(ConfigError, match=wording):
        open_stimuli(**words)


def test_sample_stands_in_for_things_and_says_so():
    """Without a THINGS folder the sample is used, announced in one sentence."""
    found = open_stimuli("things")
    assert found.stimuli == open_stimuli("sample").stimuli
    assert found.stand_in.startswith("The bundled sample (64 drawn images) stands in for THINGS")
    assert open_stimuli("sample").stand_in is None


def test_strict_allows_no_stand_in():
    """assets=strict says what to put where."""
    with pytest.raises(StimulusError, match=r"set stimuli\.root or LENS_THINGS_ROOT"):
        open_stimuli("things", assets="strict")


def test_named_folder_is_always_strict(tmp_path, monkeypatch):
    """A folder that the user gave is never replaced by the sample."""
    with pytest.raises(StimulusError, match=r"of stimuli\.root is not there"):
        open_stimuli("things", root=tmp_path / "gone")
    monkeypatch.setenv("LENS_THINGS_ROOT", str(tmp_path / "gone"))
    with pytest.raises(StimulusError, match="of LENS_THINGS_ROOT is not there"):
        open_stimuli("things")
    monkeypatch.setenv("LENS_THINGS_ROOT", str(write_things(tmp_path, ["dog_01b"])))
    found = open_stimuli("things")
    assert (found.stimuli.ids, found.stand_in) == (("dog_01b",), None)


@pytest.mark.parametrize("source", STIMULUS_SOURCES)
def test_each_source_has_a_config(source):
    """conf/stimuli has one file a source, with the keys that the configuration knows."""
    config = yaml.safe_load((conf_folder() / "stimuli" / f"{source}.yaml").read_text())
    assert config == {
        "source": source, "name": source, "root": None, "table": None, "on_error": "stop",
        "limit": None, "cache": "auto", "cache_size": "8GB",
    }  # fmt: skip


@pytest.mark.parametrize("source", STIMULUS_SOURCES)
def test_opening_imports_nothing_heavy(source):
    """Listing imports neither torch, Pillow, NumPy nor pandas; and this check can fail."""
    code = (
        "import sys; from lens_pipeline.stimulus_set import open_stimuli\n"
        f"try: open_stimuli({source!r})\n"
        "except Exception: pass\n"
        "import {extra}\n"
        "print(sorted({{'torch', 'PIL', 'numpy', 'pandas', 'pyarrow'}} & set(sys.modules)))"
    )
    for extra, expected in (("sys", "[]"), ("PIL", "['PIL']")):
        done = subprocess.run(
            [sys.executable, "-c", code.format(extra=extra)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == expected


def test_real_folder_of_photographs(test_data):
    """The 36 BOSS photographs, one concept a file."""
    found = open_stimuli("folder", root=test_data / "boss").stimuli
    assert len(found.ids) == found.account.found == 36
    assert found.ids[:2] == ("aloe01_RE_8", "artichoke01b_RE_9")
