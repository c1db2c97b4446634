"""`rsa.online`: only what is made from activations stays on disk; they are deleted once it is made.

An RDM needs every pair of stimuli and stimuli arrive in batches, so while a run goes on its shards
are there as in any other run: they are what is resumed from, and what makes the RDMs those of a
run that keeps them, bit for bit. They are deleted after every result is written and before the run
counts as finished, so a run that is stopped anywhere goes on from what it has. The finished run is
recognised as any other; one that asks for something new of the activations computes them again.
"""

from __future__ import annotations

import logging
import shutil
from typing import TYPE_CHECKING, Any

from lens_pipeline.errors import StoreError
from lens_pipeline.pipeline.job.record import SHARDS
from lens_pipeline.store.index import INDEX_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LOG = logging.getLogger(__name__)
# the key of the record's analysis under which a run says that its activations are gone
_KEY = "activations"
_GONE = "deleted once the RDMs were made (rsa.online=true)"


def drop_activations(folder: Path) -> dict[str, Any]:
    """Delete index and shards of a claimed folder; return what the record says about it."""
    # the index first: without it nobody takes a run whose shards are going for one that is there
    (folder / INDEX_NAME).unlink(missing_ok=True)
    if (folder / SHARDS).is_dir():
        shutil.rmtree(folder / SHARDS)
    _LOG.info("the activations are deleted, RDMs and tables are kept (rsa.online=true)")
    return {_KEY: _GONE}


def activations_dropped(analysis: Mapping[str, Any]) -> bool:
    """Say of a record's analysis whether the activations it was made from are gone on purpose."""
    return analysis.get(_KEY) == _GONE


def check_kept(folder: Path, analysis: Mapping[str, Any]) -> None:
    """Raise StoreError if the run in `folder` deleted its activations."""
    if activations_dropped(analysis):
        raise StoreError(
            f"The run in {folder} kept RDMs and no activations (rsa.online=true); give its command "
            "again with rsa.online=false."
        )
