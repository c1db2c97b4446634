"""From the store to the answers: RDMs, scores against references, layers among themselves, figures.

Everything is made from the run folder, so it can be made again with another measure or reference
and no forward pass.
"""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lens_pipeline.atomic import replacing
from lens_pipeline.errors import ComparisonError
from lens_pipeline.health.table import write_health
from lens_pipeline.pipeline.analysis.averaging import (
    averaging_of_tree,
    compared_ids,
    groups_compared,
)
from lens_pipeline.pipeline.analysis.beside import beside, check_beside, write_windows
from lens_pipeline.pipeline.analysis.brain import covariances, open_all
from lens_pipeline.pipeline.analysis.figures import write_figures
from lens_pipeline.pipeline.analysis.inferring import (
    cautions,
    check_inference,
    infer_all,
    write_inference,
)
from lens_pipeline.pipeline.analysis.meanings import meant, write_meanings
from lens_pipeline.pipeline.analysis.rdm_room import check_rdm_room
from lens_pipeline.pipeline.config import NO_RDMS
from lens_pipeline.pipeline.console import shares
from lens_pipeline.rsa.averaging import describe_averaging
from lens_pipeline.rsa.comparison import check_names, measure_called, score_table, second_order
from lens_pipeline.rsa.inference.multiple import by_data
from lens_pipeline.rsa.inference.tables import with_inference
from lens_pipeline.rsa.rdm_files import NAME as RDMS
from lens_pipeline.rsa.rdm_files import rdms_of_tree, write_rdms
from lens_pipeline.rsa.rdms import pass_name, rdm_method
from lens_pipeline.rsa.references.loading import Reference, describe
from lens_pipeline.store.trees import layer_passes, open_activations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    import xarray as xr

    from lens_pipeline.pipeline.analysis.inferring import Foreseen
    from lens_pipeline.pipeline.config import Config
    from lens_pipeline.rsa.averaging import Averaging
    from lens_pipeline.rsa.rdms import RdmSet

_LOG = logging.getLogger(__name__)

SCORES = "scores.csv"
LAYERS = "layers.csv"


@dataclass(frozen=True)
class Compared:
    """What one analysis found."""

    rdms: RdmSet
    # one row per layer, pass, reference and measure
    scores: pd.DataFrame
    # likeness of every layer and pass with every other
    layers: pd.DataFrame
    # key of COMPARISONS by which `layers` was made
    likeness: str


def check_analysis(
    config: Config, stimulus_ids: Sequence[str], labels: Mapping[str, Sequence[str]]
) -> tuple[Foreseen, ...]:
    """Raise ComparisonError now for what would stop the analysis after the activations are made.

    `labels`: columns along the stimuli. Returns what will be drawn of each reference.
    """
    for name in config.rsa.measure:
        measure_called(name)
    _check_once(config)
    if config.rsa.method == NO_RDMS:
        check_beside(config, stimulus_ids, labels)
        return ()
    rdm_method(config.rsa.method)
    ids, columns = compared_ids(config, stimulus_ids, labels)
    check_rdm_room(config, len(ids), columns)
    check_beside(config, stimulus_ids, labels)
    covariances(config)
    references = open_all(config, ids)
    check_names(references)
    foreseen = check_inference(config, references, ids, columns)
    for name, times in by_data(references).items():
        many = f", {len(times)} times" if len(times) > 1 else ""
        _LOG.info("reference %s%s: %s", name, many, describe(times[0].account))
    for caution in cautions(references, {one.name: one.scheme for one in foreseen}):
        _LOG.warning("%s", caution)
    return foreseen


def _check_once(config: Config) -> None:
    """Raise ComparisonError for what is asked for twice, whose rows could not be told apart."""
    for setting, names in (
        ("rsa.measure", config.rsa.measure),
        ("rsa.fitted", config.rsa.fitted),
        ("encoding.methods", config.encoding.methods),
    ):
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise ComparisonError(f"{setting} names {twice[0]} more than once; give each once.")


def analyse(config: Config, folder: Path) -> dict[str, Any]:
    """Write RDMs, tables and figures into `folder`; return what was made and what was left out."""
    write_meanings(folder, meant(config))
    with closing(open_activations(folder)) as tree:
        made = {"health": list(write_health(folder, tree)), **beside(config, tree, folder)}
        if config.rsa.method == NO_RDMS:
            return {"rdms": 0, "references": {}, **made, "left_out": []}
        over = averaging_of_tree(config, tree)
        rdms = _rdms(config, tree, over)
        facts = {name: str(tree.attrs[name]) for name in ("model", "weights", "stand_in")}
        title = f"{facts['model']} on {tree.attrs['stimuli']}"
        grouped = groups_compared(config, tree, over)
    references = open_all(config, rdms.rdms.pattern_descriptors["stimulus_id"])
    compared = _compare(config, rdms, references, facts=facts)
    found = infer_all(config, rdms, references, grouped)
    compared = replace(compared, scores=with_inference(compared.scores, found))
    schemes = dict(compared.scores[["reference", "resampled"]].to_numpy().tolist())
    made["cautions"] = cautions(references, schemes)
    write_rdms(folder / RDMS, rdms, attrs=facts)
    _write_tables(folder, compared)
    made["choices"] = write_inference(folder, found, grouped)
    write_windows(config, compared.scores, folder)
    write_figures(
        config, compared, references, folder=folder, title=title, stand_in=facts["stand_in"]
    )
    return {
        "rdms": int(rdms.rdms.n_rdm),
        "references": {one.name: describe(one.account) for one in references},
        **made,
        **({} if over is None else {"averaged": describe_averaging(over)}),
        "left_out": [f"{pass_name(f.layer, f.number)}: {f.reason}" for f in rdms.flags],
    }


def _rdms(config: Config, tree: xr.DataTree, over: Averaging | None) -> RdmSet:
    """Return the RDMs of all layers and passes, with a bar while they are made."""
    n, finished = len(layer_passes(tree)), itertools.count(1)
    with shares("making") as report:
        return rdms_of_tree(
            tree,
            method=config.rsa.method,
            noise=covariances(config),
            over=over,
            done=lambda _name: report("RDMs", next(finished) / n),
        )


def _compare(
    config: Config, rdms: RdmSet, references: Sequence[Reference], *, facts: Mapping[str, str]
) -> Compared:
    import pandas as pd

    first, *_ = measures = config.rsa.measure
    pieces = [(one, measure) for measure in measures for one in references]
    tables = [score_table(rdms, [], facts=facts)]
    with shares("comparing") as done:
        for at, (reference, measure) in enumerate(pieces):
            done("RDMs", at / (len(pieces) + 1))
            tables.append(score_table(rdms, [reference], measure=measure, facts=facts))
        done("RDMs", len(pieces) / (len(pieces) + 1))
        layers = second_order(rdms, measure=first)
        done("RDMs", 1)
    scores = pd.concat(tables[1:], ignore_index=True) if pieces else tables[0]
    return Compared(rdms, scores, layers, first)


def _write_tables(folder: Path, compared: Compared) -> None:
    for name, table, index in (
        (SCORES, compared.scores, False),
        (LAYERS, compared.layers, True),
    ):
        with replacing(folder / name) as temporary:
            table.to_csv(temporary, index=index, index_label="layer:pass")
    with replacing((folder / SCORES).with_suffix(".parquet")) as temporary:
        compared.scores.to_parquet(temporary, index=False)
