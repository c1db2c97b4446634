"""Sentences for what is mistyped."""

import pytest

from lens_pipeline.pipeline.mistakes import in_our_words, unknown_command, unreadable


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["rnu", "model=alexnet"], "There is no command 'rnu'; nearest: run."),
        (["repot", "runs/alexnet-sample-12345678"], "There is no command 'repot'; nearest: report"),
        (["lst", "models"], "There is no command 'lst'; nearest: list models"),
        (["list"], "list takes one of models, stimuli, brain, layers."),
        (["list", "model"], "list takes one of models, stimuli, brain, layers, not 'model'."),
        (["resnet18"], "There is no command 'resnet18'; it is written model=resnet18."),
        (["layers:all"], "There is no command 'layers:all'; a setting is written with its value"),
    ],
)
def test_a_first_word_that_is_no_command(words: list[str], sentence: str) -> None:
    """With the nearest command, or as the setting that it may be."""
    assert str(unknown_command(words)).startswith(sentence)


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("plan", "Cannot read 'plan': a command comes first, as in lens-pipeline plan."),
        ("draw", "Cannot read 'draw': a command comes first, as in lens-pipeline draw."),
        ("list", "Cannot read 'list': a command comes first, as in lens-pipeline list."),
        ("slurm", "Cannot read 'slurm': it is written executor=slurm."),
        ("rsa.seed = 3", "without spaces: rsa.seed=VALUE."),
        (
            "layers=[a,",
            "Cannot read 'layers=[a,': a list has no spaces, as in name=[a,b], and ends",
        ),
        ("images", "and a value with spaces or any of ()[]{}=,' is quoted twice, as in 'name="),
        ("../x", "Cannot read '../x': a setting is written name=value, without spaces"),
    ],
)
def test_a_word_that_is_no_setting(word: str, sentence: str) -> None:
    """With how it is written, where that can be guessed."""
    assert sentence in unreadable(word)


def test_what_hydra_says_otherwise_stays() -> None:
    """Nothing is lost."""
    assert in_our_words("a text of its own") == "a text of its own"
