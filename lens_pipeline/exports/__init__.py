"""Activations as other programs read them; what each of their formats has no room for is said."""
