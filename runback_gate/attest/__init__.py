"""Signed results: statements, the keys and identities that sign them, and what a verifier may believe.

statement (what is said) -> keys or sigstore (who said it) -> verify (whether to believe it)
"""
