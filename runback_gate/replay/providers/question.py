"""Whether a request can be asked as it was recorded.

In: a `Request`. Out: the same, or the reason why another question would be asked.

    body = openai_chat.write_request(sendable(request), "gpt-4o-mini")
"""

from __future__ import annotations

from runback_gate.errors import ProviderError
from runback_gate.step import Message, Request

_OWN = ("model", "messages", "tools")
_PLACEHOLDERS = frozenset(("[image]", "[audio]", "[file]"))
"""What stands in a recording for a part that is no text; see `step.Message.content`."""


def sendable(request: Request) -> Request:
    """The request.

    Raises:
        ProviderError: `refused`, for parameters that would change what is asked or ask for several answers at once,
            and for a conversation of which parts were not recorded: without them another question would be asked.
    """
    if taken := [name for name in _OWN if name in request.parameters]:
        raise ProviderError("refused", f"parameters.{taken[0]} is no parameter: the agent config states it beside them")
    if request.parameters.get("n", 1) != 1:
        raise ProviderError("refused", "parameters.n: one answer is judged at a time", hint="ask for trials instead")
    if not all(map(_recorded, request.messages)):
        raise ProviderError("refused", "an image, sound or file of the conversation was not recorded")
    return request


def _recorded(message: Message) -> bool:
    if message.parts:
        return not any(part.blob is not None and part.data is None and part.url is None for part in message.parts)
    return "[" not in message.content or _PLACEHOLDERS.isdisjoint(message.content.split("\n"))
