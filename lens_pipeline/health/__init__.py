"""What is wrong with activations before any score is computed from them."""
