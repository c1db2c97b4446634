"""Where the time went: in the record, in the closing words of a run and of a sweep."""

import re
from pathlib import Path
from typing import Any

import pytest

from lens_pipeline.pipeline.cli import main
from lens_pipeline.pipeline.job.job import run_job
from lens_pipeline.pipeline.job.record import read_record
from lens_pipeline.pipeline.job.time_shares import task_seconds, time_shares
from tests.pipeline.test_cli import TINY

KINDS = ("decoding", "computing", "writing", "waiting")
LINE = re.compile(
    r"^time of tasks: decoding (\d+) %, computing (\d+) %, writing (\d+) %, waiting (\d+) %$",
    re.MULTILINE,
)


def test_shares_are_of_all_runs_together() -> None:
    """Seconds are added before they are compared; other stages do not count."""
    one = task_seconds({"decoding": 1.0, "computing": 7.0, "writing": 1.0, "waiting": 1.0})
    other = {**task_seconds({"computing": 10.0}), "all": 100.0}
    (line,) = time_shares([one, other])
    assert line == "time of tasks: decoding 5 %, computing 85 %, writing 5 %, waiting 5 %"
    assert LINE.match(line)


def test_without_tasks_there_is_nothing_to_say() -> None:
    """As where only the analysis was made again."""
    assert time_shares([{"all": 3.0}, task_seconds({"decoding": 0.0})]) == ()


@pytest.mark.parametrize("executor", ["serial", "dask"])
def test_a_run_records_and_tells_it(
    study: Path, plain: dict[str, Any], executor: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Workers that are other processes count too; the shares make a whole."""
    folder = run_job({**plain, "executor": {"name": executor}})
    record = read_record(folder)
    assert record
    spent = {kind: record.seconds[f"tasks, {kind}"] for kind in KINDS}
    assert all(spent[kind] > 0 for kind in ("decoding", "computing", "writing"))
    found = LINE.search(capsys.readouterr().out)
    assert found
    assert [int(share) for share in found.groups()] == [
        round(100 * spent[kind] / sum(spent.values())) for kind in KINDS
    ]


def test_a_sweep_tells_it_of_all_jobs(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line under the table of jobs."""
    assert main(["-m", *TINY, "layers=[conv],[cell]", "run.folder=out"]) == 0
    assert len(LINE.findall(capsys.readouterr().out)) == 1
