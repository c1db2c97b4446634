"""A simulated sweep: small models x generated stimuli, through every executor, compared bit by bit.

`python workflows/sweep/simulate.py` makes 2,000 images, sweeps 20 models over them in this process,
on a local Dask cluster and through a running scheduler, and says whether all stores and RDMs are
identical and how long each took.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).parent
EXECUTORS = ("serial", "dask", "address")


def main(arguments: Sequence[str] | None = None) -> int:
    """Sweep with every executor; the exit code says whether all stores are identical."""
    from lens_pipeline.pipeline.cli import main as lens_pipeline

    options = _options(arguments)
    make_stimuli(options.output / "stimuli", options.stimuli)
    rows, first = [], None
    for executor in options.executors:
        folder = options.output / executor
        with _importable(), _settings(executor, options.workers) as settings:
            started = time.perf_counter()
            code = lens_pipeline([*_sweep(options), *settings, f"run.folder={folder}"])
            seconds = time.perf_counter() - started
        if code:
            return code
        first = first or folder
        same = all(map(_identical, _jobs(first), _jobs(folder)))
        rows.append((executor, seconds, same))
    n = options.models * options.seeds * options.stimuli
    for executor, seconds, same in rows:
        told = "identical" if same else "DIFFERENT"
        print(f"{executor:<8} {seconds:7.1f} s  {n / seconds:7.0f} stimuli x models/s  {told}")
    return 0 if all(same for _, _, same in rows) else 1


def make_stimuli(folder: Path, n: int) -> None:
    """Draw `n` images of 64 x 64 pixels, smooth noise of its own seed each, unless they are there.

    Written losslessly, so that they are the same on every machine.
    """
    import numpy as np
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for number in range(n):
        path = folder / f"noise_{number:05}.png"
        if not path.exists():
            coarse = np.random.default_rng(number).integers(0, 255, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(coarse.repeat(8, 0).repeat(8, 1)).save(path)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("runs/simulated"))
    parser.add_argument("--stimuli", type=int, default=2000)
    parser.add_argument("--models", type=int, default=5, help="kinds of networks, 5 at most")
    parser.add_argument("--seeds", type=int, default=4, help="networks of each kind")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--executors", nargs="+", choices=EXECUTORS, default=list(EXECUTORS))
    return parser.parse_args(arguments)


def _sweep(options: argparse.Namespace) -> list[str]:
    with _importable():
        from small_models import MODELS
    names = ",".join(f"small_models:{model.__name__}" for model in MODELS[: options.models])
    return [
        "-m",
        "assets=strict",
        "model=custom",
        f"model.target={names}",
        f"+model.arguments.seed={','.join(map(str, range(options.seeds)))}",
        "model.preprocessing.resize=null",
        "model.preprocessing.resize_mode=none",
        "model.preprocessing.crop=null",
        "stimuli=folder",
        f"stimuli.root={options.output / 'stimuli'}",
        "layers=auto",
        "postfunction=flatten",
    ]


@contextmanager
def _importable() -> Iterator[None]:
    """Let this process and its workers import small_models."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE), before]))
    sys.path.insert(0, str(HERE))
    try:
        yield
    finally:
        sys.path.remove(str(HERE))
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


@contextmanager
def _settings(executor: str, workers: int) -> Iterator[list[str]]:
    """Yield the settings of an executor; for `address` a cluster that others would have started."""
    if executor == "serial":
        yield ["executor=serial"]
    elif executor == "dask":
        yield ["executor=dask", f"executor.workers={workers}"]
    else:
        from distributed import LocalCluster

        words = {"dashboard_address": "127.0.0.1:0", "threads_per_worker": 1}
        # what it has to say when it closes is of no use
        with LocalCluster(n_workers=workers, silence_logs=logging.CRITICAL, **words) as cluster:
            yield ["executor=address", f"executor.address={cluster.scheduler_address}"]


def _jobs(folder: Path) -> list[Path]:
    plain = json.loads((folder / "sweep.json").read_text(encoding="utf-8"))
    return [Path(job["folder"]) for job in plain["jobs"]]


def _identical(first: Path, second: Path) -> bool:
    """Compare names, labels, attributes and every value; HDF5 may place them as it likes."""
    import xarray as xr

    with ExitStack() as files:
        pairs = [
            [files.enter_context(read(folder / name)) for folder in (first, second)]
            for name, read in (("rdms.nc", xr.open_dataset), ("activations.nc", xr.open_datatree))
        ]
        return all(one.identical(other) for one, other in pairs)


if __name__ == "__main__":
    sys.exit(main())
