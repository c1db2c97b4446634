"""`partition`: what each of two runs explains of the brain alone, and what both explain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lens_pipeline.errors import ComparisonError, nearest
from lens_pipeline.pipeline.analysis.brain import open_all
from lens_pipeline.pipeline.config import read_config
from lens_pipeline.pipeline.open_run import Run, open_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from lens_pipeline.rsa.references.loading import Reference

# options of the word `partition`: names of references, all by default; where the files go
OPTIONS = {"reference": "", "fit": "nonnegative", "out": ""}
_FITS = ("nonnegative", "ordinary")


def partition(
    first: Run | Path | str,
    second: Run | Path | str,
    *,
    fit: str = "nonnegative",
    references: Sequence[str] = (),
) -> pd.DataFrame:
    """Return the variance of the first run's references that its RDMs and the second's explain.

    One row per reference and layer:pass that both runs have, or per pair of them where they share
    none: `total` R2, `unique_first`, `unique_second`, `shared` (Groen et al. 2018, eLife
    7:e32962). `fit` is "nonnegative" or "ordinary" least squares; `references` are names, none
    means all. Stimuli are matched by id. Raises StoreError where there is no run, ComparisonError
    where the first run has no such reference or the second lacks stimuli of it.
    """
    from lens_pipeline.rsa.similarities.partition import partition_table

    one, other = (run if isinstance(run, Run) else open_run(run) for run in (first, second))
    ours = one.rdms
    config = read_config(one.config)
    found = open_all(config, ours.pattern_descriptors["stimulus_id"])
    if not found:
        raise ComparisonError(
            f"The run in {one.folder} has no reference whose variance could be parted; give its "
            "command again with rsa.reference=FILE or brain=NAME."
        )
    return partition_table(ours, other.rdms, _called(found, references), fit=fit)


def _called(found: Sequence[Reference], names: Sequence[str]) -> Sequence[Reference]:
    """Return the references of these names, or all where none is named."""
    have = {one.name: one for one in found}
    for name in names:
        if name not in have:
            raise ComparisonError(
                f"The first run has no reference {name!r} (reference=NAME,...); "
                f"{nearest(name, have)}."
            )
    return [have[name] for name in names] if names else found


def partition_command(folders: Sequence[Path], options: Mapping[str, str]) -> None:
    """Print the table, and write it and its figure beside the first run, or as `out` says.

    Raises ConfigError for an option that is not allowed, and what `partition` raises.
    """
    from lens_pipeline.pipeline.console import say, text_table
    from lens_pipeline.pipeline.words.options import choice

    fit = choice("fit", options["fit"], _FITS)
    names = tuple(name for name in options["reference"].split(",") if name)
    first, second = (open_run(folder) for folder in folders)
    table = partition(first, second, fit=fit, references=names)
    rows = [
        [f"{value:.3f}" if isinstance(value, float) else value for value in row]
        for row in table.itertuples(index=False)
    ]
    say(text_table([str(name) for name in table.columns], rows))
    ours, theirs = (folder.resolve() for folder in folders)
    default = ours.with_name(f"{ours.name}-partition-{theirs.name}")
    out = Path(options["out"]).expanduser().resolve() if options["out"] else default
    for path in _write(table, (first, second), out):
        say(f"written: {path}")


def _write(table: pd.DataFrame, runs: tuple[Run, Run], out: Path) -> list[Path]:
    """Write the table and the figure; return their paths."""
    from lens_pipeline.rsa.figures.canvas import save_data, save_figure
    from lens_pipeline.rsa.figures.partition import partition_figure

    of = [run.record.model for run in runs]
    models = [f"{model['name']} ({Path(model['weights']).name})" for model in of]
    # runs of one model, such as of two seeds, are told apart by their folders
    one, other = models if models[0] != models[1] else [run.folder.name for run in runs]
    figure = partition_figure(
        table,
        (one, other),
        title=f"Variance of each reference explained by {one} and {other}",
        stand_in=" ".join(dict.fromkeys(said for run in runs for said in run.stand_ins)),
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    return [save_data(table, out), *save_figure(figure, out)]
