"""Archives: run files in Parquet, under manifests that name every part by its digest (extra `archive`).

model       what manifests say, and their bytes
rows        a run file as a row: its bytes beside what a list of runs is filtered by
arrow       Parquet and file systems: all that `pyarrow` does
duck        lists of runs: all that DuckDB does
contents    what an archive holds by its manifests
pack        run files become parts and a manifest
rewrite     parts written anew, the old ones removed
claim       one rewrite at a time
versions    old versions that a bucket keeps of removed files
shards      parts as the shards of a backtest
check       every digest of an archive held against its bytes
"""
