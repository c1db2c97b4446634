"""Every file in conf/ composes into a config that is allowed."""

from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from lens_pipeline.pipeline.cli import main
from lens_pipeline.pipeline.config import plain_config, read_config, setting_names
from lens_pipeline.pipeline.executors.registry import EXECUTORS
from lens_pipeline.resources import conf_folder

CHOICES = [
    f"{path.parent.name}={path.stem}"
    for path in sorted(conf_folder().glob("*/*.yaml"))
    if not path.stem.startswith("_")
]
# What these leave to the user.
NEEDS = {
    "model=torchvision": ["model.name=resnet18"],
    "model=timm": ["model.name=resnet18"],
    "model=custom": ["model.target=my_lab.nets:net"],
    "executor=address": ["executor.address=tcp://host:8786"],
}


def composed(*overrides: str) -> dict[str, Any]:
    """The plain config that Hydra makes of conf/ and overrides."""
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        config = compose("config", overrides=list(overrides))
    plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    assert isinstance(plain, dict)
    return {str(name): value for name, value in plain.items()}


@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_is_allowed(choice: str) -> None:
    """Each option of each group makes a Config without another word."""
    config = read_config(composed(choice, *NEEDS.get(choice, [])))
    assert config.model.name


def test_conf_says_every_default() -> None:
    """The files show each setting, with the value that the code would take without them."""
    plain = composed()
    shown = set(plain) | {
        f"{group}.{name}"
        for group, members in plain.items()
        if isinstance(members, dict)
        for name in members
    }
    assert set(setting_names()) == shown
    bare = read_config(
        {
            "model": {"source": "cornet", "name": "cornet_s"},
            "stimuli": {"source": "things", "name": "things"},
        }
    )
    given = plain_config(read_config(plain))
    expected = plain_config(bare)
    given["model"]["preprocessing"] = expected["model"]["preprocessing"]
    assert given == expected


def test_each_executor_has_a_file() -> None:
    """executor=NAME works for every key of EXECUTORS."""
    files = {path.stem for path in (conf_folder() / "executor").glob("[!_]*.yaml")}
    assert files == set(EXECUTORS)


def test_every_file_opens_with_what_it_is() -> None:
    """The first line is the description that `list` shows."""
    for path in conf_folder().rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert text.startswith("# "), path
        assert yaml.safe_load(text) is not None, path


@pytest.mark.parametrize("group", ["experiment", "zoo", "model", "brain", "encoding", "executor"])
def test_a_name_that_no_config_has_is_refused(
    group: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped name never falls back to the default."""
    assert main([f"{group}=no_such_thing"]) == 2
    assert f"There is no {group}=no_such_thing" in capsys.readouterr().err
