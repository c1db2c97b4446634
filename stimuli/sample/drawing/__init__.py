"""A small ray marcher and the things it draws: how the bundled sample came to be."""
