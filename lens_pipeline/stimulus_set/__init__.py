"""Stimulus sets: which images there are, in which order, under which ids, with which labels.

`open_stimuli` looks at names only; nothing is decoded and neither torch nor Pillow is imported.
Ids are strings and unique, and every file that was found is listed, refused with its reason,
ignored or left out: the account adds up.
"""

from __future__ import annotations

from lens_pipeline.stimulus_set.decoding import decode_image, read_image
from lens_pipeline.stimulus_set.records import (
    Account,
    ResolvedStimuli,
    StimulusSet,
    describe_account,
    first_evenly,
    refuse,
)
from lens_pipeline.stimulus_set.sources import STIMULUS_SOURCES, open_stimuli

__all__ = [
    "STIMULUS_SOURCES",
    "Account",
    "ResolvedStimuli",
    "StimulusSet",
    "decode_image",
    "describe_account",
    "first_evenly",
    "open_stimuli",
    "read_image",
    "refuse",
]
