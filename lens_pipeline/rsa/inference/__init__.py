"""Inference on RDMs: intervals, tests and choices that hold for new stimuli and new subjects.

Every function takes arrays whose columns are already matched by stimulus id, and draws with a seed.
"""
