"""Capture: from what an agent did to `Run`s of `Step`s.

`transcript` reads chat-format transcripts, `runs` writes and reads run files.
"""
