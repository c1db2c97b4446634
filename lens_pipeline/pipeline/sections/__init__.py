"""Sections of the config that have names and defaults of their own."""
