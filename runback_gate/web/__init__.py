"""Web: one local port for the recording proxy, the OTLP receiver and the pages over the runs folder.

`server` starts and ends it, `guard` says who may ask, `proxy` and `receiver` take what is to be recorded, `pages` lists
what others mount.
"""
