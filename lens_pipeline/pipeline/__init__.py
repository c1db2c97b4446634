"""The declarative shell: from a config to a plan, a run and its analysis."""
