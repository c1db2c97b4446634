"""The model and stimuli that a command looks at."""

from pathlib import Path

import pytest

from lens_pipeline.errors import TraceError
from lens_pipeline.pipeline.config import Config, read_config
from lens_pipeline.pipeline.job.examples import example_of, running, structural_example
from lens_pipeline.tracer.run import trace

PLAIN = {"resize": None, "resize_mode": "none", "crop": None}


def config_of(source: str, name: str, **model: object) -> Config:
    return read_config(
        {
            "model": {"source": source, "name": name, **model},
            "stimuli": {"source": "folder", "name": "six", "root": "images"},
        }
    )


@pytest.mark.usefixtures("study")
def test_the_first_stimuli_are_one_batch() -> None:
    """On the network, with its preprocessing."""
    config = config_of("target", "net", target="tiny_net:net", preprocessing=PLAIN)
    example = example_of(config, n=4)
    assert tuple(example.batch.shape) == (4, 3, 16, 16)
    assert (example.stimuli, example.stand_ins) == ("six", ())
    assert len(trace(example.loaded.module, example.batch, keep=None).ops) > 5


@pytest.mark.usefixtures("study")
def test_structure_needs_no_weights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """None are looked for to be fetched, and no stand-in is announced; a run would announce one."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    config = config_of("cornet", "cornet_z")
    assert structural_example(config).loaded.spec.weights == "random"
    assert capsys.readouterr() == ("", "")
    assert len(example_of(config, n=1).stand_ins) == 1
    assert "STAND-IN" in capsys.readouterr().err


@pytest.mark.usefixtures("study")
def test_a_model_that_refuses_its_input_is_named() -> None:
    """With the shape that it was given."""
    config = config_of("target", "net", target="tiny_net:net", preprocessing=PLAIN)
    example = example_of(config, n=2)
    sentence = r"^net cannot take an input of shape \(2, 3, 16, 16\): .* Check the preprocessing"
    with pytest.raises(TraceError, match=sentence), running(example):
        trace(example.loaded.module, example.batch[:, :1])
