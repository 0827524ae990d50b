"""Inspect View beside the page of a run: seconds until a browser shows a message of a transcript.

In: an interpreter that has `inspect_ai`, a browser. Out: seconds, or None where it is not installed.

    inspect_seconds(browser, folder, 5_000)

Its log has so many messages in one sample, and the browser goes straight to them: the least that its reader waits.
"""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from typing import Any, Final

from benchmarks.promises import ROOT

PYTHON: Final = Path(os.environ.get("RUNBACK_CLIENTS", ROOT / ".clients")) / "inspect" / "bin" / "python"
"""An environment of its own, since it needs other versions: `pip install inspect_ai`."""
WRITE: Final = """
import sys
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessageAssistant, ChatMessageUser
talk = []
for number in range(int(sys.argv[1]) // 2):
    told = f"Order P-{number} was delivered; the customer signed for it at the door."
    talk += [ChatMessageUser(content=f"Where is order P-{number}?"), ChatMessageAssistant(content=told)]
talk.append(ChatMessageUser(content="Thanks."))
eval(Task(dataset=[Sample(input=talk, id=1)], name="run"), model="mockllm/model", log_dir=sys.argv[2], display="none")
"""
"""Writes a log of one sample."""


def inspect_seconds(browser: Any, folder: Path, messages: int) -> float | None:
    """Seconds from navigation until the first message of so many is shown; the better of two."""
    if not PYTHON.exists():
        return None
    logs = folder / f"inspect-{messages}"
    subprocess.run([PYTHON, "-c", WRITE, str(messages), str(logs)], check=True, timeout=600, capture_output=True)
    (log,) = logs.glob("*.eval")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [str(PYTHON), "-m", "inspect_ai", "view", "--log-dir", str(logs), "--port", str(port)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            next(line for line in server.stdout or () if "Running on" in line)
            address = f"http://127.0.0.1:{port}/#/logs/{log.name}/samples/sample/1/1/messages"
            return min(_shown(browser, address) for _ in range(2))
        finally:
            server.terminate()


def _shown(browser: Any, address: str) -> float:
    page = browser.new_page()
    page.goto(address)
    page.get_by_text("Where is order P-0?").first.wait_for(timeout=120_000)
    seconds = float(page.evaluate("performance.now()")) / 1000
    page.close()
    return seconds
