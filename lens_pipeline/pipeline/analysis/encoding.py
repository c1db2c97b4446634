"""Encoding models of a run: the responses that brain.files hold, from every layer and pass.

Layers are read once each, block by block, as Gram matrices of the stimuli, from which CKA is made
too. What is missing (responses, repeats, the libraries) is said before anything is computed.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from lens_pipeline.encoding.folds import group_folds, within
from lens_pipeline.encoding.methods import check_installed, method_called
from lens_pipeline.encoding.scores import Fitting, Source, encode
from lens_pipeline.errors import ComparisonError
from lens_pipeline.pipeline.analysis.brain import brain_reading, brain_texts
from lens_pipeline.pipeline.analysis.inferring import check_group
from lens_pipeline.pipeline.console import shares
from lens_pipeline.rsa.grams import coordinates, gram
from lens_pipeline.rsa.rdms import pass_name
from lens_pipeline.rsa.references.loading import read_found
from lens_pipeline.rsa.references.matrices import Matrices, Table
from lens_pipeline.rsa.references.response_rdms import Recorded, record
from lens_pipeline.rsa.references.responses import Responses
from lens_pipeline.rsa.scatter import NoRdmError
from lens_pipeline.store.trees import iter_blocks, layer_pass, layer_passes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    import xarray as xr

    from lens_pipeline.pipeline.config import Config
    from lens_pipeline.rsa.scatter import Doubles

_LOG = logging.getLogger(__name__)
# (layer, pass) -> Gram matrix
Grams = dict[tuple[str, int], "Doubles"]


def check_encoding(
    config: Config, stimulus_ids: Sequence[str], labels: Mapping[str, Sequence[str]]
) -> None:
    """Raise ComparisonError for what would keep the encoding models from being fitted.

    `labels`: columns along the stimuli.
    """
    if not config.encoding.methods:
        return
    for name in config.encoding.methods:
        method_called(name)
    check_installed()
    check_group("encoding.group", config.encoding.group, labels)
    for name, recorded in recordings(config, stimulus_ids).items():
        groups = _groups(recorded, stimulus_ids, labels.get(config.encoding.group or ""))
        for fold in group_folds(groups, config.encoding.folds, seed=config.encoding.seed):
            within(fold, groups, n_folds=config.encoding.folds, seed=config.encoding.seed)
        if len(recorded.groups[0].repeats.responses) < 2:
            _LOG.warning("%s has no repeats: its scores are not noise corrected", name)


def recordings(config: Config, stimulus_ids: Sequence[str]) -> dict[str, Recorded]:
    """Return the responses of brain.files by name, joined with these stimuli.

    Raises ComparisonError where there are none.
    """
    reading = brain_reading(config)
    found = {}
    for text in brain_texts(config):
        contents, name = read_found(text, reading=reading)
        if isinstance(contents, Matrices):
            raise ComparisonError(
                f"encoding.methods predict responses, and {name} holds RDMs; give responses "
                "(stimulus x unit) in brain.files, or set encoding.methods=[]."
            )
        responses = _responses(contents) if isinstance(contents, Table) else contents
        found[name] = record(responses, stimulus_ids, reading=reading, name=name)
    if not found:
        raise ComparisonError(
            "encoding.methods need responses to predict; name files of them with brain.root=FOLDER "
            "and brain.files=[FILE], or set encoding.methods=[]."
        )
    return found


def _responses(table: Table) -> Responses:
    return Responses(table.values[:, :, None], table.ids)  # noqa: PD011  not a pandas object


def grams_of(tree: xr.DataTree) -> Grams:
    """Return the Gram matrix of every layer and pass that varies over stimuli."""
    found: Grams = {}
    for layer, number in layer_passes(tree):
        try:
            found[layer, number] = gram(partial(iter_blocks, tree, layer, pass_number=number))
        except NoRdmError as error:
            _LOG.warning("%s is left out: %s", pass_name(layer, number), error)
    return found


def encoding_table(config: Config, tree: xr.DataTree, grams: Grams) -> pd.DataFrame:
    """Return one row per method, layer, pass, region, subject, time and unit."""
    import pandas as pd

    layer, number = layer_passes(tree)[0]
    first = layer_pass(tree, layer, pass_number=number)
    ids = [str(stimulus) for stimulus in first["stimulus"].to_numpy()]
    column = config.encoding.group
    labels = first.coords[column].to_numpy() if column in first.coords else None
    of = config.encoding
    fitting = Fitting(of.methods, of.folds, of.components, of.draws, of.seed)
    tables = []
    with shares("encoding") as done:
        for name, recorded in recordings(config, ids).items():
            rows = [ids.index(one) for one in recorded.groups[0].repeats.stimulus_ids]
            sources = _sources(grams, rows)
            groups = _groups(recorded, ids, labels)
            tables.append(
                encode(sources, recorded, reference=name, groups=groups, fitting=fitting, done=done)
            )
    return pd.concat(tables, ignore_index=True)


def _groups(
    recorded: Recorded, stimulus_ids: Sequence[str], labels: Sequence[str] | None
) -> list[str]:
    """Return what each recorded stimulus belongs to; without labels, to itself."""
    ids = recorded.groups[0].repeats.stimulus_ids
    if labels is None:
        return list(ids)
    of = dict(zip(stimulus_ids, map(str, labels), strict=True))
    return [of[one] for one in ids]


def _sources(grams: Mapping[tuple[str, int], Doubles], rows: Sequence[int]) -> list[Source]:
    """Return the layers as coordinates of the stimuli that the responses are to."""
    return [
        Source(layer, number, coordinates(products)[list(rows)])
        for (layer, number), products in grams.items()
    ]
