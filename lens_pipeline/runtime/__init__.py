"""How a forward pass is run once its structure is known.

`forward_passes` opens a model for a run of batches and gives the values of the selected operations
for each: by forward hooks or by counting operations, stopped after the last one needed, exactly or
in the fast mode. What the fast mode may be used for, and that no stimulus depends on its neighbours
in the batch, is measured beforehand.
"""
