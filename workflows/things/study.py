"""The study things: what of people's ratings of 1,854 concepts is in a network's layers.

Networks see your THINGS images; activations are averaged over the images of a concept, and the RDM
of concepts is compared with RDMs of published ratings: animacy, manipulability, affect, real-world
size, and membership in 53 categories. Each network is scored at the layer that other concepts
chose, beside untrained twins.

  python workflows/things/study.py RATINGS --images THINGS --models alexnet,resnet50 --workers 4
  python workflows/things/study.py RATINGS --images THINGS --models cornet_s stimuli.limit=5562
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
import networks
import steps
from ratings import FILES, write_ratings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


QUESTION = "What of people's ratings of object concepts is in a network's layers?"


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the tables of features, run every network, then write what was found."""
    options = _options(arguments)
    return steps.reported(lambda: _study(options))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = steps.parser(
        __doc__ or "", data="folder of the published ratings and categories", output="runs/things"
    )
    parser.add_argument(
        "--images", type=_path, required=True, help="the folder that holds object_images/"
    )
    networks.add_options(parser, models="alexnet,resnet50", twins=1)
    return parser.parse_intermixed_args(arguments)


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _study(options: argparse.Namespace) -> bool:
    steps.check_there(options.data, FILES)
    steps.check_there(
        options.images, {".": "images of THINGS, object_images/CONCEPT/CONCEPT_01b.jpg"}
    )
    for option, weights in networks.weights_given(options).items():
        steps.check_trained(option, weights, instead="MODEL=none and --twins give untrained ones")
    which = networks.networks(options)
    ratings = options.output / "ratings"
    write_ratings(options.data, ratings)
    settings = (
        *steps.executor(options.workers),
        f"stimuli.root='{options.images}'",
        f"brain.root='{ratings}'",
        *options.settings,
    )
    folders = steps.run_jobs(steps.Study("things", options.output, settings), which.jobs)
    title = "Ratings of concepts in networks, at the layer that other concepts chose"
    return folders is not None and networks.conclude(
        options.output, folders, which, question=QUESTION, title=title
    )


if __name__ == "__main__":
    sys.exit(main())
