"""Whole bodies of each provider's API."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

TEXT = st.text(st.characters(codec="utf-8"), max_size=6)

VALUE = st.none() | st.booleans() | st.integers(0, 9) | TEXT | st.just({"a": [1.5, {"b": None}]})

OBJECT = st.sampled_from([{}, {"a": 1.5, "b": [True, None, "ü"]}])

SCHEMA = st.sampled_from([{}, {"type": "object"}, {"type": "object", "properties": {"a": {"type": "string"}}}])


def record(needed: dict[str, Any], maybe: dict[str, Any]) -> Any:
    """An object with these fields, and perhaps with one that nobody knows."""
    return st.fixed_dictionaries(needed, optional={**maybe, "laterField": VALUE})


def lists(*items: Any) -> Any:
    """A short list."""
    return st.lists(st.one_of(*items), max_size=3)


A_TEXT = record({"type": st.just("text"), "text": TEXT}, {"cache_control": st.just({"type": "ephemeral"})})

A_SOURCE = st.one_of(
    record({"type": st.just("base64"), "media_type": st.just("image/png"), "data": st.just("QUJD")}, {}),
    record({"type": st.just("text"), "media_type": st.just("text/plain"), "data": TEXT}, {}),
    record({"type": st.just("url"), "url": TEXT}, {}),
    record({"type": st.just("file"), "file_id": TEXT}, {}),
)

A_MEDIA = record({"type": st.sampled_from(["image", "document"]), "source": A_SOURCE}, {"title": TEXT})

A_THOUGHT = st.one_of(
    record({"type": st.just("thinking"), "thinking": TEXT}, {"signature": TEXT}),
    record({"type": st.just("redacted_thinking"), "data": TEXT}, {}),
)

A_USE = record(
    {"type": st.sampled_from(["tool_use", "server_tool_use", "mcp_tool_use"]), "name": TEXT},
    {"id": TEXT, "input": OBJECT, "server_name": TEXT},
)

A_OTHER = record({"type": st.sampled_from(["web_search_tool_result", "search_result", "later"])}, {"content": VALUE})

A_RESULT = record(
    {"type": st.just("tool_result")},
    {"tool_use_id": TEXT, "content": TEXT | st.none() | lists(A_TEXT, A_MEDIA), "is_error": st.none() | st.booleans()},
)

A_BODY = record(
    {
        "messages": lists(
            record({"role": st.just("user"), "content": TEXT | lists(A_TEXT, A_MEDIA, A_RESULT, A_OTHER)}, {}),
            record({"role": st.just("assistant"), "content": TEXT | lists(A_TEXT, A_THOUGHT, A_USE, A_OTHER)}, {}),
        )
    },
    {
        "model": TEXT,
        "system": TEXT | lists(A_TEXT) | st.none(),
        "tools": lists(
            record({"name": TEXT}, {"description": VALUE, "input_schema": SCHEMA | VALUE, "strict": VALUE}),
            record({"type": st.just("custom"), "name": TEXT, "input_schema": SCHEMA}, {}),
            record({"type": st.just("web_search_20250305"), "name": TEXT}, {"max_uses": VALUE}),
        ),
        "max_tokens": VALUE,
        "tool_choice": VALUE,
        "stream": VALUE,
    },
)

B_TEXT = st.one_of(record({"text": TEXT}, {}), st.just({"cachePoint": {"type": "default"}}))

B_SOURCE = record({}, {"bytes": st.just("QUJD"), "s3Location": record({"uri": TEXT}, {})})

B_MEDIA = st.one_of(
    record({"image": record({"format": st.just("png"), "source": B_SOURCE}, {})}, {}),
    record({"document": record({"format": st.sampled_from(["pdf", "docx"]), "source": B_SOURCE}, {"name": TEXT})}, {}),
)

B_THOUGHT = st.one_of(
    record({"reasoningContent": record({"reasoningText": record({"text": TEXT}, {"signature": TEXT})}, {})}, {}),
    record({"reasoningContent": record({"redactedContent": TEXT}, {})}, {}),
)

B_USE = record({"toolUse": record({"name": TEXT}, {"toolUseId": TEXT, "input": OBJECT})}, {})

B_RESULT = record(
    {
        "toolResult": record(
            {},
            {
                "toolUseId": TEXT,
                "content": lists(B_TEXT, B_MEDIA, st.just({"json": {"a": 1}})),
                "status": st.sampled_from(["success", "error"]),
            },
        )
    },
    {},
)

B_TOOL = record({"name": TEXT}, {"description": VALUE, "inputSchema": record({}, {"json": SCHEMA}), "strict": VALUE})

B_BODY = record(
    {
        "messages": lists(
            record({"role": st.just("user"), "content": lists(B_TEXT, B_MEDIA, B_RESULT)}, {}),
            record({"role": st.just("assistant"), "content": lists(B_TEXT, B_THOUGHT, B_USE)}, {}),
        )
    },
    {
        "system": lists(B_TEXT),
        "inferenceConfig": record({}, {"maxTokens": VALUE, "temperature": VALUE}),
        "toolConfig": record(
            {}, {"tools": lists(record({"toolSpec": B_TOOL}, {}), st.just({"cachePoint": {}})), "toolChoice": VALUE}
        ),
        "guardrailConfig": VALUE,
    },
)

G_TEXT = record({"text": TEXT}, {"thought": st.booleans(), "thoughtSignature": TEXT})

G_MEDIA = st.one_of(
    record({"inlineData": record({"data": st.just("QUJD")}, {"mimeType": st.just("image/png")})}, {}),
    record({"fileData": record({"fileUri": TEXT}, {"mimeType": st.just("audio/wav")})}, {}),
)

G_CALL = record({"functionCall": record({"name": TEXT}, {"id": TEXT, "args": OBJECT})}, {"thoughtSignature": TEXT})

G_RESULT = record(
    {
        "functionResponse": record(
            {}, {"name": TEXT, "id": TEXT, "response": OBJECT | st.just({"error": "no"}) | st.just({"error": {"a": 1}})}
        )
    },
    {},
)

G_OTHER = st.just({"executableCode": {"code": "1"}})

G_FUNCTION = record({"name": TEXT}, {"description": VALUE, "parameters": SCHEMA, "parametersJsonSchema": SCHEMA})

G_BODY = record(
    {
        "contents": lists(
            record({"parts": lists(G_TEXT, G_MEDIA, G_RESULT)}, {"role": st.just("user")}),
            record({"role": st.just("function"), "parts": lists(G_RESULT)}, {}),
            record({"role": st.just("model")}, {"parts": lists(G_TEXT, G_CALL, G_OTHER)}),
        )
    },
    {
        "generationConfig": record({}, {"temperature": VALUE, "maxOutputTokens": VALUE}),
        "tools": lists(
            st.fixed_dictionaries({"functionDeclarations": st.lists(G_FUNCTION, min_size=1, max_size=2)}),
            st.just({"googleSearch": {}}),
        ),
        "toolConfig": VALUE,
        "safetySettings": VALUE,
    },
)

R_PART = st.one_of(
    record({"type": st.sampled_from(["input_text", "output_text"]), "text": TEXT}, {"annotations": st.just([])}),
    record({"type": st.just("refusal"), "refusal": TEXT}, {}),
    record(
        {"type": st.just("input_image")}, {"image_url": TEXT | st.just("data:image/png;base64,QUJD"), "detail": TEXT}
    ),
    record({"type": st.just("input_file")}, {"file_url": TEXT, "file_data": TEXT, "filename": TEXT}),
    record({"type": st.just("input_audio")}, {"data": TEXT}),
)

R_MESSAGE = record(
    {"role": st.sampled_from(["system", "developer", "user", "assistant"]), "content": TEXT | lists(R_PART)},
    {"type": st.just("message"), "id": TEXT, "status": TEXT, "phase": TEXT},
)

R_ITEM = st.one_of(
    R_MESSAGE,
    record({"type": st.just("function_call"), "name": TEXT}, {"call_id": TEXT, "arguments": TEXT, "id": TEXT}),
    record({"type": st.just("custom_tool_call"), "name": TEXT}, {"call_id": TEXT, "input": TEXT, "id": TEXT}),
    record(
        {"type": st.sampled_from(["function_call_output", "custom_tool_call_output"])},
        {"call_id": TEXT, "output": TEXT | lists(R_PART)},
    ),
    record(
        {"type": st.just("reasoning")},
        {
            "summary": lists(st.fixed_dictionaries({"type": st.just("summary_text"), "text": TEXT})),
            "encrypted_content": TEXT | st.none(),
            "content": lists(st.fixed_dictionaries({"type": st.just("reasoning_text"), "text": TEXT})),
        },
    ),
    record({"type": st.sampled_from(["item_reference", "web_search_call", "local_shell_call_output"])}, {"id": TEXT}),
)

R_BODY = record(
    {},
    {
        "model": TEXT,
        "input": TEXT | lists(R_ITEM),
        "instructions": TEXT | st.none(),
        "tools": lists(
            record(
                {"type": st.just("function"), "name": TEXT},
                {"description": VALUE, "parameters": SCHEMA | st.none(), "strict": VALUE},
            ),
            record({"type": st.just("web_search")}, {}),
        ),
        "reasoning": VALUE,
        "temperature": VALUE,
        "store": VALUE,
        "include": VALUE,
    },
)
