"""What a study found, for the top of its page: a sentence per comparison and two small tables.

A sentence names every reference with its difference and corrected p; only a p below LEVEL is called
a difference. The tables are those of `guarded`, with intervals, as a reader wants them in a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lens_pipeline.report.study import Study, Table

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from guarded import Guarded

# a corrected p-value below it is called a difference
LEVEL = 0.05
HOW = (
    "Each network is scored at the layer and pass that other stimuli (and other subjects, where "
    "there are enough) chose for it, so having more layers is no advantage. Brackets are {level} "
    "confidence intervals for new stimuli and subjects, paired for differences, and not for new "
    "seeds of untrained networks, which stand for the mean of those that were run; p-values are "
    "corrected for the number of comparisons."
)
# what is said where no two kinds of network are there
NOTHING = "No two kinds of network were compared, so nothing is concluded; scores are below."
# captions of the figures that studies share
GUARDED = "Scores at the layer that other data chose, with intervals; band: the noise ceiling."
LAYERS = (
    "Scores of every layer and pass, with intervals for trained networks and a line per seed for "
    "untrained ones. The best was picked by its score; what it scores on other data stands above."
)
# verdict -> how a sentence says it; the first blank is for whom it is compared with
_VERDICTS = {
    1: "is closer than {} to {}",
    -1: "is less close than {} to {}",
    0: "cannot be told apart from {} on {}",
}


def sentences(differences: pd.DataFrame) -> list[str]:
    """Return a sentence per pair of `family` and `other_family`, about all references."""
    said = []
    short = short_names(differences["reference"])
    several = len(set(differences["measure"])) > 1
    for (one, other), rows in differences.groupby(["family", "other_family"], sort=False):
        found: dict[int, list[str]] = {}
        for _, row in rows.iterrows():
            measure = f", {row['measure']}" if several else ""
            name = f"{short[row['reference']]} ({row['difference']:+.3f}{measure}, {_p(row)})"
            found.setdefault(_verdict(row), []).append(name)
        clauses = [
            words.format(other, _listed(found[verdict]))
            for verdict, words in _VERDICTS.items()
            if verdict in found
        ]
        said.append(f"{one} {'; it '.join(clauses)}.")
    return said


def conclusions(differences: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the sentences of each kind of comparison, with columns `kind` and `says`."""
    rows = [(kind, text) for kind, table in differences.items() for text in sentences(table)]
    return pd.DataFrame(rows, columns=["kind", "says"])


def answer(
    question: str,
    found: Guarded,
    *,
    says: Sequence[str],
    figures: Mapping[str, str],
    stand_in: str = "",
    level: float = 0.95,
) -> Study:
    """Return the top of a study's page; `figures` are names and captions, most telling first."""
    share = f"{level:.0%}"
    tables = (_scores(found.scores), _differences(found.differences, share))
    return Study(
        question, tuple(says) or (NOTHING,), HOW.format(level=share), tables, figures, stand_in
    )


def _scores(scores: pd.DataFrame) -> Table:
    short, rows = short_names(scores["reference"]), []
    for family, of in scores.groupby("family", sort=False):
        found: dict[Hashable, list[str]] = {}
        for _, row in of.iterrows():
            found.setdefault(row["reference"], []).append(f"{row['score']:.3f} {_interval(row)}")
        rows.append((str(family), *("; ".join(found.get(name, ())) for name in short)))
    ceilings = scores.groupby("reference", sort=False)[["ceiling_lower", "ceiling_upper"]].first()
    if ceilings.notna().to_numpy().any():
        ends = ceilings.loc[list(short)].to_numpy()
        cells = ["" if np.isnan(low) else f"{low:.3f} to {high:.3f}" for low, high in ends]
        rows.append(("noise ceiling", *cells))
    return Table("Scores", ("network", *short.values()), tuple(rows))


def _differences(differences: pd.DataFrame, level: str) -> Table:
    short = short_names(differences["reference"])
    rows = [
        (
            f"{row['family']} less {row['other_family']}",
            short[row["reference"]],
            f"{row['difference']:+.3f}",
            _interval(row),
            _p(row).removeprefix("p "),
        )
        for _, row in differences.iterrows()
    ]
    return Table(
        "Differences", ("networks", "data", "difference", level, "corrected p"), tuple(sorted(rows))
    )


def short_names(references: Sequence[str] | pd.Series) -> dict[str, str]:
    """Return references without the file that they are from, where that says which is meant.

    >>> short_names(["rdms_it:human_IT", "rdms_it:monkey_IT"])
    {'rdms_it:human_IT': 'human_IT', 'rdms_it:monkey_IT': 'monkey_IT'}
    """
    names = list(dict.fromkeys(map(str, references)))
    short = [name.rpartition(":")[2] for name in names]
    return dict(zip(names, short if len(set(short)) == len(names) else names, strict=True))


def _verdict(row: pd.Series) -> int:
    if not row["p_corrected"] < LEVEL:
        return 0
    return 1 if row["difference"] > 0 else -1


def _interval(row: pd.Series) -> str:
    return f"[{row['ci_low']:.2f}, {row['ci_high']:.2f}]"


def _p(row: pd.Series) -> str:
    p = row["p_corrected"]
    return "p unknown" if pd.isna(p) else "p < 0.001" if p < 0.001 else f"p {p:.3f}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
