from __future__ import annotations

import subprocess
import sys

import h5py
import numpy as np
import pytest

from lens_pipeline.store.sink import new_hdf5

# A file size limit fails as a full disk does: in the middle of a write, with an OSError.
FULL_DISK = """
import os, resource, signal, sys
from pathlib import Path
import h5py, numpy as np
from lens_pipeline.store.sink import new_hdf5
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
values = np.random.default_rng(0).standard_normal((256, 1000))
before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
try:
    with new_hdf5(Path(sys.argv[1])) as (file, sink):
        kept = file.create_dataset("a", shape=values.shape, dtype="f8", **eval(sys.argv[2]))
        for row in range(256):
            kept[row] = values[row]
except OSError as error:
    print(error.strerror)
after = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
print("open files left:", after - before)
"""


@pytest.mark.parametrize("layout", ["{}", "dict(chunks=(1, 1000), compression=1)"])
def test_a_full_disk_is_an_error_and_not_a_crash(tmp_path, layout):
    """The process ends normally and keeps nothing open, whatever HDF5 had in its caches."""
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "x"), layout]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "File too large\nopen files left: 0\n"


def test_the_file_is_what_hdf5_alone_would_write(tmp_path):
    """Large and small writes, reading back and truncation go through the sink."""
    values = np.random.default_rng(0).standard_normal((50, 400))
    with new_hdf5(tmp_path / "x.h5") as (file, sink):
        for number in range(20):
            chunked = {"chunks": (3, 7), "compression": 1} if number % 2 else {}
            file.create_dataset(f"d{number}", data=values, **chunked)
        assert (file["d1"][:] == values).all()
        assert sink.error is None
    with h5py.File(tmp_path / "x.h5") as file:
        assert list(file) == [f"d{number}" for number in range(20)]
        assert all((item[:] == values).all() for item in file.values())
