"""Many jobs as one: planned together, carried out by one executor, told as one table."""
