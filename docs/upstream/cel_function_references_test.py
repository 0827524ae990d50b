"""A call of a Python function keeps none of its arguments and takes no reference of None away.

Needs cel-expr-python alone. On release 0.1.3 it fails.
"""

import gc
import sys
import unittest

from cel_expr_python import cel  # type: ignore[import-untyped]

CALLS = 1_000


def calls(result: object, argument: list[object]) -> None:
    """Call a function that gives `result` with `argument`, many times."""
    overload = cel.Overload("f_list", return_type=cel.Type.DYN, parameters=[cel.Type.LIST], impl=lambda _: result)
    env = cel.NewEnv(variables={"x": cel.Type.DYN}, functions=[cel.FunctionDecl("f", [overload])])
    expression = env.compile("f(x)")
    for _ in range(CALLS):
        value = expression.eval(env.Activation({"x": argument})).plain_value()
        if value != result:
            raise ValueError(value)


class FunctionReferencesTest(unittest.TestCase):
    """What is left after many calls."""

    def test_arguments_are_released(self) -> None:
        """The lists that were made for the calls are gone."""
        calls(True, [1])
        gc.collect()
        before = len(gc.get_objects())
        calls(True, [1])
        gc.collect()
        self.assertLess(len(gc.get_objects()) - before, CALLS // 2)  # noqa: PT009

    @unittest.skipIf(sys.version_info >= (3, 12), "None is immortal")
    def test_none_is_not_given_away(self) -> None:
        """None has as many references after the calls as before them."""
        before = sys.getrefcount(None)
        calls(None, [None])
        calls([None], [{"a": None}])
        self.assertLess(abs(sys.getrefcount(None) - before), CALLS // 2)  # noqa: PT009


if __name__ == "__main__":
    unittest.main()
