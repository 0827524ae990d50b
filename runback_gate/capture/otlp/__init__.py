"""OpenTelemetry: runs out of exported traces and logs, one file a convention.

In: OTLP in JSON, JSON lines or protobuf. Out: `Run`s, graded.

    found = read_otlp(data, path="traces.json")
    [step.source.grade for run in found.runs for step in run.steps]
"""

from runback_gate.capture.otlp.document import Batch as Batch
from runback_gate.capture.otlp.document import is_otlp as is_otlp
from runback_gate.capture.otlp.document import looks_like_otlp as looks_like_otlp
from runback_gate.capture.otlp.exports import Export as Export
from runback_gate.capture.otlp.exports import read_exports as read_exports
from runback_gate.capture.otlp.reader import OtlpRuns as OtlpRuns
from runback_gate.capture.otlp.reader import read_otlp as read_otlp
from runback_gate.capture.otlp.reader import runs_of as runs_of
