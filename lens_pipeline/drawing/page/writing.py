"""The page as a file: data, markup, style and scripts in one HTML file that loads nothing.

The content policy of the page names the digest of its one script and style and forbids everything
else, so that no text of a model, wherever it stood, could run or load anything.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lens_pipeline.atomic import write_text
from lens_pipeline.columns import Overview
from lens_pipeline.drawing import looks
from lens_pipeline.drawing.page.graph import graph
from lens_pipeline.drawing.page.results import results
from lens_pipeline.drawing.page.start import Start, start_values
from lens_pipeline.drawing.page.tables import json_value, tables
from lens_pipeline.drawing.page.values import pictures
from lens_pipeline.errors import TraceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lens_pipeline.drawing.page.results import Results
    from lens_pipeline.drawing.page.values import Album
    from lens_pipeline.tracer.trace import Trace

# in the order in which they are put together
SCRIPTS = (
    "model.js", "layout.js", "scene.js", "view.js", "panel.js", "charts.js",
    "search.js", "page.js",
)  # fmt: skip
ENDINGS = (".html", ".htm")
# the fills of the static picture; the page's own where its ground is dark
_LIGHT = {
    "INPUT": looks.INPUT,
    "OUTPUT": looks.OUTPUT,
    "PARAMETERS": looks.PARAMETERS["trainable"],
    "PLAIN": looks.WHITE,
    "TEST": looks.TEST,
    "ARM": looks.ARM,
}


def write_page(
    trace: Trace,
    path: str | Path,
    *,
    run: Results | None = None,
    title: str | None = None,
    start: Start | None = None,
    album: Album | None = None,
) -> Path:
    """Write a Trace as one self-contained HTML file and return its path.

    In a browser: modules to open, search, everything known of an operation with the text that
    selects it, and where values were kept, pictures of them. `run`, from `open_run`, adds the
    scores and RDMs of its layers. `title` stands on top; None is the model's name. `start` is how
    it looks when it is opened, `album` holds pictures made during the trace (`values.keep_in`).

    Raises TraceError for an ending other than .html, for a run of another model and for a `start`
    that cannot be, StoreError where the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise TraceError(
            f"{path} ends in {path.suffix!r}; a page ends in one of {', '.join(ENDINGS)}."
        )
    write_text(path, page_html(page_parts(trace, run=run, title=title, start=start, album=album)))
    return path


# the name under which the package offers it
page = write_page


def page_parts(
    trace: Trace,
    *,
    run: Results | None = None,
    title: str | None = None,
    start: Start | None = None,
    album: Album | None = None,
) -> dict[str, Any]:
    """Return what the page shows as JSON values: graph, tables, pictures, results, start.

    Raises TraceError for a run that has none of the model's layers, and for a `start` that cannot
    be.
    """
    o = Overview(trace)
    parts: dict[str, Any] = {
        "graph": graph(o, title=title or trace.model_name),
        "start": start_values(o, start or Start(), scored=run is not None),
        "tables": tables(o),
        "pictures": pictures(trace, album),
        "results": None if run is None else results(o, run),
    }
    return {name: json_value(part) for name, part in parts.items()}


def page_html(parts: dict[str, Any]) -> str:
    """Return the page around the data of `page_parts`."""
    script = "(() => {\n" + '"use strict";\n' + "\n".join(map(_file, SCRIPTS)) + "\n})();"
    style = _filled(_file("page.css"), _LIGHT)
    blocks = "\n".join(
        f'<script type="application/json" id="{name}">{_json(part)}</script>'
        for name, part in parts.items()
    )
    filled = {
        "POLICY": (
            f"default-src 'none'; img-src data:; style-src {_digest(style)}; "
            f"script-src {_digest(script)}; base-uri 'none'; form-action 'none'"
        ),
        "TITLE": html.escape(parts["graph"]["title"]),
        "STYLE": style,
        "DATA": blocks,
        "SCRIPT": script,
    }
    page = _filled(_file("page.html"), filled)
    # a lone surrogate, as a path may hold, has no UTF-8
    return page.encode("utf-8", "replace").decode()


def _filled(text: str, values: Mapping[str, str]) -> str:
    """Return text with each `%%NAME%%` replaced by its value."""
    pieces = text.split("%%")
    return "".join(values[piece] if number % 2 else piece for number, piece in enumerate(pieces))


def _json(part: Any) -> str:
    """Return JSON without a character that could end the element it stands in."""
    text = json.dumps(part, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _digest(text: str) -> str:
    """Return the source expression of the content policy for an inline element."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
