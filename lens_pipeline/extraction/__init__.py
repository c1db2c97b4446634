"""The join of models, stimuli, tracer, selectors, postfunctions and store.

`probe` traces a model twice on a few stimuli and finds out what will be kept: which operations,
where their stimulus axis is, which shapes come out. `extract` then runs a Task and writes its
shard, refusing a batch that computed something else than the probe did.
"""

from lens_pipeline.extraction.batches import batches, load_example, loader
from lens_pipeline.extraction.extract import Destination, Extracted, extract
from lens_pipeline.extraction.layout import Pick
from lens_pipeline.extraction.probe import Structure, choose_selectors, probe

__all__ = [
    "Destination",
    "Extracted",
    "Pick",
    "Structure",
    "batches",
    "choose_selectors",
    "extract",
    "load_example",
    "loader",
    "probe",
]
