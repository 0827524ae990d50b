"""The gate: cases, replays and findings to rows and one verdict.

`config` reads `runback.yaml`, `waivers` takes named breaches out for a time, `verdict` has the rules, `run` is the
loop.
"""
