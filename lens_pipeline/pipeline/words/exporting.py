"""`export RUN FORMAT`: a run's activations as another program reads them, with no forward pass."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from lens_pipeline.errors import ConfigError
from lens_pipeline.pipeline.console import say, size_text
from lens_pipeline.pipeline.words.byte_bar import byte_bar
from lens_pipeline.pipeline.words.options import run_and_options, run_with_activations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# keys of EXPORTS, which imports too much for an error message
EXPORT_NAMES = ("brainscore", "rsatoolbox", "thingsvision", "net2brain")
OPTIONS = {"layers": "", "out": ""}


def export_run(
    folder: Path, name: str, *, to: Path | None = None, layers: Sequence[str] = ()
) -> tuple[Path, list[str]]:
    """Write the run in the format `name`; return where, and what the format has no room for.

    It goes beside the run folder, as RUN.FORMAT, unless `to` says where. Raises StoreError where
    there is no finished run, no such format or layer, for a shard that has changed since it was
    written, and for a disk that is full.
    """
    from lens_pipeline.exports.formats import export_called, export_tree
    from lens_pipeline.exports.parts import part_bytes, parts_of
    from lens_pipeline.store.trees import open_activations
    from lens_pipeline.store.verification import check_shards

    export_called(name)
    run_with_activations(folder)
    place = to or beside(folder, f".{name}")
    with closing(open_activations(folder)) as tree:
        check_shards(tree, folder)
        size = sum(part_bytes(part) for part in parts_of(tree, layers))
        with byte_bar(f"exporting to {name}", size) as done:
            lost = export_tree(tree, place, name, layers=layers, done=done)
    return place, lost


def beside(folder: Path, suffix: str) -> Path:
    """Return the name of a run folder with `suffix` behind it; "." counts by its own name."""
    whole = folder if folder.name else folder.resolve()
    return whole.with_name(whole.name + suffix)


def export_words(words: Sequence[str]) -> tuple[Path, str, dict[str, str]]:
    """Return the run folder, the format and the options of `export RUN FORMAT`."""
    if len(words) < 2 or "=" in words[1]:
        formats = "|".join(EXPORT_NAMES)
        raise ConfigError(f"export takes a run folder and a format: export RUN {formats}.")
    folder, options = run_and_options("export", [words[0], *words[2:]], OPTIONS)
    return folder, words[1], options


def export_command(folder: Path, name: str, options: Mapping[str, str]) -> None:
    """Export and say where it is, what reads it and what was lost."""
    from lens_pipeline.exports.formats import EXPORTS

    layers = [layer for layer in options["layers"].split(",") if layer]
    out = Path(options["out"]) if options["out"] else None
    place, lost = export_run(folder, name, to=out, layers=layers)
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    say(f"exported: {place} ({size_text(size)}), for {EXPORTS[name].reader}")
    for clause in lost:
        say(f"  not kept: {clause}")
