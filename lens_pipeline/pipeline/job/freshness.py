"""Freshness: whether the results in a run folder still follow from what they were made from.

No image is decoded for it, and no model loaded but a user's own, whose weights show no other way.
Files are looked at by their inode and read again only where that differs; stimulus folders are
listed again, since a new image changes no old file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lens_pipeline.digests import stamp_files
from lens_pipeline.errors import LensError
from lens_pipeline.pipeline.config import Config, plain_config, read_config
from lens_pipeline.pipeline.job.record import SHARDS, Record, places
from lens_pipeline.store.seal import find_seal
from lens_pipeline.task import versions

# Settings that say where and how fast, not what.
_INCIDENTAL = (
    "executor.",
    "run.",
    "draw.",
    "runtime.batch_size",
    "runtime.certify",
    "stimuli.cache",
)
# Changes are told one by one up to this many.
_SHOWN = 5


def changes(record: Record, folder: Path, *, config: Config | None = None) -> tuple[str, ...]:
    """Return what differs from when `folder` was recorded; nothing if its results stand.

    `config`: what is wanted now; by default what was wanted then.
    """
    wanted = config or read_config(record.config)
    found = [*_changed_settings(record, wanted), *_changed_versions(record)]
    found += [*_changed_places(record), *_changed_files(record), *_changed_outputs(record, folder)]
    if not found:
        found += [*_changed_stimuli(record, wanted), *_changed_target(record)]
    if len(found) > _SHOWN:
        found = [*found[:_SHOWN], f"and {len(found) - _SHOWN} more"]
    return tuple(found)


def _changed_settings(record: Record, config: Config) -> Iterator[str]:
    before, now = dict(flat(record.config)), dict(flat(plain_config(config)))
    for name in sorted(before.keys() | now.keys()):
        incidental = name.startswith(_INCIDENTAL) and name != "run.dtype"
        if before.get(name) != now.get(name) and not incidental:
            yield f"{name} was {before.get(name)} and is {now.get(name)}"


def flat(plain: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted name and value of each setting.

    >>> list(flat({"rsa": {"align": "id"}, "layers": ["auto"]}))
    [('rsa.align', 'id'), ('layers', ['auto'])]
    """
    for name, value in plain.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _changed_versions(record: Record) -> Iterator[str]:
    now = versions(str(record.model.get("source", "")))
    for name in sorted(record.versions.keys() | now.keys()):
        before = record.versions.get(name, "absent")
        if before != now.get(name, "absent"):
            yield f"{name} was {before} and is {now.get(name, 'absent')}"


def _changed_places(record: Record) -> Iterator[str]:
    now = places()
    for name in sorted(record.places.keys() | now.keys()):
        if record.places.get(name) != now.get(name):
            yield f"{name} was {record.places.get(name)} and is {now.get(name)}"


def _changed_files(record: Record) -> Iterator[str]:
    for path in record.missing:
        if Path(path).exists():
            yield f"{path} has appeared"
    for path, stamp in record.files.items():
        try:
            now = stamp_files([Path(path)], known={path: stamp})[path]
        except OSError:
            yield f"{path} is gone"
            continue
        if now.digest != stamp.digest:
            yield f"{path} has other content"


def _changed_outputs(record: Record, folder: Path) -> Iterator[str]:
    for name, size in record.outputs.items():
        path = folder / name
        if not path.is_file():
            yield f"{path} is gone"
        elif path.stat().st_size != size:
            yield f"{path} has another size"
        elif name.startswith(f"{SHARDS}/") and not find_seal(path):
            yield f"{path} is damaged"


def _changed_stimuli(record: Record, config: Config) -> Iterator[str]:
    from lens_pipeline.pipeline.job.inputs import find_stimuli, listing_digest
    from lens_pipeline.postfunctions import parse_postfunctions, source_digests

    try:
        if listing_digest(find_stimuli(config).stimuli) != record.stimuli["listing"]:
            yield f"the stimuli of {config.stimuli.name} are others"
        if dict(source_digests(parse_postfunctions(config.postfunction))) != record.postfunctions:
            yield "a postfunction's source has changed"
    except LensError as error:
        yield str(error)


def _changed_target(record: Record) -> Iterator[str]:
    """Build a user's own model again: which files it loads is known to itself alone."""
    if record.model["source"] != "target":
        return
    from lens_pipeline.models.loading import load_model
    from lens_pipeline.models.spec import from_json

    try:
        digest = load_model(from_json(dict(record.model))).weights_digest
    except LensError as error:
        yield str(error)
        return
    if digest != record.structure["weights_digest"]:
        yield f"{record.model['target']} returns other weights"
