"""`verify RUN`: is what lies in a run folder whole, unchanged and the run's own.

Nothing is changed unless asked: with repair=true the shards that are damaged are deleted and the
run's config is carried out again, which makes them and nothing else.
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lens_pipeline.pipeline.console import say, size_text
from lens_pipeline.pipeline.job.online import activations_dropped
from lens_pipeline.pipeline.job.record import SHARDS
from lens_pipeline.pipeline.words.byte_bar import byte_bar
from lens_pipeline.pipeline.words.options import recorded_run
from lens_pipeline.store.index import INDEX_NAME
from lens_pipeline.store.schema import spec_from_json
from lens_pipeline.store.shards import shard_path
from lens_pipeline.store.verification import Expected, Finding, verify_index, verify_shards

if TYPE_CHECKING:
    from pathlib import Path

    from lens_pipeline.pipeline.job.record import Record


@dataclass(frozen=True)
class Verdict:
    """What was found in one run folder."""

    folder: Path
    n_shards: int
    # bytes of all shards that are there
    size: int
    # in the order of the stimuli, then the index, then the other files
    findings: tuple[Finding, ...]
    # the run deleted its activations (rsa.online), so that there are no shards to look at
    dropped: bool = False


def verify_run(folder: Path) -> Verdict:
    """Look at every shard, the index and every recorded file; reads each shard twice.

    Raises StoreError where there is no run.
    """
    record = recorded_run(folder)
    dropped = activations_dropped(record.analysis)
    expected = [] if dropped else expected_shards(folder, record)
    size = sum(one.path.stat().st_size for one in expected if one.path.is_file())
    with byte_bar("verifying", size) if size else nullcontext(None) as done:
        findings = list(verify_shards(expected, done=done))
    if not dropped and not any(finding.remake for finding in findings):
        findings += verify_index(folder, [one.path for one in expected])
    findings += _other_files(folder, record)
    return Verdict(folder, len(expected), size, tuple(findings), dropped)


def expected_shards(folder: Path, record: Record) -> list[Expected]:
    """Return what each shard of a run has to be, as far as the record and the index tell."""
    layers = tuple(spec_from_json(item) for item in record.structure["layers"])
    ids = _shown_ids(folder / INDEX_NAME)
    return [
        Expected(shard_path(folder / SHARDS, part.key), ids[part.start : part.stop], layers)
        for part in record.slices
    ]


def _shown_ids(index: Path) -> tuple[str, ...]:
    """Return the ids of the index in order, none where it cannot be read."""
    import h5py

    try:
        with h5py.File(index) as file:
            return tuple(name.decode() for name in file["stimulus"][:])
    except (OSError, KeyError):
        return ()


def _other_files(folder: Path, record: Record) -> list[Finding]:
    """Return what is wrong with tables, figures and the rest, by their size alone."""
    findings = []
    for name, size in record.outputs.items():
        path = folder / name
        if name.startswith(f"{SHARDS}/") or name == INDEX_NAME:
            continue
        if not path.is_file():
            findings.append(Finding(path, f"{path} is gone.", remake=True))
        elif path.stat().st_size != size:
            what = f"{path} has {path.stat().st_size} bytes and had {size} when the run ended."
            findings.append(Finding(path, what, remake=True))
    return findings


def describe(verdict: Verdict) -> str:
    """Return a sentence per finding, and what to do."""
    shards = f"{verdict.n_shards} shards, {size_text(verdict.size)}"
    gone = "no activations (rsa.online=true), the other files"
    head = f"{verdict.folder}: {gone if verdict.dropped else shards}"
    if not verdict.findings:
        return f"{head}, every one whole, unchanged and in its place"
    lines = [f"{head}, {_count(verdict)} wrong", *_sentences(verdict)]
    if any(finding.remake for finding in verdict.findings):
        lines.append(
            f"to make again what is damaged, and nothing else: "
            f"lens-pipeline verify {verdict.folder} repair=true"
        )
    return "\n".join(lines)


def _count(verdict: Verdict) -> str:
    n = len(verdict.findings)
    return "1 thing is" if n == 1 else f"{n} things are"


def _sentences(verdict: Verdict) -> list[str]:
    return [f"  {finding.what}" for finding in verdict.findings]


def repair_run(folder: Path, verdict: Verdict) -> None:
    """Delete what is damaged and carry out the run's config again, in the same folder."""
    from lens_pipeline.pipeline.config import plain_config, read_config
    from lens_pipeline.pipeline.job.job import run_job
    from lens_pipeline.store.lock import folder_lock

    config = read_config(recorded_run(folder).config)
    config = replace(config, run=replace(config.run, folder=folder.absolute()))
    with folder_lock(folder):
        for finding in verdict.findings:
            if finding.remake:
                finding.path.unlink(missing_ok=True)
    run_job(json.loads(json.dumps(plain_config(config))))


def verify_command(folder: Path, *, repair: bool) -> bool:
    """Verify, print, repair if asked to; return whether all is well in the end."""
    verdict = verify_run(folder)
    say(describe(verdict))
    if not repair or not any(finding.remake for finding in verdict.findings):
        return not verdict.findings
    repair_run(folder, verdict)
    after = verify_run(folder)
    say(describe(after))
    return not after.findings
