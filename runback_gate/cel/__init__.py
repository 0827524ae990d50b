"""The expression language: from CEL source to a value and to the sub-expressions that decided it.

In: CEL source and the JSON that it may see. Out: outcomes of two engines, and explanations. It knows nothing of agents,
policies or files. The way of an expression through the package:

    tokens -> parser -> limits -> inline (params, variables) -> engine: cpp_engine judges, py_engine is the second
                                                            \\-> explain
"""
