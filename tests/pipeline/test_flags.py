"""Flags among the other words of a command line."""

import pytest

from lens_pipeline.errors import ConfigError
from lens_pipeline.pipeline.flags import flags_and_others


def test_flags_are_taken_out_with_their_values() -> None:
    """In their order; what no flag takes stays where it was."""
    words = ["plan", "-m", "model=alexnet", "-cd", "my conf", "--package=a", "model.seed=0,1"]
    flags, others = flags_and_others(words)
    assert flags == ["-m", "-cd=my conf", "--package=a"]
    assert others == ["plan", "model=alexnet", "model.seed=0,1"]


def test_info_may_stand_alone() -> None:
    """A setting behind it is no value of it."""
    assert flags_and_others(["--info", "seed=1"]) == (["--info=all"], ["seed=1"])
    assert flags_and_others(["--info", "plugins"]) == (["--info=plugins"], [])
    assert flags_and_others(["-i"]) == (["-i=all"], [])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--mulitrun"], "There is no option --mulitrun; nearest: --multirun"),
        (["\N{EN DASH}m"], "There is no option \N{EN DASH}m; nearest: -m."),
        (["--modell=x"], "There is no option --modell; a setting has no dashes: modell=VALUE."),
        (["--cfg"], "--cfg takes job or hydra or all, not nothing."),
        (["-c", "jobs"], "-c takes job or hydra or all, not jobs."),
        (["--info=everything"], "--info takes all or config or defaults or"),
        (["--config-dir"], "--config-dir takes a value, not nothing."),
        (["--resolve=yes"], "--resolve takes no value, not yes."),
    ],
)
def test_what_is_mistyped_gets_one_sentence(words: list[str], sentence: str) -> None:
    """With what was allowed."""
    with pytest.raises(ConfigError) as refused:
        flags_and_others(words)
    assert str(refused.value).startswith(sentence)
