"""RDMs and the run folder: made from its activations, written to rdms.nc, read back.

rdms.nc is one dense Dataset, `rdm` (layer, pass, stimulus, stimulus_b). A pass that a layer does
not have is NaN there, and so is one that has no RDM; `flag` tells the two apart and gives the
reason, and `n_passes` (layer) counts the passes that a layer has. The values are the float32
numbers that are in memory, so reading gives the same RDMs.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial.distance import squareform

from lens_pipeline.rsa.averaging import averaged
from lens_pipeline.rsa.noise_files import covariance_of
from lens_pipeline.rsa.rdms import (
    RDM_METHODS,
    Flag,
    LayerPass,
    RdmSet,
    compute_rdms,
    label_rdms,
)
from lens_pipeline.store.dense import open_dense, write_dense
from lens_pipeline.store.trees import iter_blocks, layer_pass, layer_passes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import xarray as xr

    from lens_pipeline.rsa.averaging import Averaging
    from lens_pipeline.rsa.noise_files import Covariances
    from lens_pipeline.rsa.rdms import Blocks

NAME = "rdms.nc"


def rdms_of_tree(
    tree: xr.DataTree,
    *,
    method: str = "correlation",
    noise: Covariances | None = None,
    over: Averaging | None = None,
    done: Callable[[str], None] | None = None,
) -> RdmSet:
    """Return the RDMs of all layers and passes of an opened store, read block by block.

    `noise`: covariances of units by layer, which Mahalanobis distances need. `over`: stimuli that
    are averaged; ids are then its values. `done` is called with the name of each as it is finished.
    """
    parts = layer_passes(tree)
    first = layer_pass(tree, parts[0][0], pass_number=parts[0][1])
    ids = [str(stimulus) for stimulus in first["stimulus"].to_numpy()]
    return compute_rdms(
        _activations(tree, parts, noise or {}, over=over),
        stimulus_ids=ids if over is None else over.values,
        method=method,
        done=done,
    )


def write_rdms(path: Path, rdm_set: RdmSet, *, attrs: Mapping[str, Any] | None = None) -> None:
    """Write rdms.nc, whole or not at all; `attrs` are further root attributes."""
    import xarray as xr

    counts = Counter(layer for layer, _ in rdm_set.parts)
    layers, passes = list(counts), sorted({number for _, number in rdm_set.parts})
    ids = np.array(rdm_set.rdms.pattern_descriptors["stimulus_id"], dtype=object)
    matrices = _matrices(rdm_set, layers, passes)
    label = {"long_name": RDM_METHODS[rdm_set.method].label}
    dataset = xr.Dataset(
        {
            "rdm": (("layer", "pass", "stimulus", "stimulus_b"), matrices, label),
            "n_passes": ("layer", list(counts.values())),
        },
        coords={
            "layer": np.array(layers, dtype=object),
            "pass": passes,
            "time_step": ("pass", np.array(passes) - 1),
            "stimulus": ids,
            "stimulus_b": ids,
        },
        attrs={**(attrs or {}), "rdm_method": rdm_set.method},
    )
    dataset["flag"] = (("layer", "pass"), _flags(rdm_set, layers, passes))
    write_dense(path, dataset)


def read_rdms(path: Path) -> RdmSet:
    """Read rdms.nc, or that of a run folder; raises StoreError for anything else."""
    with open_dense(path, name=NAME) as dataset:
        method = str(dataset.attrs["rdm_method"])
        reasons = dataset["flag"].to_numpy()
        parts = [
            (str(layer), int(number), str(reasons[row, column]))
            for row, layer in enumerate(dataset["layer"].to_numpy())
            for column, number in enumerate(dataset["pass"].to_numpy())
            if reasons[row, column] != _ABSENT
        ]
        kept = [(layer, number) for layer, number, reason in parts if not reason]
        vectors = [
            squareform(
                dataset["rdm"].sel({"layer": layer, "pass": number}).to_numpy().astype(np.float64)
            )
            for layer, number in kept
        ]
        ids = [str(stimulus) for stimulus in dataset["stimulus"].to_numpy()]
    return RdmSet(
        rdms=label_rdms(vectors, kept, stimulus_ids=ids, method=method),
        flags=tuple(Flag(*part) for part in parts if part[2]),
        parts=tuple((layer, number) for layer, number, _ in parts),
        method=method,
    )


# in `flag`, of a pass that the layer does not have; the empty text is a pass with an RDM
_ABSENT = "absent"


def _activations(
    tree: xr.DataTree,
    parts: tuple[tuple[str, int], ...],
    noise: Covariances,
    *,
    over: Averaging | None,
) -> Iterator[LayerPass]:
    for layer, number in parts:
        blocks: Blocks = partial(iter_blocks, tree, layer, pass_number=number)
        if over is not None:
            blocks = averaged(blocks, over)
        yield LayerPass(layer, number, blocks, covariance_of(noise, layer, number))


def _matrices(rdm_set: RdmSet, layers: list[str], passes: list[int]) -> np.ndarray:
    rows = rdm_set.rdms.rdm_descriptors
    n = len(rdm_set.rdms.pattern_descriptors["stimulus_id"])
    matrices = np.full((len(layers), len(passes), n, n), np.nan, dtype=np.float32)
    parts = zip(rows["layer"], rows["pass"], rdm_set.rdms.dissimilarities, strict=True)
    for layer, number, vector in parts:
        matrices[layers.index(layer), passes.index(number)] = squareform(vector)
    return matrices


def _flags(rdm_set: RdmSet, layers: list[str], passes: list[int]) -> np.ndarray:
    reasons = dict.fromkeys(rdm_set.parts, "")
    reasons |= {(flag.layer, flag.number): flag.reason for flag in rdm_set.flags}
    cells = [[reasons.get((layer, number), _ABSENT) for number in passes] for layer in layers]
    return np.array(cells, dtype=object)
