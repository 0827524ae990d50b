"""The folder that `runback-gate record` puts on the path of a program: Python runs its `sitecustomize` at the start."""
