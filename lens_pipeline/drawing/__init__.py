"""A Trace as a picture: `static` makes the text that Graphviz lays out, `pictures` the files."""
