"""The load generator: building it, making packs with it, sending them, asking queries."""

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from machine import Cores
from programs import Failure

SOURCES = Path(__file__).resolve().parent.parent / "generator"


@dataclass(frozen=True)
class Pack:
    """A file of encoded requests; `kind` and `options` say how the generator makes it."""

    name: str
    kind: str
    options: tuple[str, ...]
    # Seconds that the telemetry ends before that of other packs; packs of one kind differ by it.
    earlier: int = 0


def build(folder: Path) -> Path:
    """Compiles the generator (C, a second) into a folder."""
    binary = folder / "generator"
    sources = sorted(str(source) for source in SOURCES.glob("*.c"))
    command = [os.environ.get("CC", "cc"), "-std=gnu17", "-O2", "-Wall", "-o", str(binary)]
    try:
        subprocess.run(command + sources + ["-lm", "-lz", "-lpthread"], check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise Failure("no C compiler: install gcc or clang, or set CC")
    except subprocess.CalledProcessError as error:
        raise Failure(f"the generator does not compile: {error.stderr.strip()[-800:]}")
    return binary


class Generator:
    def __init__(self, folder: Path, packs: Path, cores: Cores, seed: int, end: int) -> None:
        self.binary = build(folder)
        self.folder = folder
        self.packs = packs
        self.cores = cores.generator
        self.seed = seed
        self.end = end
        self.working: list[subprocess.Popen] = []

    def start(self, *arguments: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [str(self.binary), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, self.cores))
        self.working.append(process)
        return process

    def stop(self) -> None:
        """Ends what still works, after a failure or an interruption."""
        for process in self.working:
            process.kill()
            process.communicate()
        self.working.clear()

    def finish(self, process: subprocess.Popen, seconds: float) -> list[dict]:
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"the generator did not end in {seconds:.0f} s: {process.args}")
        self.working.remove(process)
        if process.returncode:
            raise Failure(errors.strip()[-800:])
        answers = [json.loads(line) for line in output.splitlines()]
        if errors.strip():
            answers[-1]["complaints"] = errors.strip()[:1500]
        return answers

    def run(self, *arguments: str, seconds: float = 300) -> list[dict]:
        return self.finish(self.start(*arguments), seconds)

    def path(self, pack: Pack) -> Path:
        return self.packs / f"{pack.name}-{self.end - pack.earlier}-{self.seed}.pack"

    def pack(self, pack: Pack) -> Path:
        """The file of a pack, made when it is not there yet."""
        end, seed = self.end - pack.earlier, self.seed + pack.earlier
        path = self.path(pack)
        if not path.exists():
            partial = path.with_suffix(".partial")
            ids = Path(f"{partial}.ids")
            try:
                self.run(
                    pack.kind, "--out", str(partial), "--end", str(end),
                    "--seed", str(seed), *pack.options)
                if ids.exists():
                    ids.rename(f"{path}.ids")
                partial.rename(path)
            finally:
                partial.unlink(missing_ok=True)
                ids.unlink(missing_ok=True)
        return path

    def trace_ids(self, pack: Pack, count: int) -> list[str]:
        """Ids of traces in a pack of spans, spread over it."""
        ids = Path(f"{self.pack(pack)}.ids").read_text().split()
        return ids[:: max(1, len(ids) // count)][:count]

    def first_body(self, pack: Pack) -> bytes:
        with open(self.pack(pack), "rb") as file:
            head = file.read(24)
            return file.read(int.from_bytes(head[8:12], "little"))

    def list_file(self, name: str, queries: list[tuple[str, str]]) -> str:
        path = self.folder / f"{name}-{time.monotonic_ns()}.tsv"
        path.write_text("".join(f"{name}\t{target}\n" for name, target in queries))
        return str(path)
