"""What is made of stored activations: RDMs, scores, encoding models, figures."""
