"""What to cite."""

from __future__ import annotations

from lens_pipeline.report.citations import citations
from tests.report.conftest import CONFIG


def _keys(config: dict[str, object]) -> list[str]:
    return [entry.partition("{")[2].partition(",")[0] for entry in citations(config)]


def test_model_stimuli_brain_methods_and_software_are_cited_once() -> None:
    """Each part of a run brings its entries, the brain data those of their own config."""
    assert _keys(CONFIG) == [
        *("he2016resnet", "hebart2019things", "a2000", "b2001", "kriegeskorte2008rsa"),
        *("vandenbosch2025rsatoolbox", "nili2014toolbox", "schutt2023inference"),
        *("schrimpf2018brainscore", "kornblith2019cka"),
        *("paszke2019pytorch", "hoyer2017xarray"),
    ]


def test_the_longest_name_that_fits_decides() -> None:
    """CORnet-S has a paper of its own; a model that nobody knows has none."""
    names = {name: {**CONFIG, "model": {"name": name}} for name in ("cornet_s", "cornet_z", "mine")}
    assert _keys(names["cornet_s"])[0] == "kubilius2019brainlike"
    assert _keys(names["cornet_z"])[0] == "kubilius2018cornet"
    assert _keys(names["mine"])[0] == "hebart2019things"


def test_without_a_bootstrap_its_paper_is_not_cited() -> None:
    """Only what was used is cited."""
    config = {**CONFIG, "rsa": {"bootstrap": 0}, "encoding": {}, "brain": None}
    keys = _keys(config)
    assert "schutt2023inference" not in keys
    assert "kornblith2019cka" not in keys
    assert "a2000" not in keys


def test_without_a_reference_nothing_is_inferred() -> None:
    """Of activations alone not even the method is cited."""
    config = {**CONFIG, "brain": None}
    assert "schutt2023inference" not in _keys(config)
    assert "kriegeskorte2008rsa" in _keys(config)
    assert "kriegeskorte2008rsa" not in _keys({**config, "rsa": {"method": "none"}})


def test_methods_bring_their_own_papers() -> None:
    """Whitened measures, noise normalisation, and whose ridge it is."""
    config = {**CONFIG, "encoding": {"methods": ["ridge"]}}
    config["rsa"] = {**CONFIG["rsa"], "measure": ["spearman", "whitened_pearson"]}
    plain = _keys(config)
    assert "diedrichsen2021whitened" in plain
    assert "dupredlatour2022banded" in plain
    assert "walther2016reliability" not in plain
    config["brain"] = {**CONFIG["brain"], "method": "crossnobis"}
    assert "walther2016reliability" in _keys(config)
