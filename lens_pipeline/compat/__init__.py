"""Other packages' words for what this one does, one module per package.

Each is a thin room over the public functions, for readers who know those words. Nothing here is
imported by the rest, and none of those packages is.
"""
