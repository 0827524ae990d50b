"""Proofs about rules: what a changed rule says of every possible step, decided by an SMT solver.

Needs the extra `proof` (z3-solver), which stands behind `smt.py`.
"""
