"""The study zoo: which architectures look like visual cortex, and how much training adds.

Each architecture is run trained and as several untrained twins, in one sweep on one cluster, and
scored at the layer and pass that other images chose for it. The table architectures.csv has a row
per architecture and brain region: trained, untrained, and the difference, each with its interval.

  python workflows/zoo/study.py DATA --workers 4
  python workflows/zoo/study.py DATA --models alexnet,cornet_s --weights cornet_s=cornet_s.pth
  python workflows/zoo/study.py DATA --models resnet18,vit_b_16 --twins 5 --images images_grey
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))
import networks
import steps
from images92 import BRAINS, FILES, seen

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

QUESTION = "Which architectures look like visual cortex, and how much of that comes with training?"
MODELS = "alexnet,resnet18,squeezenet1_1,mobilenet_v3_large,cornet_z,cornet_s"


def main(arguments: Sequence[str] | None = None) -> int:
    """Sweep over architectures and their twins, then write the table, figures and page."""
    options = _options(arguments)
    return steps.reported(lambda: _study(options))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = steps.parser(
        __doc__ or "", data="folder of the 92-image data, as for it92", output="runs/zoo"
    )
    networks.add_options(parser, models=MODELS, twins=3)
    parser.add_argument("--images", choices=BRAINS, default="images_white")
    return parser.parse_intermixed_args(arguments)


def _study(options: argparse.Namespace) -> bool:
    steps.check_there(options.data, FILES)
    for option, weights in networks.weights_given(options).items():
        steps.check_trained(option, weights, instead="MODEL=none and --twins give untrained ones")
    which = networks.networks(options)
    settings = (
        *steps.executor(options.workers),
        *seen(options.data, options.images),
        *options.settings,
    )
    folders = steps.run_jobs(steps.Study("zoo", options.output, settings), which.jobs)
    title = "Architectures and their untrained twins, at the layer that other images chose"
    return folders is not None and networks.conclude(
        options.output, folders, which, question=QUESTION, title=title
    )


if __name__ == "__main__":
    sys.exit(main())
