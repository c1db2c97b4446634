"""Bootstrap, comparisons and the choice of a layer, for all references of a run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lens_pipeline.atomic import replacing
from lens_pipeline.errors import ComparisonError, nearest
from lens_pipeline.pipeline.console import shares, time_text
from lens_pipeline.rsa.inference.asked import (
    LEAST_DRAWS,
    Asked,
    check_asked,
    few_subjects,
    parting_for,
    scheme_for,
)
from lens_pipeline.rsa.inference.draws import draws_for, seconds_of
from lens_pipeline.rsa.inference.fitted import check_fitted
from lens_pipeline.rsa.inference.multiple import by_data
from lens_pipeline.rsa.inference.resamples import drawn_groups
from lens_pipeline.rsa.inference.tables import inference
from lens_pipeline.rsa.rdms import pass_name
from lens_pipeline.store.trees import layer_pass, layer_passes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    import xarray as xr

    from lens_pipeline.pipeline.config import Config
    from lens_pipeline.rsa.inference.tables import Inference
    from lens_pipeline.rsa.rdms import RdmSet
    from lens_pipeline.rsa.references.loading import Reference

COMPARISONS = "comparisons.csv"
CHOICES = "choices.csv"
PARTS = "parts.csv"
FITTED = "fitted.csv"
# column of groups by default, which stimuli may lack
_USUAL = "concept"


@dataclass(frozen=True)
class Grouped:
    """Which stimuli belong together."""

    # column of the stimuli; empty where each stimulus is alone
    column: str
    # stimulus id -> value of that column
    groups: Mapping[str, str]


@dataclass(frozen=True)
class Foreseen:
    """What will be drawn of one reference."""

    asked: Asked
    # key of SCHEMES; None where it is too small to be resampled
    scheme: str | None
    # of the reference
    name: str
    n_stimuli: int
    n_subjects: int


def asked_of(config: Config) -> Asked:
    """Return what the config asks of the inference."""
    rsa = config.rsa
    return Asked(
        draws=rsa.bootstrap,
        resample=rsa.resample,
        seed=rsa.seed,
        interval=rsa.interval,
        correction=rsa.correction,
        choose=rsa.choose,
        parts=rsa.parts,
        fitted=rsa.fitted,
    )


def check_inference(
    config: Config,
    references: Sequence[Reference],
    stimulus_ids: Sequence[str],
    labels: Mapping[str, Sequence[str]],
) -> tuple[Foreseen, ...]:
    """Return what will be drawn of each reference; ComparisonError if one is too small for it."""
    check_asked(asked_of(config))
    if config.rsa.average is None:
        check_group("rsa.group", config.rsa.group, labels)
    found = []
    column = config.rsa.group or ""
    values = labels.get(column, stimulus_ids)
    grouped = Grouped(column, dict(zip(stimulus_ids, values, strict=True)))
    for reference in references:
        ids = reference.rdms.pattern_descriptors["stimulus_id"]
        groups = [grouped.groups[stimulus] for stimulus in ids]
        asked = _asked_of_one(asked_of(config), reference)
        facts: Any = {"n_subjects": reference.n_subjects, "name": reference.name}
        scheme = scheme_for(asked, n_units=len(set(drawn_groups(groups))), **facts)
        parting_for(asked, groups=groups, **facts)
        check_fitted(asked.fitted, n_units=len(set(drawn_groups(groups))), name=reference.name)
        found.append(Foreseen(asked, scheme, n_stimuli=len(ids), **facts))
    return tuple(found)


def cautions(references: Sequence[Reference], schemes: Mapping[str, str | None]) -> list[str]:
    """Return a sentence per region of the data that has few subjects.

    `schemes`: by which each reference is resampled.
    """
    said = (
        few_subjects(schemes.get(times[0].name), n_subjects=times[0].n_subjects, name=name)
        for name, times in by_data(references).items()
    )
    return [sentence for sentence in said if sentence]


def check_group(setting: str, column: str | None, labels: Mapping[str, Sequence[str]]) -> None:
    """Raise ComparisonError for a column that stimuli lack, unless it is the default's."""
    if column is None or column == _USUAL or column in labels:
        return
    near = nearest(column, labels) if labels else f"they have none, so set {setting}=null"
    raise ComparisonError(f"{setting}={column}: the stimuli have no such column; {near}.")


def describe_inference(config: Config, foreseen: Sequence[Foreseen], *, n_models: int) -> list[str]:
    """Return a line for each measure and reference: what is drawn of `n_models` RDMs, how long."""
    return [
        f"bootstrap {one.name}, {measure}: {_described(one, measure=measure, n_models=n_models)}"
        for measure in config.rsa.measure
        for one in foreseen
        if one.asked.draws != 0
    ]


def _described(one: Foreseen, *, measure: str, n_models: int) -> str:
    if one.scheme is None:
        return f"none over {one.n_stimuli} stimuli"
    facts: Any = {
        "measure": measure,
        "n_stimuli": one.n_stimuli,
        "n_models": n_models,
        "n_subjects": one.n_subjects,
    }
    draws = draws_for(one.asked, **facts)
    time = time_text(seconds_of(draws or LEAST_DRAWS, **facts))
    if not draws:
        return f"none unless rsa.bootstrap={LEAST_DRAWS} asks for it, which takes about {time}"
    of = f"{n_models} RDMs over {one.n_stimuli} stimuli and {one.n_subjects} subjects"
    return f"{draws} draws ({one.scheme}) of {of}, about {time} of a core"


def groups_of_tree(config: Config, tree: xr.DataTree) -> Grouped:
    """Return the groups of the stimuli of a store."""
    parts = layer_passes(tree)
    first = layer_pass(tree, parts[0][0], pass_number=parts[0][1])
    column = config.rsa.group or ""
    if column not in first.coords:
        return Grouped("", {})
    ids, values = (first[name].to_numpy().astype(str).tolist() for name in ("stimulus", column))
    return Grouped(column, dict(zip(ids, values, strict=True)))


def infer_all(
    config: Config, rdms: RdmSet, references: Sequence[Reference], grouped: Grouped
) -> list[Inference]:
    """Return the tables of each region of the data, with a bar while they are made."""
    with shares("resampling") as done:
        return [
            inference(
                rdms,
                times,
                measures=config.rsa.measure,
                asked=_asked_of_one(asked_of(config), times[0]),
                groups=grouped.groups,
                done=done,
            )
            for times in by_data(references).values()
        ]


def write_inference(folder: Path, found: Sequence[Inference], grouped: Grouped) -> dict[str, Any]:
    """Write what there is beside the scores; return, for the record, what chose which layer."""
    for name, tables in (
        (COMPARISONS, [one.comparisons for one in found]),
        (CHOICES, [one.choices for one in found]),
        (PARTS, [one.parts for one in found]),
        (FITTED, [one.fitted for one in found]),
    ):
        rows = [table for table in tables if len(table)]
        if rows:
            _write(folder / name, rows)
    by = f", parted by {grouped.column}" if grouped.column else ""
    return {
        f"{row['reference']}, {row['measure']}, part {row['part']}": (
            f"{pass_name(row['layer'], row['pass'])} scores {row['score']:.3f} on "
            f"{row['n_stimuli']} stimuli, chosen on {row['n_stimuli_choosing']} others{by}"
        )
        for one in found
        for row in one.choices.to_dict("records")
    }


def _write(path: Path, tables: Sequence[pd.DataFrame]) -> None:
    import pandas as pd

    with replacing(path) as temporary:
        pd.concat(tables).to_csv(temporary, index=False)


def _asked_of_one(asked: Asked, reference: Reference) -> Asked:
    """Leave out, unless it was asked for, what would be done again for every time of the data."""
    if reference.time is None:
        return asked
    draws = 0 if asked.draws is None else asked.draws
    return replace(asked, draws=draws, choose="none" if asked.choose == "auto" else asked.choose)
