"""`python -m tests.conformance [--only PATTERN] --output conformance.csv`: the table of results.

One row per model of the catalogue; rows already in the output of models that were not asked for
stay. The exit status is 1 if any asked for failed.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import fnmatch
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

# one thread gives the same bits everywhere; read when torch is imported
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["LENS_OFFLINE"] = "1"

from tests.conformance.catalogue import catalogue
from tests.conformance.check import Row
from tests.conformance.runner import check_apart

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

COLUMNS = tuple(field.name for field in dataclasses.fields(Row))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    asked = _parser().parse_args(arguments)
    chosen = [e for name, e in catalogue().items() if _matches(name, e.family, asked.only)]
    if not chosen:
        _say(f"No model of the catalogue matches {', '.join(asked.only)}.")
        return 2
    if asked.list:
        for entry in chosen:
            _say(f"{entry.name:45} {entry.family:20} {entry.library}")
        return 0
    table = _read(asked.output)
    rows = []
    for number, entry in enumerate(chosen, start=1):
        start = time.perf_counter()
        row = check_apart(entry, seconds=asked.seconds, gigabytes=asked.gigabytes)
        rows.append(row)
        table[row.name] = _texts(row)
        _write(asked.output, table)
        _say(_line(row, f"{number}/{len(chosen)}", time.perf_counter() - start))
    _say(_summary(rows))
    _say(f"Table of {len(table)} models: {asked.output}")
    return int(any(row.status == "failed" for row in rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PATTERN",
        help="names or families with * and ?, such as 'timm/*' or segmentation; may be repeated",
    )
    parser.add_argument("--output", type=Path, default=Path("conformance.csv"))
    parser.add_argument("--seconds", type=float, default=600, help="limit per model")
    parser.add_argument(
        "--gigabytes", type=float, default=20, help="limit of address space per model"
    )
    parser.add_argument("--list", action="store_true", help="list the models and stop")
    return parser


def _matches(name: str, family: str, patterns: Iterable[str]) -> bool:
    patterns = list(patterns) or ["*"]
    return any(fnmatch.fnmatch(text, p) for p in patterns for text in (name, family))


def _texts(row: Row) -> dict[str, str]:
    """Return a row as it stands in the csv file; what is not known is empty."""
    values = dataclasses.asdict(row)
    return {name: "" if value is None else str(value) for name, value in values.items()}


def _read(path: Path) -> dict[str, dict[str, str]]:
    if not path.is_file():
        return {}
    with path.open(newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def _write(path: Path, table: Mapping[str, Mapping[str, str]]) -> None:
    """Write the whole table aside, then in place, so that an interrupted run leaves a table."""
    aside = path.with_suffix(".partial")
    with aside.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", restval="")
        writer.writeheader()
        writer.writerows(table.values())
    aside.replace(path)


def _line(row: Row, number: str, seconds: float) -> str:
    facts = f"{row.ops or 0:6} ops" if row.ops else " " * 10
    note = f"  {row.failures}" if row.failures else ""
    return f"{number:>8} {row.status:7} {row.name:45} {facts} {seconds:6.1f} s{note}"


def _summary(rows: Sequence[Row]) -> str:
    counts = Counter(row.status for row in rows)
    lines = [f"{len(rows)} models: " + ", ".join(f"{n} {status}" for status, n in counts.items())]
    for family in dict.fromkeys(row.family for row in rows):
        of = [row.status for row in rows if row.family == family]
        lines.append(f"  {family}: {of.count('ok')} of {len(of)} ok")
    lines += [f"  {row.status} {row.name}: {row.failures}" for row in rows if row.status != "ok"]
    return "\n".join(lines)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
