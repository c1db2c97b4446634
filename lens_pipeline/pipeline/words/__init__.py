"""The commands beside `run`, a module for each, and what their arguments share."""
