"""Callbacks of frameworks that know more than the wire says: which tool ran, how long, and how it failed.

In: what a framework tells its listeners. Out: runs of tools in the run that is recorded; one file a framework.

Calls of models are recorded where they are sent, byte for byte, and need no callback.
"""
