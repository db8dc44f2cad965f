"""One life of one server: start, load, settle, query, stop, and the figures that come of it."""

import json
import shutil
import statistics
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import machine
import queries
import servers
from generator import Generator, Pack
from machine import Cores
from profiles import Profile
from programs import Failure

Figures = dict[str, float]


@dataclass
class Scale:
    """How much is sent, and for how long is asked."""

    spans: int = 1_000_000
    zipkin_spans: int = 200_000
    large_packs: int = 10
    half_spans: int = 3_000_000
    lines: int = 1_000_000
    entries: int = 500_000
    series: int = 10_000
    steps: int = 480
    day_steps: int = 5_760
    repeats: int = 30
    each_seconds: float = 6
    mixed_seconds: float = 10
    settle_seconds: float = 60
    quick: bool = False

    @staticmethod
    def small() -> "Scale":
        return Scale(
            spans=50_000, zipkin_spans=20_000, large_packs=3, half_spans=150_000, lines=50_000,
            entries=25_000, series=2_000, steps=60, day_steps=240, repeats=5, each_seconds=0.5,
            mixed_seconds=1.5, settle_seconds=2, quick=True)


@dataclass
class Bench:
    """What all scenarios share."""

    folder: Path
    generator: Generator
    cores: Cores
    scale: Scale
    profiled: bool = False
    problems: list[str] = field(default_factory=list)
    profiles: list[str] = field(default_factory=list)

    def problem(self, text: str) -> None:
        self.problems.append(text)


@dataclass
class Load:
    """A pack and where it goes."""

    pack: Pack
    path: str
    options: list[str]
    command: str = "post"


def post(load: Load, bench: Bench, server: servers.Server, *extra: str) -> list[str]:
    pack = str(bench.generator.pack(load.pack))
    url = server.grpc_url(load.path) if load.command == "grpc" else server.url(load.path)
    return [load.command, "--pack", pack, "--url", url, "--retry", *load.options, *extra]


def settle(server: servers.Server, most: float) -> float:
    """Waits until the server has used less than 3 % of a core for three seconds."""
    pid = server.program.pid
    began, quiet, last = time.monotonic(), 0, machine.cpu_seconds(pid)
    least = min(server.settle_at_least, most)
    most = max(most, least)
    while (elapsed := time.monotonic() - began) < most and (quiet < 3 or elapsed < least):
        time.sleep(1)
        now = machine.cpu_seconds(pid)
        quiet = quiet + 1 if now - last < 0.03 else 0
        last = now
    return elapsed


def check_load(bench: Bench, name: str, sent: dict, figures: Figures) -> None:
    codes = {int(code): count for code, count in sent["codes"].items()}
    refused = codes.get(429, 0) + codes.get(503, 0)
    figures["refusals"] = refused
    bad = sum(count for code, count in codes.items() if not 200 <= code < 300) - refused
    if bad or not sent["items"]:
        bench.problem(f"{name}: answers {sent['codes']}: {sent.get('complaints', '')}")


def ask(
    bench: Bench, name: str, server: servers.Server, asked: queries.Queries, *options: str
) -> Figures:
    file = bench.generator.list_file("queries", asked)
    answers = bench.generator.run("query", "--base", server.url(), "--file", file, *options)
    return query_figures(bench, name, answers)


def query_figures(bench: Bench, name: str, answers: list[dict]) -> Figures:
    figures: Figures = {}
    for answer in answers:
        if answer["bad"]:
            bench.problem(
                f"{name}: {answer['query']}: {answer['bad']} of {answer['count']} answers bad: "
                f"{answers[-1].get('complaints', '')}")
        figures[f"{answer['query']}.p50_ms"] = answer["p50_ms"]
        figures[f"{answer['query']}.p99_ms"] = answer["p99_ms"]
        figures[f"{answer['query']}.bytes"] = answer["bytes"]
    return figures


def fetch(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=120) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        raise Failure(f"{url}: {error}: {error.read(300).decode(errors='replace')}")
    except OSError as error:
        raise Failure(f"{url}: {error}")


def count_results(server: servers.Server, asked: queries.Queries) -> Figures:
    """How many series each Prometheus query gives: equal work is compared only with equal answers."""
    figures: Figures = {}
    for name, path in asked:
        result = json.loads(fetch(server.url(path)))["data"]
        figures[f"{name}.results"] = len(result["result"] if isinstance(result, dict) else result)
    return figures


def count(server: servers.Server, path: str) -> float:
    """The one number that a query answers with, 0 when it finds nothing."""
    result = json.loads(fetch(server.url(path)))["data"]["result"]
    if not result:
        return 0
    return float((result[0].get("value") or result[0]["values"][-1])[1])


def check_stored(bench: Bench, run: "Run", paths: list[str]) -> None:
    """What was acknowledged must be there; the queries count it, each a part."""
    stored = sum(count(run.server, path) for path in paths)
    if stored != run.items:
        bench.problem(f"{run.name}: {run.items} were acknowledged, {stored:.0f} are stored")


def count_samples(server: servers.Server, end: int, span: int) -> list[str]:
    names = json.loads(fetch(server.url("/api/v1/label/__name__/values")))["data"]
    return [queries.count_samples(end, span, name) for name in names]


class Noise:
    """What the machine did besides: CPU time of others, and what the hypervisor took."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.used, self.stolen = machine.machine_cpu_seconds()

    def share(self, own: float) -> float:
        """The part of a core that was used by processes other than the measured ones."""
        used, stolen = machine.machine_cpu_seconds()
        other = used - self.used - own + stolen - self.stolen
        return max(0.0, other / (time.monotonic() - self.began))


class Run:
    """One life of one server in one scenario."""

    def __init__(self, bench: Bench, scenario: str, kind, pack: Pack | None = None) -> None:
        if pack:
            bench.generator.pack(pack)  # made before the server is there
        self.bench = bench
        self.name = f"{scenario} ({kind.name})"
        self.kind = kind
        self.pack = pack
        self.folder = bench.folder / "server"
        self.figures: Figures = {}
        self.calibrations: list[float] = []
        self.profile: Profile | None = None

    def __enter__(self) -> "Run":
        shutil.rmtree(self.folder, ignore_errors=True)
        self.server = servers.start(self.kind, self.folder, self.bench.cores.servers)
        self.figures["ready_s"] = self.server.ready_seconds
        return self

    def __exit__(self, *_) -> None:
        if self.profile:
            self.profile.stop()
        self.server.program.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def calibrate(self) -> None:
        bench = self.bench
        self.calibrations.append(machine.calibrate(bench.generator.binary, bench.cores.generator))
        self.figures["calibration"] = statistics.median(self.calibrations)

    def begin_profile(self) -> None:
        if self.bench.profiled:
            self.profile = Profile(self.server.program.pid, self.folder)

    def end_profile(self, phase: str) -> None:
        if self.profile:
            self.bench.profiles.append(f"{self.name}, {phase}:\n{self.profile.summary()}")
            self.profile = None

    def cpu(self) -> float:
        return machine.cpu_seconds(self.server.program.pid)

    def load(self, load: Load, *extra: str) -> dict:
        """Sends a pack as fast as it is taken."""
        bench, pid = self.bench, self.server.program.pid
        arguments = post(load, bench, self.server, *extra)
        self.calibrate()
        self.figures["idle_mb"] = machine.memory_mb(pid, "VmRSS")
        self.begin_profile()
        before, noise = self.cpu(), Noise()
        limit = 600
        sent = bench.generator.run(*arguments, "--seconds", str(limit), seconds=limit + 130)[0]
        used = self.cpu() - before
        self.figures["noise"] = noise.share(used + sent["own_cpu_s"])
        self.calibrate()
        check_load(bench, self.name, sent, self.figures)
        if sent["seconds"] >= limit:
            bench.problem(f"{self.name}: the pack was not taken within {limit} s")
        self.items, self.load_cpu, self.cpu_before_load = sent["items"], used, before
        self.figures["items_per_s"] = sent["items"] / sent["seconds"]
        self.figures["items_per_cpu_s"] = sent["items"] / max(used, 0.01)
        return sent

    def settle(self) -> None:
        if self.server.flush_path:
            fetch(self.server.url(self.server.flush_path))
        settle(self.server, self.bench.scale.settle_seconds)
        self.end_profile("loaded until settled")
        self.cpu_until_settled = self.cpu() - self.cpu_before_load
        self.figures["peak_mb"] = machine.memory_mb(self.server.program.pid, "VmHWM")
        self.figures["own_mb"] = machine.memory_mb(self.server.program.pid, "RssAnon")

    def ask(self, asked: queries.Queries, *options: str) -> None:
        scale = self.bench.scale
        repeats = ["--repeat", str(scale.repeats), "--each-seconds", str(scale.each_seconds)]
        self.begin_profile()
        self.figures |= ask(
            self.bench, self.name, self.server, asked, *(list(options) or repeats))
        self.end_profile("asked " + ", ".join(dict.fromkeys(name for name, _ in asked)))

    def fetch(self, query: tuple[str, str]) -> bytes:
        return fetch(self.server.url(query[1]))

    def stop(self) -> None:
        """Ends the server; what it writes while stopping belongs to the cost of what it was sent."""
        before = self.cpu()
        program = self.server.program
        program.stop()
        if program.killed:
            self.bench.problem(f"{self.name}: did not end within 90 s of SIGTERM")
        elif program.process.returncode != 0:
            self.bench.problem(
                f"{self.name}: ended with status {program.process.returncode}:"
                f" {program.last_words()}")
        self.figures["stop_s"] = program.stop_seconds
        settled = self.cpu_until_settled + max(0.0, program.cpu_at_end - before)
        self.figures["settled_items_per_cpu_s"] = self.items / max(settled, 0.01)
        self.figures["bytes_per_item"] = machine.folder_bytes(self.server.data) / max(self.items, 1)

    def restart(self) -> None:
        """Opens what was stored once more: how long until it answers."""
        self.server = servers.start(self.kind, self.folder, self.bench.cores.servers)
        self.figures["ready_again_s"] = self.server.ready_seconds
