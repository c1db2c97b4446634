"""The config as one frozen value."""

from typing import Any

import pytest

from lens_pipeline.errors import ConfigError
from lens_pipeline.models.spec import ModelSpec
from lens_pipeline.pipeline.config import (
    config_digest,
    model_spec,
    plain_config,
    read_config,
    setting_names,
)

PLAIN: dict[str, Any] = {
    "model": {"source": "cornet", "name": "cornet_s", "arguments": {"times": [1, {"a": 2}]}},
    "stimuli": {"source": "folder", "name": "mine", "root": "images"},
    "layers": ["V1.output", 7],
    "rsa": {"reference": "brain.npz:IT"},
}


def changed(**groups: Any) -> dict[str, Any]:
    """PLAIN with some settings replaced."""
    merged = dict(PLAIN)
    for name, value in groups.items():
        merged[name] = {**PLAIN.get(name, {}), **value} if isinstance(value, dict) else value
    return merged


def test_plain_and_frozen_are_the_same_config() -> None:
    """What plain_config writes, read_config reads back."""
    config = read_config(PLAIN)
    assert read_config(plain_config(config)) == config
    assert config.layers == ("V1.output", "7")


def test_the_model_becomes_a_spec() -> None:
    """Nested arguments arrive in the spec's hashable form."""
    spec = model_spec(read_config(PLAIN))
    assert isinstance(spec, ModelSpec)
    assert hash(spec)
    assert (spec.source, spec.name, spec.weights) == ("cornet", "cornet_s", "default")


def test_all_errors_come_at_once() -> None:
    """One ConfigError has every path, with the nearest names of unknown keys."""
    wrong = changed(
        model={"seed": -1},
        runtime={"batch_size": 0, "thread": 2},
        assets="strikt",
        layer="auto",
    )
    with pytest.raises(ConfigError) as caught:
        read_config(wrong)
    assert str(caught.value) == (
        "The config has 5 errors: unknown setting layer (nearest: layers); "
        "expected an int of 0 or more @ model.seed, not -1; "
        "unknown setting runtime.thread (nearest: threads); "
        "expected a positive int @ runtime.batch_size, not 0; "
        "expected one of auto, strict @ assets, not 'strikt'."
    )


def test_a_model_and_stimuli_have_to_be_given() -> None:
    """There is no default model outside conf/."""
    with pytest.raises(ConfigError, match="expected a group of settings @ model, not null"):
        read_config({"stimuli": PLAIN["stimuli"]})


def test_no_layers_is_an_error() -> None:
    """An empty list is never silently nothing."""
    with pytest.raises(ConfigError, match=r"layers is empty: give auto, all, or selectors"):
        read_config(changed(layers=[]))


def test_an_address_needs_dask() -> None:
    """A scheduler's address is of no use to the serial executor."""
    with pytest.raises(ConfigError, match=r"executor.address needs executor=address or"):
        read_config(changed(executor={"name": "serial", "address": "tcp://x:1"}))


@pytest.mark.parametrize(
    "other",
    [
        {"model": {"seed": 1}},
        {"stimuli": {"limit": 3}},
        {"layers": "all"},
        {"postfunction": "flatten"},
        {"rsa": {"method": "cosine"}},
        {"runtime": {"threads": 2}},
        {"runtime": {"mode": "fast"}},
        {"assets": "strict"},
    ],
)
def test_the_digest_changes_with_what_the_results_are(other: dict[str, Any]) -> None:
    """Two jobs with different results have different run folders."""
    assert config_digest(read_config(changed(**other))) != config_digest(read_config(PLAIN))


@pytest.mark.parametrize(
    "other",
    [
        {"executor": {"name": "dask", "workers": 4}},
        {"run": {"folder": "elsewhere", "shard_megabytes": 1}},
        {"runtime": {"batch_size": 5, "certify": False}},
    ],
)
def test_the_digest_ignores_where_and_how_fast(other: dict[str, Any]) -> None:
    """A job that is finished by another executor is the same job."""
    assert config_digest(read_config(changed(**other))) == config_digest(read_config(PLAIN))


def test_setting_names_cover_groups_and_members() -> None:
    """Nearest names are looked for among these."""
    assert {"model", "layers", "model.weights", "run.shard_megabytes"} <= set(setting_names())
