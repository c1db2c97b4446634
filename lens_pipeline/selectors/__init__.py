"""Selectors: the little language that says which operations are kept.

`V1.output`, `IT.output:2`, `IT.output:-1`, `IT.output:1-3`, `V?.output`, `V*.output:*`,
`conv2d_3_7`, `conv2d_3`, `7`, `-17`, `pool@1`, `all`. A text is parsed to a frozen value without a
model and without torch; the value is applied to a Trace. What matches nothing is an error with the
nearest names, never an empty result.
"""

from lens_pipeline.selectors.auto import auto_layers
from lens_pipeline.selectors.matching import Selected, select
from lens_pipeline.selectors.parsing import (
    PassRange,
    Selector,
    parse_selector,
    parse_selectors,
    selector_text,
)

__all__ = [
    "PassRange",
    "Selected",
    "Selector",
    "auto_layers",
    "parse_selector",
    "parse_selectors",
    "select",
    "selector_text",
]
