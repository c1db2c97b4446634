"""PyTorch's forward pass, written down: every operation, its value and its place."""
