"""Models by name: where a module comes from, which weights it gets, how its input is prepared."""
