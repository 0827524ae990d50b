"""Replay: which answer a case has under an agent config, and where that answer came from.

`evidence` decides by request digest, `cache` keeps earlier answers on disk, `compare` says in short what was answered
and what differs.
"""
