"""Where tasks are carried out: in this process, in Dask workers, in a cluster's jobs."""
