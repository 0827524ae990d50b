"""Where runs lie.

folder    a folder of run files, and a run by its file or its id
"""
