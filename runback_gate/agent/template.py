"""Prompt templates: the part of Jinja2 whose work is bounded by its data.

In: a template that a pull request wrote, and the variables of a recording. Out: the prompt.

    render("Help {{ customer.name }}.", {"customer": {"name": "Ann"}}, "agents/support.md")     # 'Help Ann.'

Text, variables, conditions, tests, loops and some filters; no calls, no arithmetic, no assignments, no macros, no other
files. Loops, filters and comparisons spend a budget; the template, the variables and the prompt have a size limit. Line
ends stay as they are: what a model is asked is text, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, wraps
from itertools import islice
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, nodes
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
MAX_TOKENS = 20_000
"""Pieces of a template: text between two expressions, and each sign and word inside of them."""
BUDGET = 10_000_000
"""What a template may spend: 100 for each turn of a loop, each filter and each comparison, 1 for each part of a result,
and 10 for each part and 1 for each character of what is compared."""

_STEP, _PART = 100, 10
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
_WALK, _WEIGH = "walk", "weigh"
# White space to Jinja, and no line end, which it would make a line feed: one that the texts lack stands for CR.
_STAND_INS = "\x85\u2028\u2029\u1680\u205f\u2000\u2001\u2002\u2003\u2004\u2005"
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
    data = canonical_bytes(dict(variables))
    if len(data) > MAX_VARIABLES_BYTES:
        limit = MAX_VARIABLES_BYTES >> 10
        raise InputError(f"the recorded variables are larger than {limit} KiB", location=Location(path))
    carriage_return = _stand_in(template, data.decode(), path)
    size, parts = 0, []
    try:
        sandbox, compiled = _compiled(template.replace("\r", carriage_return), path)
        sandbox.left = BUDGET
        for part in compiled.generate(variables):
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
    return "".join(parts).replace(carriage_return, "\r")


def _stand_in(template: str, variables: str, path: str) -> str:
    if "\r" not in template:
        return "\r"
    if found := next((each for each in _STAND_INS if each not in template and each not in variables), None):
        return found
    raise InputError("the template has CR line ends and rare white space", hint="use LF", location=Location(path))


@lru_cache(maxsize=8)
def _compiled(template: str, path: str) -> tuple[_Sandbox, Template]:
    """The template ready to be filled in, and the sandbox that counts what it does."""
    sandbox = _Sandbox()
    # Before the parser, whose memory is a thousand times that of the text.
    if more := next(islice(sandbox.lex(template), MAX_TOKENS, None), None):
        message = f"the template has more than {MAX_TOKENS:,} pieces"
        raise InputError(message, hint="fill in fewer places, or use a loop", location=Location(path, more[0]))
    tree = sandbox.parse(template)
    _prepare(tree, path)
    return sandbox, sandbox.from_string(tree)


class _Sandbox(ImmutableSandboxedEnvironment):
    """An environment that can name nothing but the variables, and counts what filters and loops do."""

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, keep_trailing_newline=True)
        self.left = BUDGET
        self.globals = {}
        self.filters = {name: self._counted(self.filters[name]) for name in _FILTERS}
        self.filters |= {_WALK: self._walk, _WEIGH: self._weigh}

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
            raise ValueError("its loops, filters and comparisons do too much")

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

    def _weigh(self, value: Any) -> Any:
        """Pay for a value that is compared, searched or copied, with all that lies inside."""
        self._spend(_STEP)
        waiting = [value]
        while waiting:
            part = waiting.pop()
            if isinstance(part, str):
                self._spend(len(part))
            elif isinstance(part, (list, tuple, dict)):
                self._spend(_PART * len(part))
                waiting += part.values() if isinstance(part, dict) else part
        return value


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
        node.iter = _passed(node.iter, _WALK)
    elif isinstance(node, nodes.Operand):
        node.expr = _passed(node.expr, _WEIGH)
    elif isinstance(node, nodes.Test):
        node.args = [_passed(item, _WEIGH) for item in node.args]
    elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
        node.node = _passed(node.node, _WEIGH)


def _passed(node: Any, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


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
