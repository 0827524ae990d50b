"""Audit: runs and reports in one tamper-evident record.

`record` makes it, `verify` says whether it holds and where it breaks, `tree` and `checkpoint` are what it rests on.
Verifying needs nothing of this package but `errors`, `plural`, `canonical`, `chain`, `dsse`, `audit` and, for a
signature, `attest`.
"""
