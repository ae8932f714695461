"""Shards on the machines of a Dask cluster. `client.py` is the only file that imports distributed."""
