"""The agent config: what a pull request changes, and the request that a recorded step becomes under it.

In: `kind: Agent` YAML under a root folder, and a recorded `Step`. Out: `Agent`, and the `Request` that the step asks
now.

    agent = load_agent(root, "agents/support.yaml")
    request = ask(agent, step)

`config` holds the format, `template` fills prompts in.
"""

from __future__ import annotations

from runback_gate.agent.config import Agent, AgentDocument, AgentFile, ask, load_agent, unstated

__all__ = ["Agent", "AgentDocument", "AgentFile", "ask", "load_agent", "unstated"]
