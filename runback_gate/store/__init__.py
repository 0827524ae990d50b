"""Where runs are stored.

folder    a folder of run files, and a run by its file or its id
"""
