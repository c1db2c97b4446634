"""The picture of the config's model, from the command line: static, a page, or Model Explorer's.

The model is the one that a run would use, with its weights, traced on the first stimulus. No value
is kept: what a page shows of them is made while the model runs.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lens_pipeline.errors import ConfigError
from lens_pipeline.pipeline.config import Config, read_config
from lens_pipeline.pipeline.console import say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lens_pipeline.drawing.page.values import Album
    from lens_pipeline.pipeline.open_run import Run
    from lens_pipeline.pipeline.sections.drawing import DrawConfig
    from lens_pipeline.tracer.keeping import Keep
    from lens_pipeline.tracer.trace import Trace


@dataclass(frozen=True)
class Drawn:
    """What is to be drawn, with what stands beside."""

    trace: Trace
    wanted: DrawConfig
    # None where the config names none
    run: Run | None
    # pictures of values; None where none are shown
    album: Album | None


@dataclass(frozen=True)
class Form:
    """One way to draw."""

    # in words, as part of a sentence
    name: str
    endings: tuple[str, ...]
    # settings of `draw` that it makes use of, besides the file
    settings: tuple[str, ...]
    # writes it as a file
    write: Callable[[Drawn, Path], object]


def draw_model(plain: Mapping[str, Any], *, sweep: bool = False) -> Path:
    """Draw the config's model as its section `draw` says, and return where the picture is.

    A job of a sweep that was given no file puts the model's name into that of the file. Raises
    LensError if the model cannot be loaded or traced, or the picture not drawn.
    """
    import torch

    from lens_pipeline.pipeline.job.examples import example_of, running
    from lens_pipeline.pipeline.job.run import torch_threads
    from lens_pipeline.tracer.run import trace

    config = read_config(plain)
    wanted, path = config.draw, _file(config, sweep=sweep)
    form = form_of(path)
    check_settings(wanted, form)
    run = _run(wanted)
    example = example_of(config, n=1)
    album, keep = _album(wanted, form)
    with torch.no_grad(), torch_threads(config.runtime.threads), running(example):
        traced = trace(example.loaded.module, example.batch, keep=keep)
    name = example.loaded.spec.name
    traced = dataclasses.replace(
        traced, model_name=name, seconds=traced.seconds - (album.seconds if album else 0.0)
    )
    form.write(Drawn(traced, wanted, run, album), path)
    say(f"the graph of {name}: {path}")
    return path


def refuse_one_file(jobs: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Raise ConfigError where two jobs of a sweep would draw into one file."""
    drawn: dict[Path, str] = {}
    for name, plain in jobs:
        path = _file(read_config(plain), sweep=True)
        if path in drawn:
            raise ConfigError(
                f"The jobs {drawn[path]} and {name} would both draw {path}: put what differs into "
                "draw.file, as in 'draw.file=graph-${model.name}-${model.seed}.svg'."
            )
        drawn[path] = name


def form_of(path: Path) -> Form:
    """Return the form that a file's ending asks for. Raises ConfigError where it asks for none."""
    for form in FORMS:
        if path.suffix.lower() in form.endings:
            return form
    allowed = ", ".join(f"{form.name} in {' or '.join(form.endings)}" for form in FORMS)
    raise ConfigError(f"draw.file {path} ends in {path.suffix!r}; {allowed}.")


def check_settings(wanted: DrawConfig, form: Form) -> None:
    """Raise ConfigError for a setting that would change nothing in this form.

    TraceError for a colour that no column of operations has.
    """
    for field in dataclasses.fields(wanted):
        given = getattr(wanted, field.name) != field.default
        if given and field.name not in ("file", *form.settings):
            users = (one for one in FORMS if field.name in one.settings)
            places = " and ".join(f"{one.name} ({one.endings[0]})" for one in users)
            raise ConfigError(
                f"draw.{field.name} changes nothing in {form.name}; it is for {places}."
            )
    if wanted.color not in (None, "score"):
        from lens_pipeline.drawing.coloring import numeric_column

        numeric_column(wanted.color)
    if wanted.color == "score" and wanted.run is None:
        raise ConfigError("draw.color=score needs the run that has them: draw.run=FOLDER.")
    if wanted.reference is not None and wanted.color != "score":
        raise ConfigError("draw.reference is for draw.color=score.")
    if wanted.run is not None and wanted.color != "score" and "values" not in form.settings:
        raise ConfigError(
            f"draw.run changes nothing in {form.name} without draw.color=score; a page (.html) "
            f"shows scores and RDMs of each layer."
        )


def _file(config: Config, *, sweep: bool) -> Path:
    name = f"graph-{config.model.name}.svg" if sweep else "graph.svg"
    return config.draw.file or Path(name).absolute()


def _run(wanted: DrawConfig) -> Run | None:
    """Return the run, with its scores looked at before a model is loaded for them."""
    from lens_pipeline.drawing.scores import scores_title
    from lens_pipeline.pipeline.open_run import open_run

    if wanted.run is None:
        return None
    run = open_run(wanted.run)
    if wanted.color == "score":
        scores_title(run.scores, wanted.reference)
    return run


def _album(wanted: DrawConfig, form: Form) -> tuple[Album | None, Keep | None]:
    if "values" not in form.settings or wanted.values is False:
        return None, None
    from lens_pipeline.drawing.page.values import Album, keep_in

    album = Album()
    return album, keep_in(album)


def _picture(drawn: Drawn, path: Path) -> None:
    from lens_pipeline.drawing.scores import scores_by_layer, scores_title
    from lens_pipeline.drawing.static import draw

    wanted, title, color = drawn.wanted, None, drawn.wanted.color
    scores = None
    if color == "score" and drawn.run is not None:
        table = drawn.run.scores
        scores = scores_by_layer(table, wanted.reference)
        title = f"{drawn.trace.model_name}: {scores_title(table, wanted.reference)}"
    draw(
        drawn.trace,
        path,
        rolled=wanted.rolled,
        depth=wanted.depth,
        module=wanted.module or "",
        direction=wanted.direction,
        color=color if scores is None else scores,
        buffers=wanted.buffers,
        title=title,
    )


def _page(drawn: Drawn, path: Path) -> None:
    from lens_pipeline.drawing.page.start import Start
    from lens_pipeline.drawing.page.writing import write_page

    wanted = drawn.wanted
    start = Start(
        depth=1 if wanted.depth is None else wanted.depth,
        rolled=wanted.rolled,
        color=wanted.color,
        reference=wanted.reference,
    )
    name = drawn.trace.model_name
    write_page(drawn.trace, path, run=drawn.run, title=name, start=start, album=drawn.album)


def _for_model_explorer(drawn: Drawn, path: Path) -> None:
    from lens_pipeline.drawing.model_explorer import write_model_explorer

    write_model_explorer(drawn.trace, path, title=drawn.trace.model_name)


_BOTH = ("depth", "rolled", "color", "run", "reference")
FORMS = (
    Form("a picture", (".svg", ".pdf", ".png", ".dot"),
         (*_BOTH, "module", "direction", "buffers"), _picture),
    Form("a page", (".html", ".htm"), (*_BOTH, "values"), _page),
    Form("a file for Model Explorer", (".json",), (), _for_model_explorer),
)  # fmt: skip
