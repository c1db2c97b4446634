"""Whether a Trace is right, op by op.

`checking` is the door; `ops` checks one Op after the other, `whole` the graph as one, `metadata`
the record against itself; `replay`, `perturbation` and `sameness` are what they are made of.
"""
