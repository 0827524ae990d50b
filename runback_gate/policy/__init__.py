"""Judging one step with CEL: expressions, the two engines that run them, and the documents that hold them.

In: the JSON that an expression may see (`request`, `response`, …) and CEL source. Out: verdicts with the values that
decided. The way of an expression through the package:

    tokens -> parser -> syntax (limits) -> inline (params, variables) -> engine: cel_cpp judges, cel_py is the second
                              \\-> lint (names and types against `shape`, patterns)          \\-> explain
"""
