"""The study it92: does training or recurrence make late layers look like inferior temporal cortex.

A trained SqueezeNet, untrained ones, and CORnet-S with all its passes see the 92 object images and
are compared with human and monkey IT and with 15-subject fMRI of early visual cortex and IT. The
README beside this file says what the folder of data holds and what came out.

  python workflows/it92/study.py DATA --weights squeezenet1_1.pth --recurrent cornet_s.pth
  python workflows/it92/study.py DATA --weights default --recurrent none --workers 4
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))
import steps
from answers import GUARDED, LAYERS, answer, conclusions
from guarded import compared
from images92 import BRAINS, FILES, job, network_of, seen
from pictures import guarded_figure, layers_figure

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

QUESTION = (
    "Does training, or recurrence, make a network's late layers look like inferior temporal cortex?"
)
UNANSWERED = (
    "What recurrence brings is not answered, since no trained CORnet-S was among the networks "
    "(--recurrent FILE)."
)
TRAINED, UNTRAINED, RECURRENT = "SqueezeNet trained", "SqueezeNet untrained", "CORnet-S"
CORNET_LAYERS = "[V1.output,V2.output,V4.output,IT.output,decoder.avgpool]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every network on both sets of images, then write the tables, figures and page."""
    options = _options(arguments)
    return steps.reported(lambda: _study(options))


def _study(options: argparse.Namespace) -> bool:
    steps.check_there(options.data, FILES)
    steps.check_trained("--weights", options.weights, instead="--seeds gives untrained networks")
    steps.check_weights("--recurrent", options.recurrent)
    networks, families = _networks(options), _families(options)
    settings = (*steps.executor(options.workers), *options.settings)
    study = steps.Study("it92", options.output, settings)
    jobs = {
        job(network, images): [*settings, *seen(options.data, images)]
        for network, settings in networks.items()
        for images in BRAINS
    }
    folders = steps.run_jobs(study, jobs)
    return folders is not None and _conclude(options, folders, families)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = steps.parser(__doc__ or "", data="folder of the 92-image data", output="runs/it92")
    parser.add_argument(
        "--weights", default="default", help="state dict of squeezenet1_1 (default: published)"
    )
    parser.add_argument(
        "--recurrent",
        default="default",
        help="state dict of cornet_s; default: published; random: untrained; none: left out",
    )
    parser.add_argument("--seeds", type=int, default=5, help="number of untrained networks")
    return parser.parse_intermixed_args(arguments)


def _networks(options: argparse.Namespace) -> dict[str, list[str]]:
    """Return the settings of each network."""
    networks = {TRAINED: ["model=squeezenet1_1", f"model.weights='{options.weights}'"]}
    for seed in range(options.seeds):
        networks[f"{UNTRAINED} {seed}"] = [
            *("model=squeezenet1_1", "model.weights=random", f"model.seed={seed}"),
        ]
    if options.recurrent != "none":
        networks[_recurrent(options)] = [
            *("model=cornet_s", f"model.weights='{options.recurrent}'", f"layers={CORNET_LAYERS}"),
        ]
    return networks


def _families(options: argparse.Namespace) -> dict[str, list[str]]:
    families = {TRAINED: [TRAINED]}
    if options.recurrent != "none":
        families[_recurrent(options)] = [_recurrent(options)]
    if options.seeds:
        families[UNTRAINED] = [f"{UNTRAINED} {seed}" for seed in range(options.seeds)]
    return families


def _recurrent(options: argparse.Namespace) -> str:
    return f"{RECURRENT} {'untrained' if options.recurrent == 'random' else 'trained'}"


def _conclude(
    options: argparse.Namespace, folders: dict[str, Path], families: dict[str, list[str]]
) -> bool:
    """Compare the networks on each set of images, and write what was found."""
    output = options.output
    pairs = [(TRAINED, family) for family in families if family != TRAINED]
    found = compared(
        [
            {name: folders[job(name, images)] for jobs in families.values() for name in jobs}
            for images in BRAINS
        ],
        families,
        pairs,
    )
    scores = steps.all_scores(folders)
    scores["job"] = scores["job"].map(network_of)
    said = conclusions({"guarded comparison of networks": found.differences})
    steps.write_tables(
        output,
        study=scores,
        guarded=found.scores,
        differences=found.differences,
        conclusions=said,
    )
    plain = [UNTRAINED, f"{RECURRENT} untrained"]
    title = "Likeness to visual cortex at the layer and pass that other images chose"
    figure = guarded_figure(found.scores, title=title, plain=plain)
    steps.write_figure(output, "scores_guarded", figure, found.scores)
    title = "Likeness of every layer and pass to visual cortex"
    figure = layers_figure(scores, families=families, title=title, plain=plain)
    steps.write_figure(output, "scores_layers", figure, scores)
    figures = {"scores_guarded": GUARDED, "scores_layers": LAYERS}
    says = [*said["says"], *([UNANSWERED] if options.recurrent in ("random", "none") else [])]
    told = answer(QUESTION, found, says=says, figures=figures)
    return steps.write_page(output, told)


if __name__ == "__main__":
    sys.exit(main())
