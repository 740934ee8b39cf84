"""Rounds on a Dask cluster: `runner` makes them, `shards` divides them, `collecting` and `surveying` run on workers."""
