"""A small recording, written in every format that can hold one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pandas as pd
import scipy.io
import xarray as xr
from rsatoolbox.data import Dataset, TemporalDataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STIMULI = tuple("abcdefg")
REGIONS = ("V4", "V4", "V4", "IT", "IT", "IT", "IT")
SUBJECTS = ("m", "m", "n", "m", "n", "n", "n")
TIMES = (70.0, 90.0, 110.0)


@dataclass(frozen=True)
class Recording:
    """Presentations in a shuffled order, three repeats of seven stimuli, seven units."""

    # (21, 7, 3)
    rates: np.ndarray
    ids: tuple[str, ...]
    repetitions: tuple[int, ...]

    def mean(self, time: int = 0) -> np.ndarray:
        """The mean response (stimulus, unit), stimuli sorted."""
        rows = [[row for row, one in enumerate(self.ids) if one == name] for name in STIMULI]
        return np.stack([self.rates[of, :, time].mean(axis=0) for of in rows])

    def folds(self, time: int = 0) -> np.ndarray:
        """Responses (repetition, stimulus, unit), both sorted."""
        place = {key: row for row, key in enumerate(zip(self.repetitions, self.ids, strict=True))}
        return np.stack(
            [[self.rates[place[number, one], :, time] for one in STIMULI] for number in (1, 2, 3)]
        )


def recording(seed: int = 0) -> Recording:
    """Signal and noise of one size."""
    random = np.random.default_rng(seed)
    order = random.permutation(21)
    ids = np.repeat(list(STIMULI), 3)[order]
    repetitions = np.tile([1, 2, 3], 7)[order]
    signal = {name: random.normal(size=(7, 3)) for name in STIMULI}
    values = np.stack([signal[one] + random.normal(size=(7, 3)) for one in ids])
    return Recording(values, tuple(map(str, ids)), tuple(map(int, repetitions)))


def brain_score(path: Path, data: Recording) -> None:
    """presentation x neuroid x time_bin, with coordinates beside, as in Brain-Score's files."""
    xr.DataArray(
        data.rates,
        dims=("presentation", "neuroid", "time_bin"),
        coords={
            "stimulus_id": ("presentation", list(data.ids)),
            "repetition": ("presentation", list(data.repetitions)),
            "neuroid_id": ("neuroid", [f"n{n}" for n in range(7)]),
            "region": ("neuroid", list(REGIONS)),
            "animal": ("neuroid", list(SUBJECTS)),
            "time_bin_start": ("time_bin", list(TIMES)),
            "time_bin_end": ("time_bin", [time + 20 for time in TIMES]),
        },
        name="dicarlo",
    ).to_netcdf(path)


def npz(path: Path, data: Recording) -> None:
    """Arrays that label the axes."""
    np.savez(
        path,
        rates=data.rates,
        stimulus_id=np.array(data.ids),
        repetition=np.array(data.repetitions),
        region=np.array(REGIONS),
        subject=np.array(SUBJECTS),
        time=np.array(TIMES),
    )


def mat5(path: Path, data: Recording) -> None:
    """Cells of text beside an array."""
    scipy.io.savemat(
        str(path),
        {
            "rates": data.rates,
            "stimulus_id": np.array(data.ids, dtype=object),
            "repetition": np.array(data.repetitions),
            "region": np.array(REGIONS, dtype=object),
            "subject": np.array(SUBJECTS, dtype=object),
            "time": np.array(TIMES),
        },
    )


def mat73(path: Path, data: Recording) -> None:
    """As MATLAB writes HDF5: transposed, texts as references to codes."""
    with h5py.File(path, "w") as file:
        file["rates"] = data.rates.T
        file["rates"].attrs["MATLAB_class"] = np.bytes_("double")
        for name, texts in (
            ("stimulus_id", data.ids),
            ("region", REGIONS),
            ("subject", SUBJECTS),
        ):
            cells = []
            for number, text in enumerate(texts):
                codes = np.array([[ord(letter)] for letter in text], dtype=np.uint16)
                cells.append(file.create_dataset(f"#refs#/{name}{number}", data=codes).ref)
            file.create_dataset(name, data=np.array(cells, dtype=h5py.ref_dtype))
        file["repetition"] = np.array(data.repetitions, dtype=float)
        file["time"] = np.array(TIMES)


def rsatoolbox(path: Path, data: Recording) -> None:
    """A TemporalDataset; its time is in seconds."""
    TemporalDataset(
        data.rates,
        obs_descriptors={"stim": list(data.ids), "run": list(data.repetitions)},
        channel_descriptors={"roi": list(REGIONS), "subject": list(SUBJECTS)},
        time_descriptors={"time": [time / 1000 for time in TIMES]},
    ).save(str(path), file_type="hdf5")


def frame(data: Recording) -> pd.DataFrame:
    """One row per value."""
    rows = [
        (one, number, f"u{unit}", REGIONS[unit], SUBJECTS[unit], time, data.rates[row, unit, at])
        for row, (one, number) in enumerate(zip(data.ids, data.repetitions, strict=True))
        for unit in range(7)
        for at, time in enumerate(TIMES)
    ]
    names = ["stimulus_id", "repetition", "unit", "region", "subject", "time", "response"]
    return pd.DataFrame(rows, columns=names)


FORMATS: dict[str, Callable[[Path, Recording], None]] = {
    "score.nc": brain_score,
    "x.npz": npz,
    "five.mat": mat5,
    "seven.mat": mat73,
    "x.hdf5": rsatoolbox,
    "x.csv": lambda path, data: frame(data).to_csv(path, index=False),
    "x.parquet": lambda path, data: frame(data).to_parquet(path),
}


def plain_dataset(data: Recording, units: list[int]) -> Dataset:
    """Some units at the first time, as rsatoolbox takes them."""
    return Dataset(
        data.rates[:, units, 0],
        obs_descriptors={"stim": list(data.ids), "run": [str(n) for n in data.repetitions]},
    )
