"""Small agents, one a framework, as somebody would write them; none knows that it is recorded.

In: `python frameworks.py FRAMEWORK SCENARIO URL`, in an environment that has it. Out: whatever it prints.
"""

# ruff: noqa: PLC0415  one file for many environments
# mypy: ignore-errors

from __future__ import annotations

import sys
from typing import Any

from sdks import QUESTION, SCHEMA, lookup


def langgraph(scenario: str, url: str) -> None:
    from langchain_core.tools import tool
    from langchain_openai import ChatOpenAI
    from langgraph.prebuilt import create_react_agent

    model = ChatOpenAI(model="gpt-test", base_url=f"{url}/v1", api_key="secret-key", max_retries=0)
    if scenario in ("stream", "close"):
        for _ in model.stream(QUESTION):
            if scenario == "close":
                break
        return
    agent = create_react_agent(model, [tool(lookup)], prompt="Be kind.")
    agent.invoke({"messages": [("user", QUESTION)]})


def pydantic_ai(scenario: str, url: str) -> None:
    import asyncio

    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    model = OpenAIChatModel("gpt-test", provider=OpenAIProvider(base_url=f"{url}/v1", api_key="secret-key"))
    agent = Agent(model, system_prompt="Be kind.", tools=[lookup])

    async def stream() -> None:
        async with agent.run_stream(QUESTION) as result:
            async for _ in result.stream_text(delta=True):
                if scenario == "close":
                    break

    if scenario in ("stream", "close"):
        asyncio.run(stream())
    else:
        agent.run_sync(QUESTION)


def openai_agents(scenario: str, url: str) -> None:
    import asyncio

    from openai import AsyncOpenAI

    from agents import Agent, Runner, function_tool, set_default_openai_client, set_tracing_disabled

    set_tracing_disabled(True)
    set_default_openai_client(AsyncOpenAI(base_url=f"{url}/v1", api_key="secret-key", max_retries=0))
    agent = Agent(name="shop", model="gpt-test", instructions="Be kind.", tools=[function_tool(lookup)])

    async def stream() -> None:
        result = Runner.run_streamed(agent, QUESTION)
        events = result.stream_events()
        async for event in events:
            if scenario == "close" and event.type == "raw_response_event":
                result.cancel()

    if scenario in ("stream", "close"):
        asyncio.run(stream())
    else:
        Runner.run_sync(agent, QUESTION)


def google_adk(scenario: str, url: str) -> None:
    import asyncio
    import os

    from google.adk.agents import LlmAgent
    from google.adk.agents.run_config import RunConfig, StreamingMode
    from google.adk.models.google_llm import Gemini
    from google.adk.runners import InMemoryRunner
    from google.genai import types

    os.environ["GOOGLE_API_KEY"] = "secret-key"
    model = Gemini(model="gemini-test", base_url=url)
    agent = LlmAgent(name="shop", model=model, instruction="Be kind.", tools=[lookup])

    async def ask() -> None:
        runner = InMemoryRunner(agent, app_name="shop")
        session = await runner.session_service.create_session(app_name="shop", user_id="u")
        streamed = scenario in ("stream", "close")
        config = RunConfig(streaming_mode=StreamingMode.SSE if streamed else StreamingMode.NONE)
        message = types.Content(role="user", parts=[types.Part(text=QUESTION)])
        events = runner.run_async(user_id="u", session_id=session.id, new_message=message, run_config=config)
        async for event in events:
            if event.error_code:
                raise SystemExit(1)
            if scenario == "close":
                await events.aclose()
                break

    asyncio.run(ask())


def crewai(scenario: str, url: str) -> None:
    from crewai import LLM, Agent
    from crewai.tools import tool

    streamed = scenario in ("stream", "close")
    model = LLM(model="openai/gpt-test", base_url=f"{url}/v1", api_key="secret-key", stream=streamed, max_retries=0)
    agent = Agent(
        role="clerk", goal="Answer.", backstory="Be kind.", llm=model, tools=[tool(lookup)], verbose=False, max_iter=3
    )
    agent.kickoff(QUESTION)


def dspy(scenario: str, url: str) -> None:
    import asyncio
    import contextlib

    import dspy

    model = dspy.LM("openai/gpt-test", api_base=f"{url}/v1", api_key="secret-key", cache=False, num_retries=0)
    dspy.configure(lm=model)

    async def stream() -> None:
        answer = dspy.streamify(dspy.Predict("question -> answer"))
        async for _ in answer(question=QUESTION):
            if scenario == "close":
                break

    if scenario in ("stream", "close"):
        # The server's words are not in the form that dspy asks for.
        with contextlib.suppress(Exception):
            asyncio.run(stream())
        return
    tools = [{"type": "function", "function": {"name": "lookup", "description": "Find", "parameters": SCHEMA}}]
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    (answer,) = model(messages=messages, tools=tools)
    for call in answer["tool_calls"] or () if isinstance(answer, dict) else ():
        given = call.model_dump() if hasattr(call, "model_dump") else call
        messages += [{"role": "assistant", "content": None, "tool_calls": [given]}]
        messages += [{"role": "tool", "tool_call_id": given["id"], "content": lookup("A-1")}]
        model(messages=messages, tools=tools)


def llama_index(scenario: str, url: str) -> None:
    import asyncio

    from llama_index.core.agent.workflow import FunctionAgent
    from llama_index.core.tools import FunctionTool
    from llama_index.llms.openai import OpenAI

    model = OpenAI(model="gpt-4o", api_base=f"{url}/v1", api_key="secret-key", max_retries=0)
    if scenario in ("stream", "close"):
        for _ in model.stream_complete(QUESTION):
            if scenario == "close":
                break
        return
    agent = FunctionAgent(
        llm=model, tools=[FunctionTool.from_defaults(lookup)], system_prompt="Be kind.", streaming=False
    )

    async def ask() -> None:
        await agent.run(QUESTION)

    asyncio.run(ask())


def strands(scenario: str, url: str) -> None:
    import asyncio

    from strands import Agent, tool
    from strands.models.openai import OpenAIModel

    given = {"base_url": f"{url}/v1", "api_key": "secret-key", "max_retries": 0}
    model = OpenAIModel(client_args=given, model_id="gpt-test")
    agent = Agent(model=model, tools=[tool(lookup)], system_prompt="Be kind.", callback_handler=None)

    async def stream() -> None:
        async for event in agent.stream_async(QUESTION):
            if scenario == "close" and "data" in event:
                break

    if scenario in ("stream", "close"):
        asyncio.run(stream())
    else:
        agent(QUESTION)


def smolagents(scenario: str, url: str) -> None:
    from smolagents import OpenAIModel, ToolCallingAgent, tool

    def lookup(order: str) -> str:
        """Find an order.

        Args:
            order: its number.
        """
        return f"{order} is on its way"

    model = OpenAIModel("gpt-test", api_base=f"{url}/v1", api_key="secret-key", client_kwargs={"max_retries": 0})
    if scenario in ("stream", "close"):
        for _ in model.generate_stream([{"role": "user", "content": [{"type": "text", "text": QUESTION}]}]):
            if scenario == "close":
                break
        return
    # An answer without a call is none to it: it asks once more, for the final one.
    ToolCallingAgent([tool(lookup)], model, max_steps=2, verbosity_level=0).run(QUESTION)


if __name__ == "__main__":
    globals()[sys.argv[1].replace("-", "_")](sys.argv[2], sys.argv[3])
