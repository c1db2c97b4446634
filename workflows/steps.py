"""The steps that all studies share: what is asked for, what has to be there, the runs, the page.

A study is a table of named jobs, each a list of settings as on the command line, over one Hydra
experiment. They are planned together, refused together before the first of them is begun, and
carried out by one executor; a study that was stopped goes on from there. Nothing stands in for
anything: a file that is missing is said in the first second, with what to put where.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lens_pipeline.errors import ConfigError, LensError
from lens_pipeline.pipeline.cli import main as lens_pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd
    from matplotlib.figure import Figure

    from lens_pipeline.report.study import Study as Answer

_LOG = logging.getLogger("lens_pipeline.study")


@dataclass(frozen=True)
class Study:
    """What one study is, beside its own computations."""

    # of conf/experiment
    experiment: str
    # folder of results
    output: Path
    # settings of every job, as on the command line
    settings: tuple[str, ...] = ()
    # folders whose modules the workers import, for networks of the study's own
    modules: tuple[Path, ...] = ()


def parser(text: str, *, data: str, output: str) -> argparse.ArgumentParser:
    """Return a parser of what every study takes; `data` says what its folder holds."""
    found = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("data", type=_folder, help=data)
    found.add_argument(
        "--output", type=_folder, default=Path(output), help="results (default %(default)s)"
    )
    found.add_argument(
        "--workers", type=int, default=0, help="processes of one Dask cluster; 0: this process"
    )
    found.add_argument(
        "settings",
        nargs="*",
        metavar="SETTING=VALUE",
        help="settings of every run, as for lens-pipeline: runtime.device=cuda, rsa.seed=1",
    )
    return found


def _folder(text: str) -> Path:
    return Path(text).expanduser().absolute()


def executor(workers: int) -> list[str]:
    """Return the settings of one executor for all jobs."""
    return ["executor=dask", f"executor.workers={workers}"] if workers else []


def reported(study: Callable[[], bool]) -> int:
    """Carry out a study; return 0, 1 where a run failed, or 2 for what is refused."""
    screen, logger = logging.StreamHandler(), logging.getLogger("lens_pipeline")
    screen.setFormatter(logging.Formatter("%(message)s"))
    before = logger.level, logger.propagate
    logger.addHandler(screen)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        return 0 if study() else 1
    except LensError as error:
        print(f"study: {error}", file=sys.stderr, flush=True)
        return 2
    finally:
        logger.removeHandler(screen)
        logger.level, logger.propagate = before


def check_there(root: Path, wanted: Mapping[str, str]) -> None:
    """Raise ConfigError that names all of `wanted`, path in root -> what it is, not there."""
    missing = [f"{path} ({what})" for path, what in wanted.items() if not (root / path).exists()]
    if missing:
        raise ConfigError(
            f"{root} lacks {len(missing)} of {len(wanted)} files or folders: {', '.join(missing)}; "
            "put them there, nothing stands in for them."
        )


def check_weights(option: str, weights: str) -> None:
    """Raise ConfigError if an option names a file of weights that does not exist."""
    is_path = "/" in weights or weights.endswith((".pth", ".pt", ".th", ".tar", ".safetensors"))
    if is_path and not Path(weights).expanduser().is_file():
        raise ConfigError(
            f"{option}={weights} is no file; give the path of a state dict, or the words default "
            "(published weights) or random (initial weights)."
        )


def check_trained(option: str, weights: str, *, instead: str) -> None:
    """Raise ConfigError if weights that results call trained are random, or are no file."""
    if weights == "random":
        raise ConfigError(f"{option}=random would be called trained in every result; {instead}.")
    check_weights(option, weights)


def run_jobs(study: Study, jobs: Mapping[str, Sequence[str]]) -> dict[str, Path] | None:
    """Carry out all jobs with one executor and return the run folder of each.

    None if one failed, which was said. Raises LensError, before any of them is begun, for settings
    that are not allowed, weights that are not there, and too little room.
    """
    from lens_pipeline.pipeline.sweep.record import read_sweep
    from lens_pipeline.pipeline.sweep.run import read_jobs, run_sweep

    with importable(study.modules):
        read = read_jobs([(name, _composed(study, own)) for name, own in jobs.items()])
        check_choosing([job.config for job in read])
        check_models([job.config for job in read])
        if not run_sweep(read):
            return None
    record = read_sweep(study.output)
    assert record
    folders = {name: entry.folder for name, entry in record.entries.items()}
    return {name: folder for name, folder in folders.items() if folder}


def _composed(study: Study, own: Sequence[str]) -> dict[str, Any]:
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    from lens_pipeline.resources import conf_folder

    words = [
        f"experiment={study.experiment}",
        *own,
        *study.settings,
        f"run.folder='{study.output}'",
    ]
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        plain = OmegaConf.to_container(compose("config", words), resolve=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items() if key != "hydra"}


def check_choosing(configs: Sequence[Any]) -> None:
    """Raise ConfigError where no layer would be chosen on other data, which answers rest on."""
    for config in configs:
        if config.rsa.bootstrap == 0 or config.rsa.choose == "none":
            given = "rsa.choose=none" if config.rsa.choose == "none" else "rsa.bootstrap=0"
            raise ConfigError(
                f"{given} leaves a study without an answer: networks are compared with intervals, "
                "at the layer that other data chose; leave it out, or make single runs with it."
            )


def check_models(configs: Sequence[Any]) -> None:
    """Raise ModelError for the first model whose weights are not there and cannot be fetched."""
    from lens_pipeline.models.resolve import resolve
    from lens_pipeline.pipeline.config import model_spec

    for spec in dict.fromkeys(model_spec(config) for config in configs):
        resolve(spec, assets="strict")


@contextmanager
def importable(folders: Sequence[Path]) -> Iterator[None]:
    """Let this process and the workers it starts import modules of these folders."""
    texts, before = [str(folder) for folder in folders], os.environ.get("PYTHONPATH")
    if not texts:
        yield
        return
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [*texts, before]))
    sys.path[:0] = texts
    try:
        yield
    finally:
        for text in texts:
            sys.path.remove(text)
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def all_scores(folders: Mapping[str, Path]) -> pd.DataFrame:
    """Return the scores of every layer and pass of every run, with the column `job`."""
    import pandas as pd

    tables = [pd.read_csv(path / "scores.csv").assign(job=job) for job, path in folders.items()]
    return pd.concat(tables, ignore_index=True)


def write_tables(output: Path, **tables: pd.DataFrame) -> None:
    """Write each table as NAME.csv, whole or not at all."""
    from lens_pipeline.atomic import replacing

    for name, table in tables.items():
        with replacing(output / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False)


def write_figure(output: Path, name: str, figure: Figure, data: pd.DataFrame) -> None:
    """Write a figure as PNG and SVG, and the table that it draws as csv beside it."""
    from lens_pipeline.rsa.figures.canvas import save_data, save_figure

    save_figure(figure, output / "figures" / name)
    save_data(data, output / "figures" / name)


def write_page(output: Path, answer: Answer) -> bool:
    """Write the page of the study, with its answer; its figures have to be there by now.

    What the answer says is printed too.
    """
    from lens_pipeline.report.study import write_study

    write_study(output, answer)
    code = lens_pipeline(["report", str(output)])
    print("\n".join(["", answer.question, *answer.answers]))
    return not code
