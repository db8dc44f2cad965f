"""The OpenTelemetry SDK for Python: all it can say, by each of its exporters."""

import pathlib
import subprocess
import sys

from recorder import Recorder

# Each run is a process of its own, as the SDK keeps one provider a process: how it exports, and the
# temporality of its metrics.
RUNS = [("grpc", "cumulative"), ("http", "delta"), ("file", "cumulative"), ("remote-write", "cumulative")]


def capture(folder: pathlib.Path):
    rows = []
    for way, temporality in RUNS:
        recorder = Recorder(folder, prefix=f"{way}-" if way in ("grpc", "http") else "")
        # Under a bare name: stack traces and log records tell the path of their code.
        run = "import sys; name = sys.argv[1]; del sys.argv[0]; exec(compile(open(name).read(), name, 'exec'))"
        subprocess.run(
            [sys.executable, "-c", run, "sdk_program.py", way, temporality, str(recorder.http_port),
             str(recorder.grpc_port), str(folder)],
            check=True, timeout=60, cwd=pathlib.Path(__file__).parent)
        recorder.close()
        rows += recorder.rows
        if way == "file":
            rows += [[f"otlp-{signal}.jsonl", "file", "", "application/x-ndjson", ""]
                     for signal in ("traces", "metrics", "logs")]
    return rows
