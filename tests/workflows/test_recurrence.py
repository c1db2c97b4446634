"""The study of recurrence: twins that share weights, planned and guarded comparisons, its stamp."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from lens_pipeline.models import cornet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType


@pytest.fixture(scope="module")
def twins(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("recurrence/twins")


@pytest.fixture(scope="module")
def study(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("recurrence/study")


@pytest.fixture(scope="module")
def passes(study: ModuleType) -> ModuleType:
    """The module that the study imports from its own folder."""
    import sys

    return sys.modules["passes"]


def _outputs(net: torch.nn.Module) -> dict[str, list[torch.Tensor]]:
    """Return what each area gave at each pass, by a plain hook."""
    seen: dict[str, list[torch.Tensor]] = {}
    for area in ("V1", "V2", "V4", "IT"):
        output = net.get_submodule(f"{area}.output")
        output.register_forward_hook(
            lambda _module, _inputs, value, area=area: seen.setdefault(area, []).append(
                value.clone()
            )
        )
    with torch.no_grad():
        net.eval()(torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
    return seen


def test_twin_of_cornet_s_is_its_first_passes(twins: ModuleType) -> None:
    """A state dict fits both; V1 and pass 1 of V2 agree, and no area has a second pass."""
    net, twin = cornet.cornet_s(num_classes=4), twins.cornet_s(num_classes=4)
    twin.load_state_dict(net.state_dict())
    ours, once = _outputs(net), _outputs(twin)
    assert {area: len(values) for area, values in ours.items()} == {
        "V1": 1,
        "V2": 2,
        "V4": 4,
        "IT": 2,
    }
    assert all(len(values) == 1 for values in once.values())
    assert torch.equal(once["V1"][0], ours["V1"][0])
    assert torch.equal(once["V2"][0], ours["V2"][0])
    assert not torch.equal(once["V4"][0], ours["V4"][0])


def test_twin_of_cornet_rt_is_one_sweep(twins: ModuleType) -> None:
    """A state dict fits both, V1 agrees with pass 1, and a signal reaches IT in one pass."""
    net, twin = cornet.cornet_rt(num_classes=4), twins.cornet_rt(num_classes=4)
    twin.load_state_dict(net.state_dict())
    ours, once = _outputs(net), _outputs(twin)
    assert all(len(values) == 1 for values in once.values())
    assert torch.equal(once["V1"][0], ours["V1"][0])
    assert not torch.equal(once["IT"][0][0], once["IT"][0][1])
    assert torch.equal(ours["IT"][0][0], ours["IT"][0][1])


def _comparisons(folder: Path) -> Path:
    """A run whose V4 gains 0.2 from pass 1 to 4; rows are the earlier pass less the later one.

    The same is there for data with a time axis, of which nothing was planned.
    """
    rows = [
        {"layer": "V4", "pass": one, "other_layer": "V4", "other_pass": other, "difference": -gain}
        for one, other, gain in ((1, 2, 0.05), (1, 4, 0.2), (2, 4, 0.15))
    ]
    rows.append({"layer": "V2", "pass": 1, "other_layer": "V4", "other_pass": 1, "difference": 0.4})
    shared = {"reference": "it", "measure": "spearman", "sem": 0.01, "p_value": 0.001}
    timed = [{**row, "reference": "meg@100ms"} for row in rows]
    pd.DataFrame([{**shared, **row} for row in [*rows, *timed]]).to_csv(folder / "comparisons.csv")
    times = pd.DataFrame({"reference": ["it", "meg@100ms"], "time_ms": [np.nan, 100.0]})
    times.to_csv(folder / "scores.csv")
    return folder


def test_gain_is_the_last_pass_less_the_first(passes: ModuleType, tmp_path: Path) -> None:
    """Signs are turned so that a gain is positive; other layers are not among the comparisons."""
    gains = passes.pass_gains({"net": _comparisons(tmp_path)})
    assert len(gains) == 1
    row = gains.iloc[0]
    assert (row["layer"], row["pass"], row["other_pass"]) == ("V4", 4, 1)
    assert row["difference"] == pytest.approx(0.2)
    assert row["p_corrected"] == pytest.approx(0.001)


def test_conclusions_on_passes_follow_from_corrected_p(passes: ModuleType, tmp_path: Path) -> None:
    """A gain that is planned is said of the area and its passes, by its corrected p alone."""
    from answers import sentences

    gains = passes.pass_gains({"net": _comparisons(tmp_path)})
    (said,) = sentences(passes.planned(gains))
    assert said == "net, V4 at pass 4 is closer than pass 1 to it (+0.200, p 0.001)."
    (said,) = sentences(passes.planned(gains.assign(p_corrected=np.nan)))
    assert said == "net, V4 at pass 4 cannot be told apart from pass 1 on it (+0.200, p unknown)."


@pytest.fixture(scope="module")
def cells(data92: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Responses of ten cells at three times to the 92 images."""
    ids = sorted(path.stem for path in (data92 / "images_white").iterdir())
    times = [50.0, 100.0, 150.0]
    path = tmp_path_factory.mktemp("cells") / "cells.nc"
    xr.DataArray(
        np.random.default_rng(0).normal(size=(len(ids), 10, 3)),
        dims=("presentation", "neuroid", "time_bin"),
        coords={
            "stimulus_id": ("presentation", ids),
            "region": ("neuroid", ["IT"] * 10),
            "time_bin_start": ("time_bin", times),
            "time_bin_end": ("time_bin", [time + 20 for time in times]),
        },
        name="cells",
    ).to_netcdf(path)
    return path


@pytest.fixture(scope="module")
def output(
    study: ModuleType,
    data92: Path,
    cells: Path,
    small: tuple[str, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The demonstration with random weights and data with a time axis."""
    folder = tmp_path_factory.mktemp("recurrence")
    words = ["--weights", "random", "--seeds", "1", "--output", str(folder), "--time", str(cells)]
    few = ("model.preprocessing.resize=32", "stimuli.limit=24")
    assert study.main([str(data92), *words, *small, *few]) == 0
    return folder


@pytest.mark.slow
def test_demonstration_with_random_weights_is_stamped(output: Path) -> None:
    """Net and twin run on both sets of images; every table and figure says what it is not."""
    for name in ("study", "gains", "guarded", "differences", "conclusions"):
        table = pd.read_csv(output / f"{name}.csv")
        assert table["stand_in"].str.startswith("random weights were asked for").all()
    said = pd.read_csv(output / "conclusions.csv")["says"]
    (pair,) = said[said.str.contains("CORnet-S untrained .* CORnet-S once untrained")]
    assert pair.count(", p ") == 4
    passes = said[said.str.contains("at pass 2 .* pass 1")]
    assert [text.count(", p ") for text in passes] == [4, 4]
    for name in ("scores_guarded", "scores_passes", "time_spearman"):
        picture = (output / "figures" / f"{name}.svg").read_text(encoding="utf-8")
        assert picture.count("#c40000") > 0
    page = (output / "report.html").read_text(encoding="utf-8")
    assert "<h1>Does recurrence make" in page
    assert pair in html.unescape(page)
    assert '<p class="alarm"><strong>Stand-in.</strong> random weights were asked for' in page


@pytest.mark.slow
def test_data_with_times_have_a_map_and_no_conclusion(output: Path) -> None:
    """Each pass has a score at each time, the map is on the page, and nothing else is said."""
    scores = pd.read_csv(output / "study.csv").dropna(subset="time_ms")
    assert set(scores["time_ms"]) == {50.0, 100.0, 150.0}
    net = scores[scores["job"] == "CORnet-S untrained 0"]
    assert len(net) == 3 * len(net[["layer", "pass"]].drop_duplicates()) == 15
    for kind in ("svg", "png", "csv"):
        assert (output / "figures" / f"time_spearman.{kind}").is_file()
    assert "boxes: when passes are said to be" in (output / "report.html").read_text()
    for name in ("gains", "guarded", "differences"):
        references = pd.read_csv(output / f"{name}.csv")["reference"]
        assert set(references) == {"rdms_it:human_IT", "rdms_it:monkey_IT",
                                   "fmri_IT_RDMs", "fmri_EVC_RDMs"}  # fmt: skip


def test_a_file_of_times_that_is_not_there(
    study: ModuleType, data92: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence, before anything is planned."""
    words = ["--weights", "random", "--time", "nowhere.nc", "--output", str(tmp_path / "o")]
    assert study.main([str(data92), *words]) == 2
    assert "nowhere.nc (responses or RDMs with a time axis)" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_weights_of_a_trained_net_are_needed(
    study: ModuleType, data92: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without published weights the study stops and says what to give."""
    assert study.main([str(data92), "--output", str(tmp_path / "o")]) == 2
    error = capsys.readouterr().err
    assert "cornet_s-1d3f7974" in error
    assert "model.weights=FILE" in error
    assert not (tmp_path / "o").exists()


def test_nothing_to_run(
    study: ModuleType, data92: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No trained net and no untrained ones are no study."""
    words = ["--weights", "random", "--seeds", "0", "--output", str(tmp_path / "o")]
    assert study.main([str(data92), *words]) == 2
    assert "--weights random needs --seeds 1 or more" in capsys.readouterr().err


def test_help_teaches(study: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """The question, commands that run, and every option."""
    with pytest.raises(SystemExit, match="0"):
        study.main(["--help"])
    text = capsys.readouterr().out
    for word in ("feed-forward twin", "--weights cornet_s.pth", "--time", "SETTING=VALUE"):
        assert word in text
