"""The closing words of a job."""

from __future__ import annotations

from typing import Any

import pytest

from lens_pipeline.pipeline.job.job import run_job


@pytest.mark.usefixtures("study")
def test_every_table_of_a_run_is_named_with_what_it_holds(
    plain: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """With its size before the words."""
    folder = run_job(plain)
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    tables = {path.name for path in folder.glob("*.csv")}
    assert tables >= {"layers.csv", "health.csv", "columns.csv"}
    assert tables <= set(lines)
    assert lines["columns.csv"].endswith("B  what every column of these tables holds")
