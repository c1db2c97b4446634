"""Trained and random SqueezeNets against IT on the 92 images; see README.md beside this file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

# set of images -> references that were measured with it
REFERENCES = {
    "images_grey": ("rdms_it.npz:human_IT", "rdms_it.npz:monkey_IT"),
    "images_white": ("fmri/fmri_IT_RDMs.npz", "fmri/fmri_EVC_RDMs.npz"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every network on every set of images, then write the table and the figure."""
    from lens_pipeline.pipeline.cli import main as lens_pipeline

    options = _options(arguments)
    folders = []
    for network, settings in _networks(options):
        for images, references in REFERENCES.items():
            folder = options.output / f"{network}-{images}"
            chosen = ",".join(str(options.data / reference) for reference in references)
            code = lens_pipeline(
                [
                    "experiment=it92",
                    *settings,
                    f"stimuli.root={options.data / images}",
                    f"rsa.reference=[{chosen}]",
                    f"run.folder={folder}",
                ]
            )
            if code:
                return code
            folders.append((network, folder))
    _write(options.output, folders)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder of the 92-image data")
    parser.add_argument("--weights", default="default", help="state dict of squeezenet1_1")
    parser.add_argument("--output", type=Path, default=Path("runs/it92"))
    parser.add_argument("--seeds", type=int, default=5, help="number of random networks")
    return parser.parse_args(arguments)


def _networks(options: argparse.Namespace) -> Iterator[tuple[str, list[str]]]:
    yield "trained", [f"model.weights={options.weights}"]
    for seed in range(options.seeds):
        yield f"random{seed}", ["model.weights=random", f"model.seed={seed}"]


def _write(output: Path, folders: list[tuple[str, Path]]) -> None:
    import pandas as pd

    tables = [pd.read_csv(folder / "scores.csv").assign(network=name) for name, folder in folders]
    scores = pd.concat(tables, ignore_index=True)
    scores["trained"] = scores["network"] == "trained"
    scores.to_csv(output / "study.csv", index=False)
    _draw(scores, output / "study.png")
    best = scores.pivot_table("score", "reference", "trained", aggfunc="max")
    print(best.rename(columns={True: "trained, best layer", False: "random, best of all"}))
    print(f"wrote {output / 'study.csv'} and {output / 'study.png'}")


def _draw(scores: pd.DataFrame, path: Path) -> None:
    from matplotlib.figure import Figure

    references = list(dict.fromkeys(scores["reference"]))
    figure = Figure(figsize=(4 * len(references), 4), layout="constrained")
    panels = figure.subplots(1, len(references), squeeze=False)[0]
    for axes, reference in zip(panels, references, strict=True):
        table = scores[scores["reference"] == reference]
        for network, line in table.groupby("network", sort=False):
            trained = network == "trained"
            axes.plot(
                line["layer"],
                line["score"],
                "o-",
                color="#1f4e9c" if trained else "#999999",
                label="trained" if trained else "random" if network == "random0" else None,
            )
        ceiling = table.iloc[0][["ceiling_lower", "ceiling_upper"]]
        if ceiling.notna().all():
            axes.axhspan(*ceiling, color="#dddddd", label="noise ceiling")
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set(title=reference, ylabel="Spearman rho with the reference RDM")
        axes.tick_params(axis="x", rotation=45)
        axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    sys.exit(main())
