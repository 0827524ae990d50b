"""Navigation in the syntax trees of celpy.

In: trees as celpy's grammar makes them, one for each level of the grammar. Out: the part that does something.

    inner(tree).data        # "addition" for `((1 + 2))`
"""

from __future__ import annotations

from typing import Any

import lark

# Rules of the grammar that only pass on what stands in them.
_PASSING = frozenset("expr conditionalor conditionaland relation addition multiplication unary member".split())


def inner(tree: lark.Tree[Any]) -> lark.Tree[Any]:
    """The first part that does something: each level of the grammar is a tree, also where it only passes on."""
    while len(tree.children) == 1:
        if tree.data in _PASSING:
            tree = tree.children[0]
        elif tree.data == "primary" and tree.children[0].data == "paren_expr":
            tree = tree.children[0].children[0]
        else:
            break
    return tree


def name_of(tree: lark.Tree[Any]) -> str:
    """The name that a tree consists of."""
    return str(inner(tree).children[0].children[0])
