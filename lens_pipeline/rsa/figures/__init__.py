"""Figures of RDMs and scores, each with the table of what it shows."""
