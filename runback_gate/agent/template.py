"""Prompt templates: the part of Jinja2 whose work is bounded by its data.

In: a template that a pull request wrote, and the variables of a recording. Out: the prompt.

    render("Help {{ customer.name }}.", {"customer": {"name": "Ann"}}, "agents/support.md")     # 'Help Ann.'

Text, variables, conditions, tests, loops and some filters; no calls, no arithmetic, no assignments, no macros, no other
files. Loops and filters spend a budget, and the variables and the prompt have a size limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from typing import Any

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from runback_gate.canonical import JsonValue, canonical_bytes
from runback_gate.errors import InputError, Location

MAX_PROMPT_BYTES = 1 << 20
"""Largest prompt, as a file and when it is filled in."""
MAX_VARIABLES_BYTES = 256 << 10
"""Largest canonical JSON of the variables of one step."""
MAX_DEPTH = 32
"""Parts of a template that may lie inside each other."""
BUDGET = 10_000_000
"""What a template may spend: 100 for each turn of a loop and each use of a filter, 1 for each part of its result."""

_STEP = 100
_NODES = frozenset(
    "Template Output TemplateData Name Const Neg Getattr Getitem Slice If For Filter Test Compare Operand And Or Not "
    "CondExpr Tuple List Keyword".split()
)
_FILTERS = frozenset(
    "abs capitalize count d default first float int items join last length list lower reverse sort title tojson trim "
    "unique upper".split()
)
_CHOICES = frozenset(("d", "default"))
"""Filters that give one of their arguments."""
_LOOP = frozenset("depth depth0 first index index0 last length nextitem previtem revindex revindex0".split())
_MAX_ARGUMENT = 64
_WALK = "walk"
_FAULTS = (
    TemplateError,
    SyntaxError,
    ArithmeticError,
    AttributeError,
    TypeError,
    ValueError,
    LookupError,
)


def render(template: str, variables: Mapping[str, JsonValue], path: str) -> str:
    """Fill a prompt template in; `path` names it in errors.

    Raises:
        InputError: not such a template, a variable that was not recorded, or one of the limits above.
    """
    if len(canonical_bytes(dict(variables))) > MAX_VARIABLES_BYTES:
        limit = MAX_VARIABLES_BYTES >> 10
        raise InputError(f"the recorded variables are larger than {limit} KiB", location=Location(path))
    sandbox = _Sandbox()
    size, parts = 0, []
    try:
        tree = sandbox.parse(template)
        _prepare(tree, path)
        for part in sandbox.from_string(tree).generate(variables):
            parts.append(part)
            if (size := size + len(part.encode())) > MAX_PROMPT_BYTES:
                raise InputError("the prompt becomes larger than 1 MiB", location=Location(path))
    except RecursionError as error:
        raise _too_deep(Location(path)) from error
    except _FAULTS as error:
        names = ", ".join(sorted(variables)) or "none"
        raise InputError(
            f"the template does not render for the recorded variables: {error}",
            hint=f"recorded variables: {names if len(names) <= 200 else names[:199] + '…'}",
            location=Location(path, error.lineno if hasattr(error, "lineno") else None),
        ) from error
    return "".join(parts)


class _Sandbox(ImmutableSandboxedEnvironment):
    """An environment that can name nothing but the variables, and counts what filters and loops do."""

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, keep_trailing_newline=True)
        self.left = BUDGET
        self.globals = {}
        self.filters = {name: self._counted(self.filters[name]) for name in _FILTERS} | {_WALK: self._walk}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Give an entry of a mapping. Python's own attributes are no data: to print a method shows its address."""
        if isinstance(obj, LoopContext) and attribute in _LOOP:
            return super().getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Give an entry of a mapping, list or text."""
        try:
            return obj[argument]
        except (LookupError, TypeError):
            return self.undefined(obj=obj, name=argument)

    def _spend(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise ValueError("its loops and filters do too much")

    def _counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def counted(*arguments: Any, **options: Any) -> Any:
            result = function(*arguments, **options)
            # To print an iterator shows its address.
            result = list(result) if isinstance(result, Iterator) else result
            self._spend(_STEP + (len(result) if isinstance(result, (str, list, tuple, dict)) else 0))
            return result

        return counted

    def _walk(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self._spend(_STEP)
            yield item


def _prepare(node: nodes.Node, path: str, depth: int = 0) -> None:
    """Refuse what is not in the language, and let every loop walk through the budget."""
    place = Location(path, node.lineno)
    if depth > MAX_DEPTH:
        raise _too_deep(place)
    if fault := _fault(node):
        hint = "variables, if, for and some filters are; compute the rest in the agent"
        raise InputError(f"{fault} is not allowed in a prompt template", hint=hint, location=place)
    for child in node.iter_child_nodes():
        _prepare(child, path, depth + 1)
    if isinstance(node, nodes.For):
        node.iter = nodes.Filter(node.iter, _WALK, [], [], None, None, lineno=node.lineno)


def _too_deep(place: Location) -> InputError:
    return InputError(f"the template is nested deeper than {MAX_DEPTH} levels", hint="flatten it", location=place)


def _fault(node: nodes.Node) -> str | None:
    """What a node is, when it is not in the language."""
    if type(node).__name__ not in _NODES:
        return type(node).__name__
    if isinstance(node, nodes.List) or (isinstance(node, nodes.Tuple) and node.ctx == "load"):
        constants = all(isinstance(item, nodes.Const) for item in node.items)
        return None if constants else "a list of anything but constants"
    if isinstance(node, nodes.Filter):
        if node.name not in _FILTERS:
            return f"the filter {node.name}"
        given = [*node.args, *(item.value for item in node.kwargs)]
        if node.dyn_args or node.dyn_kwargs or not (node.name in _CHOICES or all(map(_is_small, given))):
            return f"an argument of {node.name} that is not a small constant"
    return None


def _is_small(node: nodes.Node) -> bool:
    """Whether this is a constant that cannot make a result many times larger."""
    if not isinstance(node, nodes.Const):
        return False
    return (len(node.value) if isinstance(node.value, str) else abs(node.value or 0)) <= _MAX_ARGUMENT
