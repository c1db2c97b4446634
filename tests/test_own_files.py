"""The user's own files behind a module, found without running any."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from lens_pipeline.own_files import find_module, forget_changed, own_files

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = {
    "lens_own.py": "import lens_beside\ndef late():\n    import lens_late",
    "lens_pack/__init__.py": "",
    "lens_pack/net.py": "from .deep import layers\nfrom . import names\nimport lens_beside",
    "lens_pack/names.py": "raise RuntimeError",
    # a folder without __init__.py
    "lens_pack/deep/layers.py": "from torch import nn",
    "lens_beside.py": "import numpy, json, torch.nn.functional, lens_pipeline.errors, lens_absent",
    "lens_late.py": "from lens_pack import net",
    "lens_unused.py": "",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with modules that import each other."""
    for name, text in TEXTS.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_all_that_is_imported_is_found(folder: Path) -> None:
    """Beside it and in packages, through each other, in functions too; libraries are not."""
    wanted = {folder / name for name in TEXTS} - {folder / "lens_unused.py"}
    found = own_files("lens_own")
    assert set(found.values()) == wanted
    assert next(iter(found)) == "lens_own"
    assert found["lens_pack.deep.layers"] == folder / "lens_pack" / "deep" / "layers.py"


def test_nothing_is_run(folder: Path) -> None:
    """Neither a module nor the packages above it."""
    before, path = set(sys.modules), list(sys.path)
    assert "lens_pack.names" in own_files("lens_own")
    assert not {name for name in set(sys.modules) - before if name.startswith("lens_")}
    assert sys.path == path


def test_a_library_has_no_own_files() -> None:
    """Nor has this package, nor a module of Python's, nor one that is not there."""
    assert [own_files(name) for name in ("torch", "lens_pipeline.cli", "json", "lens_absent")] == [
        {}
    ] * 4


def test_a_file_that_is_no_python_ends_the_walk(folder: Path) -> None:
    """It counts, and what it might import does not."""
    (folder / "lens_beside.py").write_text("import lens_unused\n(")
    found = own_files("lens_own")
    assert "lens_beside" in found
    assert "lens_unused" not in found


def test_modules_of_changed_files_are_forgotten(folder: Path, monkeypatch) -> None:
    """All of them, since the one that did not change holds names of the one that did."""
    for name in ("lens_own", "lens_beside", "lens_unused"):
        monkeypatch.setitem(sys.modules, name, sys)
    forget_changed("lens_own")
    assert "lens_own" in sys.modules
    (folder / "lens_beside.py").write_text("import json")
    forget_changed("lens_own")
    assert not {"lens_own", "lens_beside"} & set(sys.modules)
    assert "lens_unused" in sys.modules


def test_a_module_that_is_not_there() -> None:
    """It has no file, and neither has one below it."""
    assert find_module("lens_absent.below") is None
