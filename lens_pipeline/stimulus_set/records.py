"""StimulusSet and its Account, and the ways to make a smaller set of a set."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lens_pipeline.errors import StimulusError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Account:
    """What became of every file; found = listed + refused + ignored + left out."""

    # files in the folder, or rows of the table
    found: int
    # stimuli of the set
    listed: int
    # (file, reason) of each file that was not accepted
    refused: tuple[tuple[str, str], ...] = ()
    # hidden files and the data set's own lists
    ignored: int = 0
    # accepted, then left out by a limit
    left_out: int = 0
    # images that an official list names and that have no file; not part of `found`
    missing: int = 0
    # concepts that an official list names and that have no image; not part of `found`
    missing_concepts: int = 0


@dataclass(frozen=True)
class StimulusSet:
    """Ordered stimuli: `ids`, `files` and each column of `labels` are aligned."""

    # name in tables, figures and folders
    name: str
    # folder that `files` are relative to
    root: Path
    # unique
    ids: tuple[str, ...]
    # relative posix paths under `root`; absolute where a table names a file elsewhere
    files: tuple[str, ...]
    # column name -> one text a stimulus, such as "concept" or "folder"
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    account: Account = field(default_factory=lambda: Account(found=0, listed=0))


@dataclass(frozen=True)
class ResolvedStimuli:
    """A StimulusSet, and whether it stands in for what was asked for."""

    stimuli: StimulusSet
    # one sentence that says what stands in for what and why; None when it is the set asked for
    stand_in: str | None = None
    # paths looked for and not found; if one appears, the stimuli must be opened again
    missing: tuple[Path, ...] = ()


def first_evenly(stimuli: StimulusSet, limit: int | None) -> StimulusSet:
    """Return at most `limit` stimuli in their order, spread over their concepts or folders.

    The first exemplar of every concept is taken before the second of any; where a round does not
    fit, evenly spaced concepts are taken. Without concepts it is the first `limit` stimuli.
    """
    if limit is None or limit >= len(stimuli.ids):
        return stimuli
    groups = stimuli.labels.get("concept") or stimuli.labels.get("folder") or ()
    chosen = _rounds(groups, limit) if len(set(groups)) > 1 else set(range(limit))
    left_out = stimuli.account.left_out + len(stimuli.ids) - limit
    return replace(
        _kept(stimuli, chosen), account=replace(stimuli.account, listed=limit, left_out=left_out)
    )


def refuse(stimuli: StimulusSet, reasons: Mapping[str, str]) -> StimulusSet:
    """Return the set without the stimuli whose ids are in `reasons`, which enter the account.

    Raises StimulusError if nothing would be left.
    """
    kept = {n for n, one in enumerate(stimuli.ids) if one not in reasons}
    if not kept:
        raise StimulusError(
            f"None of the {len(stimuli.ids)} images of {stimuli.name} can be used; the first, "
            f"{stimuli.files[0]}: {reasons[stimuli.ids[0]]}."
        )
    named = [
        (file, reasons[one])
        for one, file in zip(stimuli.ids, stimuli.files, strict=True)
        if one in reasons
    ]
    account = replace(stimuli.account, listed=len(kept), refused=(*stimuli.account.refused, *named))
    return replace(_kept(stimuli, kept), account=account)


def describe_account(account: Account) -> str:
    """Return the account in words.

    >>> describe_account(Account(found=5, listed=3, refused=(("a.gif", "not read"),), ignored=1))
    '5 files found: 3 listed, 1 refused, 1 ignored'
    """
    parts = [f"{account.listed} listed"]
    for count, word in (
        (len(account.refused), "refused"),
        (account.ignored, "ignored"),
        (account.left_out, "left out by the limit"),
    ):
        if count:
            parts.append(f"{count} {word}")
    text = f"{account.found} files found: " + ", ".join(parts)
    if account.missing:
        text += f"; {account.missing} official images have no file"
    if account.missing_concepts:
        text += f"; {account.missing_concepts} official concepts have no image"
    return text


def _rounds(groups: tuple[str, ...], limit: int) -> set[int]:
    members: dict[str, list[int]] = defaultdict(list)
    for position, group in enumerate(groups):
        members[group].append(position)
    chosen: set[int] = set()
    for number in range(max(map(len, members.values()))):
        candidates = [found[number] for found in members.values() if number < len(found)]
        room = min(limit - len(chosen), len(candidates))
        chosen.update(candidates[k * len(candidates) // room] for k in range(room))
    return chosen


def _kept(stimuli: StimulusSet, chosen: Collection[int]) -> StimulusSet:
    def pick(values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(value for n, value in enumerate(values) if n in chosen)

    return replace(
        stimuli,
        ids=pick(stimuli.ids),
        files=pick(stimuli.files),
        labels={name: pick(column) for name, column in stimuli.labels.items()},
    )
