"""The study recurrence: passes of CORnet-S or -RT against a feed-forward twin with its weights.

The recurrent net, its twin (the same weights, each area run once) and untrained twins of both see
the 92 object images. What a later pass adds is a planned comparison, the last pass of an area less
its first; whether the recurrent net is more like cortex than its twin is decided at the layer and
pass that other images chose for each. Conclusions are in conclusions.csv, in words.

  python workflows/recurrence/study.py DATA --weights cornet_s.pth
  python workflows/recurrence/study.py DATA --net cornet_rt --weights cornet_rt.pth
  python workflows/recurrence/study.py DATA --weights random      a demonstration, stamped as such
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
import steps
from answers import GUARDED, answer, conclusions
from guarded import compared
from images92 import BRAINS, FILES, job, network_of, seen
from passes import pass_gains, passes_figure, planned
from pictures import guarded_figure

from lens_pipeline.errors import ConfigError
from lens_pipeline.rsa.time import time_mapping, windows

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    import pandas as pd

    from lens_pipeline.rsa.time import Window

QUESTION = "Does recurrence make a network's areas look more like visual cortex?"
PASSES = "Every pass of every area, with intervals; dashed: the same weights, each area run once."
TIME = (
    "Passes of the net against the time of the response; boxes: when passes are said to be. No "
    "test corrects for times."
)
NETS = {"cornet_s": "CORnet-S", "cornet_rt": "CORnet-RT"}
STAMP = (
    "random weights were asked for (--weights random): this shows what the study does, not what "
    "recurrence does in a trained network"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the net, its twin and untrained ones, then write what recurrence adds."""
    options = _options(arguments)
    return steps.reported(lambda: _study(options))


def _study(options: argparse.Namespace) -> bool:
    steps.check_there(options.data, FILES)
    steps.check_weights("--weights", options.weights)
    if options.time:
        steps.check_there(Path("/"), {str(options.time): "responses or RDMs with a time axis"})
    nets = _nets(options)
    if not nets:
        raise ConfigError("Nothing is to be run: --weights random needs --seeds 1 or more.")
    jobs = {
        job(net, images): [*settings, *seen(options.data, images), *_timed(options, images)]
        for net, settings in nets.items()
        for images in BRAINS
    }
    study = steps.Study(
        "recurrence",
        options.output,
        (*steps.executor(options.workers), *options.settings),
        modules=(Path(__file__).parent,),
    )
    folders = steps.run_jobs(study, jobs)
    return folders is not None and _conclude(options, folders)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = steps.parser(
        __doc__ or "", data="folder of the 92-image data, as for it92", output="runs/recurrence"
    )
    parser.add_argument("--net", choices=NETS, default="cornet_s")
    parser.add_argument(
        "--weights",
        default="default",
        help="state dict of the net; default: published; random: a demonstration, stamped",
    )
    parser.add_argument("--seeds", type=int, default=3, help="number of untrained nets and twins")
    parser.add_argument(
        "--time", type=_path, help="MEG or cells: FILE with a time axis and the ids of images_white"
    )
    return parser.parse_intermixed_args(arguments)


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _nets(options: argparse.Namespace) -> dict[str, list[str]]:
    """Return the settings of each net: recurrent, its twin, and untrained ones of both."""
    net, weights = options.net, _weights(options)
    kinds = {
        NETS[net]: [f"model={net}"],
        f"{NETS[net]} once": [
            *("model=custom", f"model.target=twins:{net}", f"model.name={net}_once"),
        ],
    }
    jobs = {}
    for kind, settings in kinds.items():
        if weights != "random":
            jobs[kind] = [*settings, f"model.weights='{weights}'"]
        for seed in range(options.seeds):
            jobs[f"{kind} untrained {seed}"] = [
                *(*settings, "model.weights=random", f"model.seed={seed}"),
            ]
    return jobs


def _weights(options: argparse.Namespace) -> str:
    """Return random, or the file of weights that net and twin share.

    Raises ModelError where published weights are not there and cannot be fetched.
    """
    if options.weights != "default":
        return str(options.weights)
    from lens_pipeline.models.resolve import resolve
    from lens_pipeline.models.spec import ModelSpec

    return str(resolve(ModelSpec("cornet", options.net), assets="strict").files[0])


def _timed(options: argparse.Namespace, images: str) -> list[str]:
    """Return the settings of data with a time axis, and of when passes are."""
    if not options.time or images != "images_white":
        return []
    mapping = ["rsa.time_mapping=cornet_s"] if options.net == "cornet_s" else []
    return [*mapping, f"rsa.reference=['{options.time}']"]


def _families(nets: Sequence[str]) -> dict[str, list[str]]:
    """Return the nets by what they are called without the number of an initialisation."""
    families: dict[str, list[str]] = {}
    for net in nets:
        families.setdefault(net.rstrip("0123456789").strip(), []).append(net)
    return families


def _time_maps(scores: pd.DataFrame, output: Path, *, net: str, stamp: str) -> dict[str, str]:
    """Draw a net's maps of passes and brain time for each measure; return their captions."""
    from lens_pipeline.rsa.figures.time import time_map

    captions = {}
    timed = scores[(scores["job"] == net) & scores["time_ms"].notna()]
    for measure, rows in timed.groupby("measure", sort=False):
        figure = time_map(rows, windows=_windows(rows), title=net, stand_in=stamp)
        steps.write_figure(output, f"time_{measure}", figure, rows)
        captions[f"time_{measure}"] = TIME
    return captions


def _windows(rows: pd.DataFrame) -> tuple[Window, ...]:
    """Return when passes are, of the net of which that was published."""
    if set(rows["model"]) != {"cornet_s"}:
        return ()
    parts = list(dict.fromkeys(zip(rows["layer"], rows["pass"], strict=True)))
    return windows(parts, time_mapping("cornet_s"))


def _conclude(options: argparse.Namespace, folders: dict[str, Path]) -> bool:
    """Compare nets and passes, and write tables, figures, conclusions and the page."""
    output, name = options.output, NETS[options.net]
    nets = list(dict.fromkeys(map(network_of, folders)))
    families = _families(nets)
    kind = name if name in families else f"{name} untrained"
    twin = kind.replace(name, f"{name} once")
    pairs = [(kind, twin), *([(kind, f"{name} untrained")] if kind == name else [])]
    found = compared(
        [{net: folders[job(net, images)] for net in nets} for images in BRAINS],
        families,
        [pair for pair in pairs if pair[1] in families],
    )
    scores, gains = steps.all_scores(folders), pass_gains(folders)
    for table in (scores, gains):
        table["job"] = table["job"].map(network_of)
    said = conclusions(
        {
            "guarded comparison of nets": found.differences,
            "planned comparison of passes": planned(gains[gains["job"].isin(families[kind])]),
        }
    )
    stamp = STAMP if options.weights == "random" else ""
    for table in (scores, gains, found.scores, found.differences, said):
        table["stand_in"] = stamp
    steps.write_tables(
        output,
        study=scores,
        gains=gains,
        guarded=found.scores,
        differences=found.differences,
        conclusions=said,
    )
    plain = [family for family in families if family.endswith("untrained")]
    title = f"{name} and itself without recurrence, at the layer and pass that other images chose"
    figure = guarded_figure(found.scores, title=title, stamp=stamp, plain=plain)
    steps.write_figure(output, "scores_guarded", figure, found.scores)
    title = f"What each pass of {name} adds; dashed: each area run once"
    figure = passes_figure(
        scores, net=families[kind], twin=families[twin], title=title, stamp=stamp
    )
    steps.write_figure(output, "scores_passes", figure, scores[scores["time_ms"].isna()])
    maps = _time_maps(scores, output, net=families[kind][0], stamp=stamp)
    figures = {"scores_guarded": GUARDED, "scores_passes": PASSES, **maps}
    told = answer(QUESTION, found, says=said["says"].tolist(), figures=figures, stand_in=stamp)
    return steps.write_page(output, told)


if __name__ == "__main__":
    sys.exit(main())
