"""Which branches a forward pass took and what decided them, from the Trace and the source.

`branching` finds the Conditionals; below it, `visits` finds the evaluations of a test, `truth_*`
what a test made of the contents it read, `stacks` the activations of a function, `syntax` what the
source says.
"""
