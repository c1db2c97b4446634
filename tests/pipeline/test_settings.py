"""Reading settings: kinds, and errors with their path."""

import dataclasses
from pathlib import Path

import pytest

from lens_pipeline.pipeline import settings
from lens_pipeline.pipeline.settings import one_of, optional, read_section, read_value, setting


@dataclasses.dataclass(frozen=True)
class Toy:
    name: str = setting(settings.TEXT)
    count: int = setting(settings.POSITIVE_INT, 3)


def test_a_section_is_read_with_its_defaults() -> None:
    """What is not given keeps the field's default."""
    assert read_section(Toy, {"name": "x"}, "toy") == (Toy("x", 3), [])


def test_every_error_of_a_section_is_told_with_its_path() -> None:
    """Unknown, wrong and missing settings come together."""
    section, errors = read_section(Toy, {"name_": "x", "count": 0}, "toy")
    assert section is None
    assert errors == [
        "unknown setting toy.name_ (nearest: name)",
        "expected a word @ toy.name, not nothing",
        "expected a positive int @ toy.count, not 0",
    ]


@pytest.mark.parametrize("value", [None, 3, "x", ["name"]])
def test_what_is_no_group_is_refused(value: object) -> None:
    """A section must be a mapping."""
    assert "expected a group of settings @ toy" in read_section(Toy, value, "toy")[1][0]


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        (settings.TEXT, "a", "a"),
        (settings.TEXT, 7, "7"),
        (settings.TEXTS, "a", ("a",)),
        (settings.TEXTS, ["a", -17], ("a", "-17")),
        (settings.TEXTS, None, ()),
        (settings.NATURAL, 0, 0),
        (settings.POSITIVE, 0.5, 0.5),
        (settings.SHARE, 1, 1.0),
        (settings.PAIRS, {"b": [1], "a": {"c": 2}}, (("a", {"c": 2}), ("b", [1]))),
        (settings.DEVICE, "cuda:1", "cuda:1"),
        (settings.FILE_OR_NAME, "IMAGENET1K_V1", "IMAGENET1K_V1"),
        (optional(settings.TEXT), None, None),
        (one_of("a", "b"), "b", "b"),
    ],
)
def test_values_that_are_allowed(kind: settings.Kind, value: object, read: object) -> None:
    """Each kind turns a config's value into the dataclass's."""
    assert read_value(kind, value, "x") == (read, [])


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (settings.TEXT, ""),
        (settings.TEXT, True),
        (settings.TEXTS, [None]),
        (settings.NATURAL, -1),
        (settings.NATURAL, 1.5),
        (settings.POSITIVE_INT, True),
        (settings.POSITIVE, float("nan")),
        (settings.SHARE, 1.001),
        (settings.SHARE, 0),
        (settings.PAIRS, [1]),
        (settings.DEVICE, "gpu"),
        (settings.DEVICE, "cuda:x"),
        (settings.OPTIONAL_PATH, 3),
        (one_of("a", "b"), ["a"]),
    ],
)
def test_values_that_are_not_allowed(kind: settings.Kind, value: object) -> None:
    """The error names what was expected, where, and what was there."""
    read, errors = read_value(kind, value, "group.name")
    assert read is None
    assert errors[0].startswith(f"expected {kind.expected} @ group.name, not ")


def test_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Config means the same in every working directory; ~ is the home folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")
    assert read_value(settings.OPTIONAL_PATH, "a/b", "x")[0] == tmp_path / "a/b"
    assert read_value(settings.OPTIONAL_PATH, "~/b", "x")[0] == Path("/home/someone/b")
    assert read_value(settings.PATHS, ["r.npz:IT"], "x")[0] == (str(tmp_path / "r.npz:IT"),)


def test_a_name_that_is_a_file_here_is_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """model.weights=mine.pth is a path where such a file is, a name elsewhere."""
    monkeypatch.chdir(tmp_path)
    assert read_value(settings.FILE_OR_NAME, "mine.pth", "x")[0] == "mine.pth"
    (tmp_path / "mine.pth").touch()
    assert read_value(settings.FILE_OR_NAME, "mine.pth", "x")[0] == str(tmp_path / "mine.pth")


def test_long_values_are_cut_in_errors() -> None:
    """An error stays one line whatever was given."""
    assert len(read_value(settings.NATURAL, "x" * 1000, "a")[1][0]) < 120
