"""A run's table of scores becomes one number for each layer and pass."""

from __future__ import annotations

import pandas as pd
import pytest

from lens_pipeline.drawing.scores import scores_by_layer, scores_title
from lens_pipeline.errors import ConfigError

ROWS = [
    ("V1.output", 1, "IT", "spearman", 0.25),
    ("V1.output", 1, "IT", "kendall", 0.9),
    ("V1.output", 1, "V4", "spearman", 0.125),
    ("IT.output", 2, "IT", "spearman", 0.5),
    ("IT.output", 2, "IT", "spearman", 1.0),
    ("IT.output", 1, "IT", "spearman", float("nan")),
]
TABLE = pd.DataFrame(ROWS, columns=["layer", "pass", "reference", "measure", "score"])


def test_one_reference_and_the_first_measure_count() -> None:
    """The mean over what is left, by layer and pass; what has no score is left out."""
    assert scores_by_layer(TABLE, "IT") == {"V1.output:1": 0.25, "IT.output:2": 0.75}
    assert scores_by_layer(TABLE, "V4") == {"V1.output:1": 0.125}
    assert scores_title(TABLE, "IT") == "spearman with IT"


def test_the_only_reference_needs_no_name() -> None:
    """With several it has to be said which."""
    assert scores_by_layer(TABLE[TABLE["reference"] == "V4"]) == {"V1.output:1": 0.125}
    with pytest.raises(ConfigError, match=r"2 references; .* draw.reference=NAME: IT, V4\."):
        scores_by_layer(TABLE)


def test_refuses_what_is_not_there() -> None:
    """A reference that the run has not, and a run without any."""
    with pytest.raises(ConfigError, match=r"The run has no reference 'V44'; nearest: V4"):
        scores_by_layer(TABLE, "V44")
    with pytest.raises(ConfigError, match=r"no scores to colour by: it was given no rsa.reference"):
        scores_title(TABLE[:0])
