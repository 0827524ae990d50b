"""The folder that `demo` writes, the addresses of its pages and actions, and what its forms send."""

from __future__ import annotations

from pathlib import Path

from runback_gate.app.demo import demo_files

STEP = "/runs/refund/steps/2"
CAREFUL = "Be careful."
KEEP = {"why": "a disputed charge was paid", "checks": "toolCalled: escalate"}
SHOWN = (
    "/",
    "/runs/refund",
    "/compare?run=refund&beside=refund-before",
    STEP,
    "/reports",
    "/datasets",
    "/datasets/support/refund-0",
    "/policies",
    "/policies/refunds",
)
ACTIONS = (f"{STEP}/replay", f"{STEP}/keep", "/replays/1/cancel", "/replays/1/keep")


def write_demo(folder: Path, provider: str = "") -> None:
    """The demo; with the URL of a provider, its gate may ask it."""
    for name, data in demo_files(lambda count: b"\7" * count).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    if provider:
        gate = folder / "runback.yaml"
        spec = f"  providers:\n    openai: {{baseUrl: '{provider}', models: ['*']}}\n"
        gate.write_text(gate.read_text("utf-8") + spec, "utf-8")
