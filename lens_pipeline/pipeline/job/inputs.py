"""Inputs: everything a run is made from, found and digested before any of it is run.

What is found here decides the tasks' keys. No network is built; torch is imported only where
weights or a device cannot be known without it, and images are decoded only to skip broken ones.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lens_pipeline.digests import FileStamp, digest_value, stamp_files
from lens_pipeline.errors import ConfigError, StimulusError
from lens_pipeline.models.resolve import resolve
from lens_pipeline.models.spec import Resolved, to_json
from lens_pipeline.pipeline.config import Config, model_spec
from lens_pipeline.postfunctions import Chain, chain_texts, parse_postfunctions, source_digests
from lens_pipeline.stimulus_set import (
    ResolvedStimuli,
    StimulusSet,
    decode_image,
    describe_account,
    first_evenly,
    open_stimuli,
    refuse,
)
from lens_pipeline.task import versions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Inputs:
    """What one run is made from."""

    model: Resolved
    # those that are used
    stimuli: StimulusSet
    # digest of which stimuli were listed, those that cannot be decoded included
    listing: str
    chain: Chain
    # "cpu", "cuda" or "cuda:N"
    device: str
    # one sentence per asset that something stands in for
    stand_ins: tuple[str, ...]
    # every file that is read, by absolute path
    files: Mapping[str, FileStamp]
    # paths that were looked for and absent
    missing: tuple[Path, ...]


def find_inputs(
    config: Config,
    *,
    others: Sequence[Path] = (),
    known: Mapping[str, FileStamp] | None = None,
) -> Inputs:
    """Find and digest everything that `config` names; files as in `known` are not read again.

    `others`: further files that results depend on, whether they are there or not.

    Raises ModelError, StimulusError, PostfunctionError or ConfigError for what is not there.
    """
    chain = parse_postfunctions(config.postfunction)
    device = find_device(config.runtime.device)
    found = find_stimuli(config)
    model = resolve(model_spec(config), assets=config.assets)
    stimuli = found.stimuli
    if config.stimuli.on_error == "skip":
        stimuli = refuse(stimuli, _undecodable(stimuli))
    _LOG.info("stimuli %s: %s", stimuli.name, describe_account(stimuli.account))
    there = [path for path in others if path.is_file()]
    absent = [path for path in others if not path.is_file()]
    paths = [*stimulus_paths(found.stimuli), *model.files, *there]
    return Inputs(
        model=model,
        stimuli=stimuli,
        listing=listing_digest(found.stimuli),
        chain=chain,
        device=device,
        stand_ins=tuple(text for text in (model.stand_in, found.stand_in) if text),
        files=_stamped(paths, known),
        missing=(*model.missing, *found.missing, *absent),
    )


def _stamped(paths: Sequence[Path], known: Mapping[str, FileStamp] | None) -> dict[str, FileStamp]:
    found: dict[str, FileStamp] = {}
    for path in paths:
        try:
            found |= stamp_files([path], known=known)
        except OSError as error:
            raise StimulusError(
                f"{path} cannot be read ({error.strerror}); make it readable, or take it out."
            ) from error
    return found


def find_stimuli(config: Config) -> ResolvedStimuli:
    """List the stimuli that `config` names, as far as its limit."""
    wanted = config.stimuli
    found = open_stimuli(
        wanted.source,
        root=wanted.root,
        table=wanted.table,
        on_error=wanted.on_error,
        assets=config.assets,
    )
    stimuli = first_evenly(found.stimuli, wanted.limit)
    if wanted.name != wanted.source:
        stimuli = replace(stimuli, name=wanted.name)
    return replace(found, stimuli=stimuli)


def _undecodable(stimuli: StimulusSet) -> dict[str, str]:
    """Return the reason for each stimulus that cannot be decoded, by id; decodes every image."""
    reasons = {}
    for one, path in zip(stimuli.ids, stimulus_paths(stimuli), strict=True):
        try:
            decode_image(path)
        except StimulusError as error:
            reasons[one] = str(error)
    return reasons


def stimulus_paths(stimuli: StimulusSet) -> list[Path]:
    """Return the absolute path of each stimulus, in order."""
    return [stimuli.root / file for file in stimuli.files]


def listing_digest(stimuli: StimulusSet) -> str:
    """Return the digest of which stimuli there are, where, in which order, with which labels."""
    return digest_value([str(stimuli.root), stimuli.ids, stimuli.files, dict(stimuli.labels)])


def model_digests(inputs: Inputs) -> tuple[tuple[str, str], ...]:
    """Return (role, digest) of what the model is made from: its weights, a user's source files."""
    roles: dict[str, list[str]] = {}
    for path in inputs.model.files:
        role = "target" if path.suffix == ".py" else "weights"
        roles.setdefault(role, []).append(inputs.files[str(path)].digest)
    return tuple(
        (role, digests[0] if len(digests) == 1 else digest_value(digests))
        for role, digests in roles.items()
    )


def request_digest(config: Config, inputs: Inputs) -> str:
    """Return the digest of what the structure of the activations follows from."""
    return digest_value(
        {
            "model": to_json(inputs.model.spec),
            "model_digests": model_digests(inputs),
            "layers": config.layers,
            "dtype": config.run.dtype,
            "postfunctions": chain_texts(inputs.chain),
            "postfunction_digests": source_digests(inputs.chain),
            "runtime": {**vars(config.runtime), "device": inputs.device, "batch_size": None},
            "versions": versions(inputs.model.spec.source),
        }
    )


def find_device(wanted: str) -> str:
    """Return the device that `runtime.device` means here; ConfigError if there is none such."""
    if wanted == "cpu":
        return wanted
    import torch

    n = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "auto":
        return "cuda" if n else "cpu"
    if int(wanted.partition(":")[2] or 0) >= n:
        raise ConfigError(
            f"runtime.device={wanted}: torch sees {n} CUDA devices here; use auto or cpu."
        )
    return wanted
