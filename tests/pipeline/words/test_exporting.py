"""`export RUN FORMAT` from the command line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lens_pipeline.errors import ConfigError
from lens_pipeline.exports.formats import EXPORTS
from lens_pipeline.pipeline.cli import main
from lens_pipeline.pipeline.job.job import run_job
from lens_pipeline.pipeline.words.exporting import EXPORT_NAMES, beside, export_words
from lens_pipeline.store.trees import layer_pass, open_activations


def test_a_run_is_exported_beside_itself(
    study: Path, plain: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """In each format; the run is still finished, and what is lost is said."""
    folder = run_job(plain)
    before = {path for path in folder.rglob("*") if path.is_file()}
    for name, export in EXPORTS.items():
        capsys.readouterr()
        assert main(["export", "out", name]) == 0
        out = capsys.readouterr().out
        assert f"exported: out.{name} (" in out
        assert f"  not kept: {export.lost[0]}" in out
    assert {path for path in folder.rglob("*") if path.is_file()} == before
    features = np.load(study / "out.thingsvision" / "cell_pass2" / "features.npy")
    with open_activations(folder) as tree:
        expected = layer_pass(tree, "cell", pass_number=2).to_numpy()
    np.testing.assert_array_equal(features, expected)


def test_some_layers_go_where_they_are_sent(study: Path, plain: dict[str, Any]) -> None:
    """layers= and out= as they are written."""
    run_job(plain)
    assert main(["export", "out", "net2brain", "layers=conv", "out=there"]) == 0
    assert {path.name for path in (study / "there").iterdir()} == {
        "consolidated_conv.npz",
        "export.json",
    }


@pytest.mark.parametrize("words", [["export", "out", "net2brain"], ["repack", "out"]])
def test_a_changed_shard_is_not_given_away(
    study: Path, plain: dict[str, Any], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A copy leaves the checksum behind, so it is looked at before; nothing is written."""
    folder = run_job(plain)
    shard = next((folder / "shards").glob("*.nc"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 4
    shard.write_bytes(data)
    before = set(study.iterdir())
    assert main(words) == 2
    message = "differs from its checksum; delete it and give the run's command again to remake it."
    assert message in capsys.readouterr().err
    assert set(study.iterdir()) == before


def test_what_is_wrong_is_one_sentence(
    study: Path, plain: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2."""
    run_job(plain)
    capsys.readouterr()
    for words, message in (
        (["out"], "export takes a run folder and a format: export RUN brainscore|"),
        (["out", "brainscroe"], "no export to 'brainscroe'; nearest: brainscore"),
        (["out", "brainscore", "layers=cnv"], "Layer 'cnv' is not in this store; nearest: conv"),
        (["nowhere", "brainscore"], "There is no run in nowhere"),
    ):
        assert main(["export", *words]) == 2
        assert message in capsys.readouterr().err
    with pytest.raises(ConfigError, match="has no option layer; nearest: layers"):
        export_words(["out", "brainscore", "layer=a"])


def test_names_of_formats_and_places() -> None:
    """What the error message lists is what there is; a folder called . has a name all the same."""
    assert tuple(EXPORTS) == EXPORT_NAMES
    assert beside(Path("runs/a.b"), ".nc") == Path("runs/a.b.nc")
    assert beside(Path(), ".nc").name == f"{Path.cwd().name}.nc"
