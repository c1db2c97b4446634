"""Settings of brain data and time: what may be given, and that a config survives being written."""

from typing import Any

import pytest

from lens_pipeline.errors import ConfigError
from lens_pipeline.pipeline.config import plain_config, read_config

PLAIN = {
    "model": {"source": "cornet", "name": "cornet_s"},
    "stimuli": {"source": "things", "name": "things"},
}


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (None, ()),
        ("cornet_s", "cornet_s"),
        ({"V1": [50, 100]}, (("V1", (50.0, 100.0)),)),
        ([["V1", [50, 100]]], (("V1", (50.0, 100.0)),)),
    ],
)
def test_time_mappings(given: Any, read: Any) -> None:
    """A preset, a mapping, or the pairs that a written config holds; reading undoes writing."""
    config = read_config({**PLAIN, "rsa": {"time_mapping": given}})
    assert config.rsa.time_mapping == read
    assert read_config(plain_config(config)) == config


@pytest.mark.parametrize("given", [{"V1": 50}, {"V1": [50]}, {"V1": [50, 0]}, 7])
def test_a_mapping_that_is_none_says_what_is(given: Any) -> None:
    """Start and step in ms, and the step is more than 0."""
    with pytest.raises(ConfigError, match=r"\{layer: \[start, step\]\} in ms @ rsa\.time_mapping"):
        read_config({**PLAIN, "rsa": {"time_mapping": given}})


def test_a_flag_is_true_or_false() -> None:
    """Not a word."""
    with pytest.raises(ConfigError, match=r"expected true or false @ rsa\.online, not 'yes'"):
        read_config({**PLAIN, "rsa": {"online": "yes"}})


def test_paths_become_absolute() -> None:
    """A config means the same in every working directory."""
    given = {"rsa": {"noise": "n.npz:V1"}, "brain": {"root": "lab", "files": "x.nc"}}
    config = read_config({**PLAIN, **given})
    assert config.brain.root is not None
    assert config.brain.root.is_absolute()
    assert config.brain.files == ("x.nc",)
    assert str(config.rsa.noise).startswith("/")


@pytest.mark.parametrize(
    ("brain", "sentence"),
    [
        ({"method": "crossnobis"}, "brain.method=crossnobis is about brain.files, and none are"),
        ({"regions": ["IT", "V4"]}, "brain.regions=[IT,V4] is about brain.files"),
        ({"pool": True}, "brain.pool=true is about brain.files"),
    ],
)
def test_how_to_read_files_without_files(brain: dict[str, Any], sentence: str) -> None:
    """Is refused, since it would be ignored; with files it is taken, and so is a name alone."""
    reference = {"rsa": {"reference": "rates.nc"}}
    with pytest.raises(ConfigError) as refused:
        read_config({**PLAIN, **reference, "brain": brain})
    assert str(refused.value).startswith(sentence)
    read_config({**PLAIN, **reference, "brain": {**brain, "files": ["rates.nc"], "root": "lab"}})
    read_config({**PLAIN, **reference, "brain": {"name": "lab", "root": "lab"}})
