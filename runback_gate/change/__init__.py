"""What a change does to the documents of a gate: which rules match, and what differs between them.

In: the policies of two revisions. Out: matched policies and rules, and their changes, each with its place.
"""
