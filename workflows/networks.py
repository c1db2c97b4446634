"""Trained networks beside untrained ones of the same architecture, as jobs of a study.

Several architectures are compared at the layer that other data chose for each, trained ones with
their random twins; what training adds is the difference of the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lens_pipeline.errors import ConfigError, nearest

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from guarded import Guarded

# in place of a file: this network has untrained twins alone
NONE = "none"


@dataclass(frozen=True)
class Networks:
    """What is run, and which of it belongs together."""

    # job -> settings of its model
    jobs: Mapping[str, list[str]]
    # family -> its jobs: an architecture, or its untrained twins
    families: Mapping[str, list[str]]
    # (trained, its twins)
    pairs: Sequence[tuple[str, str]]


def add_options(parser: argparse.ArgumentParser, *, models: str, twins: int) -> None:
    """Add the options of architectures, their weights and their twins."""
    parser.add_argument(
        "--models", default=models, help="architectures, as in `list models` (default %(default)s)"
    )
    parser.add_argument(
        "--weights",
        action="append",
        default=[],
        metavar="MODEL=FILE",
        help="a state dict in place of the published weights; MODEL=none: untrained twins alone",
    )
    parser.add_argument(
        "--twins", type=int, default=twins, help="untrained networks of each (default %(default)s)"
    )


def networks(options: argparse.Namespace) -> Networks:
    """Return the networks that were asked for.

    Raises ConfigError for weights of a model that is not among them, and for nothing to run.
    """
    names = [name.strip() for name in options.models.split(",") if name.strip()]
    given = dict(text.partition("=")[::2] for text in options.weights)
    for name in given:
        if name not in names:
            raise ConfigError(
                f"--weights names {name}, which is not asked for; {_near(name, names)}"
            )
    jobs: dict[str, list[str]] = {}
    families: dict[str, list[str]] = {}
    for name in names:
        weights = given.get(name, "default")
        if weights != NONE:
            jobs[name] = [f"model={name}", f"model.weights='{weights}'"]
            families[name] = [name]
        for seed in range(options.twins):
            twin = f"{name} untrained {seed}"
            jobs[twin] = [f"model={name}", "model.weights=random", f"model.seed={seed}"]
            families.setdefault(untrained(name), []).append(twin)
    if not jobs:
        raise ConfigError("Nothing is to be run: give --models, and weights or --twins.")
    pairs = [(name, untrained(name)) for name in names if {name, untrained(name)} <= set(families)]
    return Networks(jobs, families, pairs)


def untrained(name: str) -> str:
    """Return the family of the random twins of an architecture."""
    return f"{name} untrained"


def weights_given(options: argparse.Namespace) -> dict[str, str]:
    """Return the weights that are to be looked for, by the option that gives them."""
    pairs = [text.partition("=")[::2] for text in options.weights]
    return {f"--weights {name}": weights for name, weights in pairs if weights != NONE}


def architecture_table(found: Guarded) -> pd.DataFrame:
    """Return a row per reference and architecture: trained, untrained, and what training adds.

    The best trained architecture of a reference comes first.
    """
    scores = found.scores.assign(
        architecture=found.scores["family"].str.removesuffix(" untrained"),
        kind=found.scores["family"]
        .str.endswith(" untrained")
        .map({True: "untrained", False: "trained"}),
    )
    wide = scores.pivot_table(
        index=["reference", "measure", "architecture"],
        columns="kind",
        values=["score", "ci_low", "ci_high"],
    )
    wide.columns = [f"{kind}_{value}" for value, kind in wide.columns]
    gained = found.differences.rename(
        columns={"family": "architecture", "difference": "gain"}
    ).set_index(["reference", "measure", "architecture"])
    gained = gained[["gain", "ci_low", "ci_high", "p_corrected"]].rename(
        columns={"ci_low": "gain_ci_low", "ci_high": "gain_ci_high"}
    )
    table = wide.join(gained).reset_index()
    first = "trained_score" if "trained_score" in table else "untrained_score"
    order = ["architecture", "reference", "measure", *_COLUMNS]
    table = table.sort_values(["reference", first], ascending=[True, False])
    return table.reindex(columns=[name for name in order if name in table])


_COLUMNS = (
    *(
        f"{kind}_{value}"
        for kind in ("trained", "untrained")
        for value in ("score", "ci_low", "ci_high")
    ),
    *("gain", "gain_ci_low", "gain_ci_high", "p_corrected"),
)


def _near(name: str, names: Sequence[str]) -> str:
    return f"{nearest(name, names)}."


def conclude(
    output: Path, folders: Mapping[str, Path], which: Networks, *, question: str, title: str
) -> bool:
    """Compare the networks, write tables, figures and pages, and say what was found."""
    import steps
    from answers import GUARDED, LAYERS, answer, conclusions
    from guarded import compared
    from pictures import guarded_figure, layers_figure

    found = compared([folders], which.families, which.pairs)
    table, scores = architecture_table(found), steps.all_scores(folders)
    said = conclusions({"guarded comparison of networks": found.differences})
    steps.write_tables(
        output,
        study=scores,
        guarded=found.scores,
        differences=found.differences,
        architectures=table,
        conclusions=said,
    )
    plain = [family for family in which.families if family.endswith(" untrained")]
    means = found.scores.groupby("family")["score"].mean()
    best = sorted(means.index, key=lambda family: (family in plain, -means[family]))
    ranked = found.scores.set_index("family").loc[best].reset_index()
    figure = guarded_figure(ranked, title=title, plain=plain)
    steps.write_figure(output, "scores_guarded", figure, ranked)
    words = "Scores of every layer and pass"
    figure = layers_figure(scores, families=which.families, title=words, plain=plain)
    steps.write_figure(output, "scores_layers", figure, scores)
    figures = {"scores_guarded": GUARDED, "scores_layers": LAYERS}
    told = answer(question, found, says=said["says"].tolist(), figures=figures)
    return steps.write_page(output, told)
