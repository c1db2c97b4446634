"""`open_run`: a finished run folder as labelled objects, nothing read before it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lens_pipeline.errors import StoreError
from lens_pipeline.pipeline.job.record import RECORD, Record, read_record

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from rsatoolbox.rdm.rdms import RDMs


# Files that a finished run lacks, and what makes them.
_ASKED = {
    "comparisons.csv": "a reference of 8 or more stimuli and rsa.bootstrap=null",
    "choices.csv": "a reference of enough stimuli and rsa.choose=stimuli",
    "time.csv": "data that have time and rsa.time_mapping=...",
    "cka.csv": "rsa.cka=true",
    "encoding_units.parquet": "encoding=ridge and responses in brain.files",
}


@dataclass(frozen=True)
class Run:
    """One run folder."""

    folder: Path
    record: Record

    @property
    def config(self) -> dict[str, Any]:
        """Every setting of the run, as nested dicts."""
        return dict(self.record.config)

    @property
    def stand_ins(self) -> tuple[str, ...]:
        """One sentence per asset that something stood in for; empty where all is real."""
        return self.record.stand_ins

    @property
    def activations(self) -> xr.DataTree:
        """One group per layer, `activation` with dims stimulus, pass, units; close it when done."""
        from lens_pipeline.pipeline.job.online import check_kept
        from lens_pipeline.store.trees import open_activations

        check_kept(self.folder, self.record.analysis)
        return open_activations(self.folder)

    @property
    def rdms(self) -> RDMs:
        """One RDM per layer and pass that has one, labelled by layer, pass and stimulus_id."""
        from lens_pipeline.rsa.rdm_files import read_rdms

        return read_rdms(self.folder).rdms

    @property
    def scores(self) -> pd.DataFrame:
        """One row per layer, pass, reference and measure; empty without a reference."""
        import pandas as pd

        return pd.read_parquet(self._existing("scores.parquet"))

    @property
    def layers(self) -> pd.DataFrame:
        """The likeness of every layer and pass with every other."""
        import pandas as pd

        table: pd.DataFrame = pd.read_csv(self._existing("layers.csv"), index_col=0)
        return table

    @property
    def cka(self) -> pd.DataFrame:
        """Linear CKA, debiased, of every layer and pass with every other (rsa.cka=true)."""
        import pandas as pd

        table: pd.DataFrame = pd.read_csv(self._existing("cka.csv"), index_col=0)
        return table

    @property
    def encoding(self) -> pd.DataFrame:
        """One row per method, layer, pass, region, subject, time and unit (encoding=ridge)."""
        import pandas as pd

        return pd.read_parquet(self._existing("encoding_units.parquet"))

    @property
    def comparisons(self) -> pd.DataFrame:
        """One row per pair of layers and passes, reference and measure: do their scores differ."""
        return self._table("comparisons")

    @property
    def choices(self) -> pd.DataFrame:
        """The best layer and pass, chosen on some stimuli and scored on others."""
        return self._table("choices")

    @property
    def health(self) -> pd.DataFrame:
        """One row per layer and pass: dead and constant units, dimensions, what to be warned of."""
        return self._table("health")

    @property
    def time(self) -> pd.DataFrame:
        """Scores of every pass within its own window of brain time (rsa.time_mapping)."""
        return self._table("time")

    def _table(self, name: str) -> pd.DataFrame:
        import pandas as pd

        table: pd.DataFrame = pd.read_csv(self._existing(f"{name}.csv"))
        return table

    def _existing(self, name: str) -> Path:
        path = self.folder / name
        if path.is_file():
            return path
        asked = f" with {_ASKED[name]}" if name in _ASKED and self.record.outputs else ""
        end = f"again{asked}" if asked else "again to finish it"
        raise StoreError(f"There is no {path} yet; give the run's command {end}.")


def open_run(path: Path | str) -> Run:
    """Return the run in a folder.

    Raises StoreError if there is none, or only its beginning.
    """
    folder = Path(path).expanduser()
    record = read_record(folder)
    if record is None:
        raise StoreError(f"There is no run in {folder}: it has no {RECORD}.")
    return Run(folder, record)
