"""Whether a request can be asked as it was recorded, and what another API leaves out of it.

In: a `Request`, and the API that is asked. Out: the request for it with what is not sent, or the reason why another
question would be asked.

    asked, unsent = sendable(request, "openai.chat")
    note_unsent(response, unsent)                           # an answer that says what its question lacked
    unsent_note(response)                                   # "not sent: tool_choice"
"""

from __future__ import annotations

from dataclasses import replace

from runback_gate.errors import ProviderError
from runback_gate.step import Api, Message, Request, Response
from runback_gate.wire.foreign import adapt

_OWN = ("model", "messages", "tools")
_PLACEHOLDERS = frozenset(("[image]", "[audio]", "[file]"))
"""What stands in a recording for a part that is no text; see `step.Message.content`."""


_UNSENT = "$unsent"
"""In `extra` of an answer: names of what was recorded and not sent."""


def note_unsent(response: Response, unsent: tuple[str, ...]) -> Response:
    """The answer, which says what its question lacked; so it does when it comes from the cache."""
    return replace(response, extra={**response.extra, _UNSENT: list(unsent)}) if unsent else response


def unsent_note(response: Response) -> str:
    """What a row says about it; empty where all was sent."""
    unsent = response.extra.get(_UNSENT)
    return f"not sent, as this API has no such field: {', '.join(map(str, unsent))}" if unsent else ""


def sendable(request: Request, api: Api) -> tuple[Request, tuple[str, ...]]:
    """The request for an API, and the names of what is not sent.

    Raises:
        ProviderError: `refused`, for parameters that would change what is asked or ask for several answers at once,
            and for a conversation of which parts were not recorded: without them another question would be asked.
    """
    if taken := [name for name in _OWN if name in request.parameters]:
        raise ProviderError("refused", f"parameters.{taken[0]} is no parameter: the agent config states it beside them")
    if request.parameters.get("n", 1) != 1:
        raise ProviderError(
            "refused", "parameters.n: one answer is judged at a time", hint="use trials for several answers"
        )
    if not all(map(_recorded, request.messages)):
        raise ProviderError("refused", "an image, sound or file of the conversation was not recorded")
    return adapt(request, api)


def _recorded(message: Message) -> bool:
    if message.parts:
        return not any(part.blob is not None and part.data is None and part.url is None for part in message.parts)
    return "[" not in message.content or _PLACEHOLDERS.isdisjoint(message.content.split("\n"))
