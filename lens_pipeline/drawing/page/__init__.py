"""A Trace as one self-contained page for a browser.

`writing` makes the file; `graph`, `tables`, `values` and `results` what is in it, as JSON; the
page's own markup, style and scripts lie beside them.
"""
