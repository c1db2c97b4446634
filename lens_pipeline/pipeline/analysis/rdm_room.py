"""Whether the RDMs of a run fit into memory: they grow with the square of the stimuli.

Activations are read block by block and RDMs are compared whole, so it is the number of stimuli that
decides, and it is known before anything is computed. A selector, or `auto`, is counted as one layer
of one pass, so what is refused here could not have been done.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lens_pipeline.errors import BudgetError
from lens_pipeline.pipeline.console import size_text
from lens_pipeline.pipeline.memory import available_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lens_pipeline.pipeline.config import Config

_LOG = logging.getLogger(__name__)
# bytes for each pair of rows while RDMs are compared: of one RDM, which is ranked, and of what is
# sorted meanwhile; measured with 1, 5 and 10 layers of 2,000 to 3,000 stimuli
_EACH = 18
_MEANWHILE = 45
# stimuli from which the square of their number is worth a word
_MANY = 2500


def rdm_memory(n_patterns: int, n_rdms: int) -> int:
    """Return about the bytes that comparing RDMs takes.

    >>> rdm_memory(5000, 5)
    3375000000
    """
    return (_EACH * n_rdms + _MEANWHILE) * n_patterns**2


def check_rdm_room(
    config: Config,
    n_patterns: int,
    labels: Mapping[str, Sequence[str]],
    *,
    memory: int | None = None,
) -> None:
    """Raise BudgetError if the RDMs cannot fit into `memory`, by default what there is; advise.

    `labels`: columns along the `n_patterns` stimuli, or values of rsa.average, that RDMs are of.
    """
    if n_patterns < _MANY:
        return
    n_rdms = len(config.layers)
    wanted = rdm_memory(n_patterns, n_rdms)
    room = config.run.max_memory or (available_bytes() if memory is None else memory)
    advice = _advice(config, n_patterns, labels)
    if wanted > room:
        raise BudgetError(
            f"RDMs of {n_patterns} stimuli, {n_rdms} of them at least, take about "
            f"{size_text(wanted)} of memory to compare, and there are {size_text(room)}; "
            f"{advice or 'set stimuli.limit'}{', or choose fewer layers' if n_rdms > 1 else ''}, "
            "or give rsa.method=none for activations without RDMs."
        )
    _LOG.info(
        "each RDM of %d stimuli takes %s on disk, and comparing %d of them about %s of memory%s",
        n_patterns,
        size_text(4 * n_patterns**2),
        n_rdms,
        size_text(wanted),
        f"; {advice}" if advice else "",
    )


def _advice(config: Config, n_patterns: int, labels: Mapping[str, Sequence[str]]) -> str:
    """Return what would make RDMs of fewer patterns; empty where no column of labels does."""
    column = config.rsa.group or ""
    n_values = len(set(labels.get(column, ())))
    if config.rsa.average is not None or not 2 < n_values < n_patterns:
        return ""
    return f"rsa.average={column} makes RDMs of {n_values} values of {column}"
