from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from lens_pipeline.errors import StoreError
from lens_pipeline.exports.formats import EXPORTS, export_tree
from lens_pipeline.exports.parts import part_bytes, parts_of, place_name


def test_the_one_pass_that_was_kept_stands_in_the_name() -> None:
    """A later pass of a recurrent layer is not to be taken for the first."""
    names = {
        n: place_name(SimpleNamespace(layer="IT", number=n, one_of_many=False)) for n in (1, 2)
    }
    assert names == {1: "IT", 2: "IT_pass2"}


@pytest.mark.parametrize("name", EXPORTS)
def test_every_format_says_what_it_loses_and_counts_its_bytes(tree, tmp_path, name):
    """The account lies beside the data; nothing half-written does."""
    seen = []
    lost = export_tree(tree, tmp_path / "out", name, done=seen.append)
    account = json.loads((tmp_path / "out" / "export.json").read_text())
    assert account["lost"] == lost
    assert (account["format"], account["model"], account["seed"]) == (name, "net", "3")
    assert sum(seen) == sum(part_bytes(part) for part in parts_of(tree))
    assert not list((tmp_path / "out").rglob("*.part"))


@pytest.mark.parametrize("name", EXPORTS)
def test_some_layers_can_be_exported_alone(tree, tmp_path, name):
    """And one that is not there is an error with the nearest names."""
    export_tree(tree, tmp_path / "out", name, layers=["blocks/0"])
    found = [path.name for path in (tmp_path / "out").iterdir() if path.name != "export.json"]
    assert len(found) == 1
    assert "blocks%2F0" in found[0]
    with pytest.raises(StoreError, match=r"'V1.outpt' is not in this store; nearest: V1.output"):
        export_tree(tree, tmp_path / "out", name, layers=["V1.outpt"])


def test_an_unknown_format_is_refused(tree, tmp_path):
    """With the nearest names, before anything is made."""
    with pytest.raises(StoreError, match="no export to 'net2brian'; nearest: net2brain"):
        export_tree(tree, tmp_path / "out", "net2brian")
    assert not (tmp_path / "out").exists()


FULL = """
import sys, resource, signal
from pathlib import Path
from lens_pipeline.exports.formats import export_tree
from lens_pipeline.store.trees import open_activations
tree = open_activations(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), resource.RLIM_INFINITY))
export_tree(tree, Path(sys.argv[2]), sys.argv[3])
"""


@pytest.mark.parametrize("size", [100, 900])
@pytest.mark.parametrize("name", EXPORTS)
def test_a_full_disk_leaves_no_half_file(folder, tmp_path, name, size):
    """A file size limit stands for the disk; one sentence, and what is there is whole."""
    out = tmp_path / "out"
    command = [sys.executable, "-c", FULL, str(folder), str(out), name, str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "nothing of it was kept" in done.stderr.splitlines()[-1], done.stderr
    assert not list(out.rglob("*.part"))
    assert not (out / "export.json").exists()


KILLED = """
import sys, time
from pathlib import Path
from lens_pipeline.exports.formats import export_tree
from lens_pipeline.store.trees import open_activations
def wait(done):
    print("writing", flush=True)
    time.sleep(60)
export_tree(open_activations(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], done=wait)
"""


@pytest.mark.parametrize("name", EXPORTS)
def test_a_killed_export_leaves_nothing_that_looks_whole(folder, tmp_path, name):
    """Only hidden files stay; the run is untouched and the export can be given again."""
    out = tmp_path / "out"
    command = [sys.executable, "-c", KILLED, str(folder), str(out), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "writing\n"
        time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    left = [path for path in out.rglob("*") if path.is_file()]
    assert left
    assert all(path.name.startswith(".") for path in left)


def test_blocks_of_rows_are_the_layer(tree, expected, monkeypatch):
    """However small they are."""
    from lens_pipeline.exports import parts

    monkeypatch.setattr(parts, "_BLOCK", 300)
    for part in parts_of(tree):
        values = np.concatenate(list(part.rows()))
        np.testing.assert_array_equal(values, expected[part.layer, part.number])
        assert values.dtype == part.dtype
