"""Small agents, one a client of a model API, as somebody would write them; none knows that it is recorded.

In: `python sdks.py CLIENT SCENARIO URL`, in an environment that has the package. Out: whatever it prints.

It imports the package that it is for alone, so each runs in an environment of its own.
"""

# ruff: noqa: PLC0415  one file for many environments
# mypy: ignore-errors

from __future__ import annotations

import json
import sys
from typing import Any

SCHEMA = {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}
QUESTION = "Where is order A-1? Grüße 🙂"


def lookup(order: str) -> str:
    """Find an order."""
    return f"{order} is on its way"


def openai(scenario: str, url: str) -> None:
    import openai

    client = openai.OpenAI(base_url=f"{url}/v1", api_key="secret-key", max_retries=0)
    tools: Any = [{"type": "function", "function": {"name": "lookup", "description": "Find", "parameters": SCHEMA}}]
    messages: list[Any] = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": QUESTION}]
    if scenario in ("stream", "close"):
        with client.chat.completions.create(model="gpt-test", messages=messages, stream=True) as stream:
            for _ in stream:
                if scenario == "close":
                    break
        return
    answer = client.chat.completions.create(model="gpt-test", messages=messages, tools=tools, temperature=0.5)
    for call in answer.choices[0].message.tool_calls or ():
        result = lookup(**json.loads(call.function.arguments))
        messages += [answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": result}]
        client.chat.completions.create(model="gpt-test", messages=messages, tools=tools, temperature=0.5)


def openai_responses(scenario: str, url: str) -> None:
    import openai

    client = openai.OpenAI(base_url=f"{url}/v1", api_key="secret-key", max_retries=0)
    tools: Any = [{"type": "function", "name": "lookup", "description": "Find", "parameters": SCHEMA, "strict": False}]
    items: list[Any] = [{"role": "user", "content": QUESTION}]
    if scenario in ("stream", "close"):
        with client.responses.create(model="gpt-test", instructions="Be kind.", input=items, stream=True) as stream:
            for _ in stream:
                if scenario == "close":
                    break
        return
    answer = client.responses.create(model="gpt-test", instructions="Be kind.", input=items, tools=tools)
    for item in answer.output:
        if item.type == "function_call":
            result = lookup(**json.loads(item.arguments))
            items += [item, {"type": "function_call_output", "call_id": item.call_id, "output": result}]
            client.responses.create(model="gpt-test", instructions="Be kind.", input=items, tools=tools)


def anthropic(scenario: str, url: str) -> None:
    import anthropic

    client = anthropic.Anthropic(base_url=url, api_key="secret-key", max_retries=0)
    tools: Any = [{"name": "lookup", "description": "Find", "input_schema": SCHEMA}]
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    asked: dict[str, Any] = {"model": "claude-test", "max_tokens": 99, "system": "Be kind."}
    if scenario in ("stream", "close"):
        with client.messages.stream(**asked, messages=messages) as stream:
            for _ in stream.text_stream:
                if scenario == "close":
                    break
        return
    answer = client.messages.create(**asked, messages=messages, tools=tools)
    for block in answer.content:
        if block.type == "tool_use":
            result = {"type": "tool_result", "tool_use_id": block.id, "content": lookup(**block.input)}
            messages += [{"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]
            client.messages.create(**asked, messages=messages, tools=tools)


def google_genai(scenario: str, url: str) -> None:
    from google import genai
    from google.genai import types

    client = genai.Client(api_key="secret-key", http_options=types.HttpOptions(base_url=url))
    config = types.GenerateContentConfig(system_instruction="Be kind.", temperature=0.5, tools=[lookup])
    if scenario in ("stream", "close"):
        for _ in client.models.generate_content_stream(model="gemini-test", contents=QUESTION):
            if scenario == "close":
                break
        return
    client.models.generate_content(model="gemini-test", contents=QUESTION, config=config)


def litellm(scenario: str, url: str) -> None:
    import asyncio

    import litellm

    litellm.telemetry = False
    messages: list[Any] = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": QUESTION}]
    tools = [{"type": "function", "function": {"name": "lookup", "description": "Find", "parameters": SCHEMA}}]
    asked: dict[str, Any] = {
        "model": "openai/gpt-test",
        "api_base": f"{url}/v1",
        "api_key": "secret-key",
        "num_retries": 0,
    }

    async def stream() -> None:
        async for _ in await litellm.acompletion(messages=messages, stream=True, **asked):
            if scenario == "close":
                break

    if scenario in ("stream", "close"):
        asyncio.run(stream())
        return
    answer = litellm.completion(messages=messages, tools=tools, **asked)
    for call in answer.choices[0].message.tool_calls or ():
        result = lookup(**json.loads(call.function.arguments))
        messages += [answer.choices[0].message.model_dump(exclude_none=True)]
        messages += [{"role": "tool", "tool_call_id": call.id, "content": result}]
        litellm.completion(messages=messages, tools=tools, **asked)


def mistral(scenario: str, url: str) -> None:
    from mistralai.client import Mistral

    client = Mistral(api_key="secret-key", server_url=url)
    tools: Any = [{"type": "function", "function": {"name": "lookup", "description": "Find", "parameters": SCHEMA}}]
    messages: list[Any] = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": QUESTION}]
    if scenario in ("stream", "close"):
        with client.chat.stream(model="mistral-test", messages=messages) as stream:
            for _ in stream:
                if scenario == "close":
                    break
        return
    answer = client.chat.complete(model="mistral-test", messages=messages, tools=tools)
    for call in answer.choices[0].message.tool_calls or ():
        result = lookup(**json.loads(call.function.arguments))
        messages += [answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": result}]
        client.chat.complete(model="mistral-test", messages=messages, tools=tools)


def groq(scenario: str, url: str) -> None:
    import groq

    client = groq.Groq(base_url=url, api_key="secret-key", max_retries=0)
    tools: Any = [{"type": "function", "function": {"name": "lookup", "description": "Find", "parameters": SCHEMA}}]
    messages: list[Any] = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": QUESTION}]
    if scenario in ("stream", "close"):
        with client.chat.completions.create(model="groq-test", messages=messages, stream=True) as stream:
            for _ in stream:
                if scenario == "close":
                    break
        return
    answer = client.chat.completions.create(model="groq-test", messages=messages, tools=tools, temperature=0.5)
    for call in answer.choices[0].message.tool_calls or ():
        result = lookup(**json.loads(call.function.arguments))
        messages += [answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": result}]
        client.chat.completions.create(model="groq-test", messages=messages, tools=tools, temperature=0.5)


def boto3(scenario: str, url: str) -> None:
    import boto3
    from botocore.config import Config

    keys = {"aws_access_key_id": "secret-key", "aws_secret_access_key": "secret-key", "region_name": "eu-central-1"}
    config = Config(retries={"max_attempts": 0})
    client = boto3.client("bedrock-runtime", endpoint_url=url, config=config, **keys)
    tool = {"name": "lookup", "description": "Find", "inputSchema": {"json": SCHEMA}}
    messages: list[Any] = [{"role": "user", "content": [{"text": QUESTION}]}]
    asked: dict[str, Any] = {"modelId": "anthropic.test-v1:0", "system": [{"text": "Be kind."}], "messages": messages}
    if scenario in ("stream", "close"):
        stream = client.converse_stream(**asked)["stream"]
        for _ in stream:
            if scenario == "close":
                stream.close()
                break
        return
    answer = client.converse(**asked, toolConfig={"tools": [{"toolSpec": tool}]})
    for part in answer["output"]["message"]["content"]:
        if call := part.get("toolUse"):
            result = {"toolUseId": call["toolUseId"], "content": [{"text": lookup(**call["input"])}]}
            messages += [answer["output"]["message"], {"role": "user", "content": [{"toolResult": result}]}]
            client.converse(**asked, toolConfig={"tools": [{"toolSpec": tool}]})


if __name__ == "__main__":
    globals()[sys.argv[1].replace("-", "_")](sys.argv[2], sys.argv[3])
