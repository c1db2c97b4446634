"""What the config says layers are compared with: rsa.reference and the brain section, opened."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING

from lens_pipeline.errors import ComparisonError, ConfigError
from lens_pipeline.pipeline.config import NO_RDMS
from lens_pipeline.rsa.noise_files import covariance_of, read_covariances
from lens_pipeline.rsa.rdms import rdm_method
from lens_pipeline.rsa.references.id_lists import read_ids
from lens_pipeline.rsa.references.loading import Reading, Reference, open_references, split_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lens_pipeline.pipeline.config import Config
    from lens_pipeline.rsa.noise_files import Covariances
    from lens_pipeline.store.schema import LayerSpec


def reference_files(config: Config) -> tuple[Path, ...]:
    """Return the files that the analysis reads, and where lists of ids would lie beside them.

    Raises ComparisonError or ConfigError for a file or folder that is not there.
    """
    texts = [*config.rsa.reference, *brain_texts(config)]
    files = [split_key(text)[0] for text in texts]
    beside = [path.with_name(f"{path.stem}.ids.txt") for path in files]
    if config.rsa.noise is not None:
        files.append(split_key(config.rsa.noise)[0])
    if config.brain.ids is not None and config.brain.files:
        files.append(_ids_file(config)[0])
    return (*files, *beside)


def brain_texts(config: Config) -> tuple[str, ...]:
    """Return FILE[:KEY] of each file of the brain section, in its folder."""
    brain = config.brain
    if not brain.files:
        return ()
    if brain.root is None:
        raise ConfigError(
            f"brain={brain.name or 'custom'} reads {', '.join(brain.files)}; say in which folder "
            "they are with brain.root=FOLDER."
        )
    return tuple(str(brain.root / file) for file in brain.files)


def brain_reading(config: Config) -> Reading:
    """Return how the files of the brain section are read; reads the list of ids."""
    brain = config.brain
    return Reading(
        align=config.rsa.align,
        method=brain.method or config.rsa.method,
        normalise=brain.normalise,
        regions=brain.regions,
        subjects=brain.subjects,
        pool=brain.pool,
        ids=read_ids(*_ids_file(config)) if brain.ids is not None else None,
    )


def open_all(config: Config, stimulus_ids: Sequence[str]) -> list[Reference]:
    """Return every reference of the config, joined with these stimuli.

    Raises ComparisonError for a file, ids or values that do not fit.
    """
    plain = Reading(align=config.rsa.align, method=config.rsa.method)
    found = [
        one
        for text in config.rsa.reference
        for one in open_references(text, stimulus_ids=stimulus_ids, reading=plain)
    ]
    texts = brain_texts(config)
    if texts:
        # ids that the section gives are joined by, whatever rsa.reference needs
        reading = brain_reading(config)
        if reading.ids is not None:
            reading = dataclasses.replace(reading, align="id")
        for text in texts:
            found += open_references(text, stimulus_ids=stimulus_ids, reading=reading)
    return found


def covariances(config: Config) -> Covariances:
    """Return the noise covariances of layers that the config names; empty if none.

    Raises ComparisonError for what is no covariance.
    """
    if config.rsa.noise is None:
        return {}
    return read_covariances(*split_key(config.rsa.noise))


def check_covariances(config: Config, layers: Sequence[LayerSpec]) -> None:
    """Raise ComparisonError if a layer that is going to be whitened has no covariance of its size.

    `layers` are those that the run keeps, with their shapes for one stimulus.
    """
    if config.rsa.method == NO_RDMS or not rdm_method(config.rsa.method).whitens:
        return
    found = covariances(config)
    for layer in layers:
        n_units = math.prod(layer.shape)
        for number in layer.passes:
            given = covariance_of(found, layer.name, number)
            if given is None or len(given) != n_units:
                has = "no covariance" if given is None else f"a covariance of {len(given)} units"
                where = f" in rsa.noise={config.rsa.noise}" if config.rsa.noise else ""
                raise ComparisonError(
                    f"{layer.name}:{number} has {n_units} units and {has}{where}, which "
                    f"rsa.method={config.rsa.method} needs; give one of {n_units} x {n_units} as "
                    f"{layer.name} in rsa.noise=FILE.npz, or keep fewer units with a postfunction."
                )


def _ids_file(config: Config) -> tuple[Path, str | None]:
    brain = config.brain
    path, _, column = str(brain.ids).partition(":")
    file = (brain.root or Path()) / path
    if not file.is_file():
        raise ConfigError(
            f"brain.ids={brain.ids} names no file in brain.root={brain.root}; give FILE:COLUMN of "
            f"a table of stimulus ids."
        )
    return file, column or None
