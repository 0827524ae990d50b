"""Policies: the documents that hold rules, what a rule sees of a step, and what it says of it.

In: policy documents and a step. Out: for each rule whether it holds, fails, errs or does not apply.
"""
