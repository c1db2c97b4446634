"""Labelled arrays on disk: immutable netCDF shards and one index that shows them as a tree."""
