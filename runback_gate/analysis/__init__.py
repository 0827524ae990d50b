"""What can be said about policies: static checks, policy tests, mutants, and what they say of recorded steps.

In: policy documents and recorded runs. Out: values that reports and commands show; nothing here judges a release.
"""
