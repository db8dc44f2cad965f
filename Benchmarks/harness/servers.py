"""The servers that are measured, one at a time: ours and its peers, how they start and where they listen."""

import re
from dataclasses import dataclass
from pathlib import Path

from programs import Failure, Program, free_port, status_of

WRITE_PATH = "/api/v1/write"


@dataclass
class Server:
    """A running server. `settle_at_least`: seconds that background work may wait before it begins."""

    program: Program
    port: int
    data: Path
    ready_seconds: float
    settle_at_least: float = 3
    flush_path: str | None = None
    query_extra: str = ""
    grpc_port: int = 0

    def url(self, path: str = "") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def grpc_url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.grpc_port}{path}"


class Sidelight:
    name = "sidelight"

    def __init__(self, binary: Path, has_grpc: bool = False) -> None:
        self.binary = binary
        self.has_grpc = has_grpc

    def start(self, folder: Path, cores: list[int]) -> Server:
        data = folder / "data"
        grpc_port = free_port() if self.has_grpc else 0
        grpc = f"127.0.0.1:{grpc_port}" if grpc_port else "off"
        command = [
            str(self.binary), "serve", "--data", str(data), "--listen", "127.0.0.1:0",
            "--otlp-http", "off", "--otlp-grpc", grpc, "--zipkin", "off", "--retention", "365d"]
        program = Program(self.name, command, cores, folder).start()
        found: list[int] = []

        def announced() -> bool:
            line = re.search(rb"^ready http://[^\n]*:(\d+)\n", program.log.read_bytes(), re.M)
            if line:
                found.append(int(line.group(1)))
            return bool(line)

        seconds = program.wait_until(announced)
        if status_of(found[0], "/readyz") != 200:
            raise Failure("sidelight said ready but /readyz does not answer 200")
        # Log-structured parts are merged a few seconds after the last arrival.
        return Server(
            program, found[0], data, seconds, settle_at_least=6, grpc_port=grpc_port)


class VictoriaMetrics:
    name = "victoria-metrics"

    def __init__(self, binary: Path) -> None:
        self.binary = binary

    def start(self, folder: Path, cores: list[int]) -> Server:
        port, data = free_port(), folder / "data"
        command = [
            str(self.binary), f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={data}",
            "-retentionPeriod=1y"]
        program = Program(self.name, command, cores, folder).start()
        seconds = program.wait_until(lambda: status_of(port, "/health") == 200)
        # nocache: it would otherwise answer a repeated range query from memory.
        return Server(
            program, port, data, seconds, settle_at_least=6, flush_path="/internal/force_flush",
            query_extra="&nocache=1")


class Prometheus:
    name = "prometheus"

    def __init__(self, binary: Path) -> None:
        self.binary = binary

    def start(self, folder: Path, cores: list[int]) -> Server:
        port, data = free_port(), folder / "data"
        (folder / "prometheus.yml").write_text("")
        command = [
            str(self.binary), "--config.file=prometheus.yml", f"--storage.tsdb.path={data}",
            f"--web.listen-address=127.0.0.1:{port}", "--web.enable-remote-write-receiver",
            "--storage.tsdb.retention.time=365d", "--log.level=warn"]
        program = Program(self.name, command, cores, folder).start()
        seconds = program.wait_until(lambda: status_of(port, "/-/ready") == 200)
        # It looks once a minute whether blocks are to be written.
        return Server(program, port, data, seconds, settle_at_least=66)


def start(kind, folder: Path, cores: list[int]) -> Server:
    """Starts a server; once more when another program took its port in the meantime."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return kind.start(folder, cores)
    except Failure as failure:
        if "address already in use" not in str(failure).lower():
            raise
        return kind.start(folder, cores)
