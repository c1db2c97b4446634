"""From labelled activations to dissimilarity matrices, comparisons and figures."""
