"""What a change does to a gate: one comparison of two gates, and which policies and rules of them match.

In: two gates, or two sets of policies. Out: `Change`s, each looser, stricter, neutral or unknown, with its place.
"""
