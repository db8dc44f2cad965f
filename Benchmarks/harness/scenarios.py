"""What is measured: each scenario loads one server alone and gives figures by name."""

import statistics
import time
from dataclasses import dataclass
from typing import Callable

import als
import machine
import queries
import servers
from generator import Pack
from runs import (
    Bench, Figures, Load, Noise, Run, Scale, check_load, check_stored, count_results, count_samples, post,
    query_figures)

PROTOBUF = ["--header", "Content-Type: application/x-protobuf"]
JSON = ["--header", "Content-Type: application/json"]
REMOTE_WRITE = PROTOBUF + [
    "--header", "Content-Encoding: snappy", "--header", "X-Prometheus-Remote-Write-Version: 0.1.0",
    "--sharded", "--connections", "2"]


def span_pack(scale: Scale, *options: str) -> Pack:
    name = "-".join(["spans", *(option.strip("-") for option in options)])
    return Pack(name, "spans", ("--count", str(scale.spans), *options))


def spans(bench: Bench, kind) -> Figures:
    """OTLP/HTTP protobuf, 250 spans a request, 4 connections; then Jaeger's queries."""
    pack = span_pack(bench.scale)
    with Run(bench, "spans", kind, pack) as run:
        run.load(Load(pack, "/v1/traces", PROTOBUF))
        run.settle()
        ids = bench.generator.trace_ids(pack, 100)
        run.ask(queries.by_id(ids), "--repeat", "2")
        run.ask(queries.searches(bench.generator.end))
        run.ask(queries.rare_attribute(bench.generator.end, run.fetch(queries.by_id(ids[50:])[0])))
        run.ask(queries.traceql(bench.generator.end))
        run.stop()
        run.restart()
        run.server.program.stop()
        return run.figures


def spans_gzip(bench: Bench, kind) -> Figures:
    """The same spans with gzip bodies (level 6), as OpenTelemetry's collector sends by default."""
    pack = span_pack(bench.scale, "--gzip")
    with Run(bench, "spans-gzip", kind, pack) as run:
        options = PROTOBUF + ["--header", "Content-Encoding: gzip"]
        run.load(Load(pack, "/v1/traces", options))
        run.settle()
        run.stop()
        return run.figures


GRPC_METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def spans_grpc(bench: Bench, kind) -> Figures:
    """The same spans over OTLP/gRPC, one call at a time on each of 4 connections."""
    pack = span_pack(bench.scale)
    with Run(bench, "spans-grpc", servers.Sidelight(kind.binary, has_grpc=True), pack) as run:
        run.load(Load(pack, GRPC_METHOD, [], command="grpc"))
        run.settle()
        run.stop()
        return run.figures


def spans_large(bench: Bench, kind) -> Figures:
    """Ten times as many spans, a million each half hour; the same questions after the first million and
    at the end, about the newest half hour and traces of all of the time."""
    generator = bench.generator
    packs = [
        Pack(f"spans-large-{number}", "spans", ("--count", str(bench.scale.spans)), 1_800 * number)
        for number in reversed(range(bench.scale.large_packs))]
    ids: list[str] = []
    items = 0

    def ask(run: Run, pack: Pack) -> Figures:
        run.settle()
        end = generator.end - pack.earlier
        run.ask(queries.by_id(ids[:: max(1, len(ids) // 100)][:100]), "--repeat", "2")
        run.ask(queries.searches(end))
        run.ask(queries.traceql(end))
        return {name: value for name, value in run.figures.items() if name.endswith("p50_ms")}

    with Run(bench, "spans-large", kind) as run:
        for pack in packs:
            run.load(Load(pack, "/v1/traces", PROTOBUF))
            items += int(run.items)
            ids += generator.trace_ids(pack, 100)
            if pack is packs[0]:
                few = ask(run, pack)
            generator.pack(pack).unlink()
        run.items = items
        many = ask(run, packs[-1])
        run.stop()
        run.figures["items"] = items
        # The questions in the middle took CPU too.
        run.figures.pop("settled_items_per_cpu_s", None)
        # A query of whole traces has to know which of them lie in several blocks.
        run.restart()
        structure = [
            (f"{name}_after_start", path) for name, path in queries.traceql(generator.end)
            if name == "traceql_structure"]
        run.ask(structure, "--repeat", "1")
        return run.figures | {
            name.replace("p50_ms", "ratio"): many[name] / max(few[name], 0.001) for name in few}


def zipkin(bench: Bench, kind) -> Figures:
    """Zipkin v2 JSON, 250 spans a request."""
    pack = Pack("zipkin", "spans", ("--zipkin", "--count", str(bench.scale.zipkin_spans)))
    with Run(bench, "zipkin", kind, pack) as run:
        run.load(Load(pack, "/api/v2/spans", JSON))
        run.settle()
        run.stop()
        return run.figures


def sample_pack(name: str, series: int, steps: int, *options: str) -> Pack:
    return Pack(name, "samples", ("--series", str(series), "--steps", str(steps), *options))


def day_pack(scale: Scale) -> Pack:
    return sample_pack("samples-day", 2_000, scale.day_steps)


def samples(bench: Bench, kind, scenario: str, pack: Pack, span: int, step: int) -> Figures:
    with Run(bench, scenario, kind, pack) as run:
        run.load(Load(pack, servers.WRITE_PATH, REMOTE_WRITE))
        run.settle()
        asked = queries.metrics(bench.generator.end, span, step, run.server.query_extra)
        run.figures |= count_results(run.server, asked)
        run.ask(asked)
        check_stored(bench, run, count_samples(run.server, bench.generator.end, span))
        run.stop()
        return run.figures


def samples_day(bench: Bench, kind) -> Figures:
    """Remote write 1.0, 2,000 series over 24 h; range queries over all of it."""
    span = 15 * bench.scale.day_steps
    return samples(bench, kind, "samples-day", day_pack(bench.scale), span, 60)


def samples_wide(bench: Bench, kind) -> Figures:
    """Remote write 1.0, 10,000 series over 2 h; range queries over all of it."""
    scale = bench.scale
    pack = sample_pack("samples-wide", scale.series, scale.steps)
    return samples(bench, kind, "samples-wide", pack, 15 * scale.steps, 15)


def samples_growth(series: int):
    """Remote write 1.0 of so many series for as many minutes as make some millions of samples; then
    queries for one series, for few and for all, and what a series takes in memory."""
    def scenario(bench: Bench, kind) -> Figures:
        count = series // 20 if bench.scale.quick else series
        steps = max(4, min(960, 4_000_000 // series // (20 if bench.scale.quick else 1)))
        name = f"samples-{series}"
        with Run(bench, name, kind, sample_pack(name, count, steps)) as run:
            run.load(Load(run.pack, servers.WRITE_PATH, REMOTE_WRITE))
            run.settle()
            idle = run.figures["idle_mb"]
            run.figures["bytes_per_series"] = (run.figures["peak_mb"] - idle) * 1e6 / count
            asked = queries.growth(bench.generator.end, run.server.query_extra)
            run.figures |= count_results(run.server, asked)
            run.ask(asked)
            run.stop()
            run.restart()
            return run.figures

    return scenario


def samples_month(bench: Bench, kind) -> Figures:
    """5,000 series over 30 days, a sample every five minutes, 2,000 of them buckets; increases over all
    of it, and how long the next start takes."""
    days = 1 if bench.scale.quick else 30
    pack = sample_pack("samples-month", 5_000, days * 288, "--interval", "300")
    with Run(bench, "samples-month", kind, pack) as run:
        run.load(Load(pack, servers.WRITE_PATH, REMOTE_WRITE))
        run.settle()
        asked = queries.month(bench.generator.end, days, run.server.query_extra)
        run.figures |= count_results(run.server, asked)
        run.ask(asked)
        run.stop()
        run.restart()
        run.ask([(f"{name}_after_start", path) for name, path in asked], "--repeat", "1")
        return run.figures


def lines(bench: Bench, kind) -> Figures:
    """Istio's JSON access-log lines, 500 a request, 4 connections; then LogQL."""
    pack = Pack("lines", "lines", ("--count", str(bench.scale.lines)))
    options = ["--header", "Content-Type: application/x-ndjson"]
    with Run(bench, "lines", kind, pack) as run:
        path = "/api/sidelight/logs?service=istio-proxy&label=app"
        run.load(Load(pack, path, options))
        run.settle()
        run.ask(queries.lines(bench.generator.end, bench.generator.first_body(pack)))
        check_stored(bench, run, [queries.count_lines(bench.generator.end)])
        run.stop()
        return run.figures


def access_log_service(bench: Bench, kind) -> Figures:
    """Envoy's access log service: one call, messages of 16 KiB (some 38 entries)."""
    count = bench.scale.entries
    messages = als.Entries(time.time_ns() - 10**9).messages(count)
    with Run(bench, "als", servers.Sidelight(kind.binary, has_grpc=True)) as run:
        run.calibrate()
        run.begin_profile()
        before, noise = run.cpu(), Noise()
        sent = als.send(run.server.grpc_port, messages, 120)
        run.items, run.load_cpu, run.cpu_before_load = count, run.cpu() - before, before
        run.figures["noise"] = noise.share(run.load_cpu + sent.own_cpu_s)
        run.calibrate()
        run.figures["items_per_s"] = count / sent.seconds
        run.figures["items_per_cpu_s"] = count / max(run.load_cpu, 0.01)
        run.settle()
        check_stored(bench, run, [queries.count_entries()])
        run.stop()
        return run.figures


@dataclass
class Mix:
    """Up to `stored` of the pack is there before; up to `steady` comes at `rate` requests a second,
    the rest as fast as it is taken; all while `choose` names what is asked."""

    load: Load
    stored: float
    steady: float
    rate: float
    choose: Callable[[servers.Server], queries.Queries]

    def part(self, first: float, last: float) -> list[str]:
        return ["--from", str(first), "--to", str(last)]


def mixed(bench: Bench, scenario: str, kind, mix: Mix) -> Figures:
    """Queries during ingest, and ingest during queries."""
    generator, seconds = bench.generator, bench.scale.mixed_seconds
    with Run(bench, scenario, kind, mix.load.pack) as run:
        run.load(mix.load, *mix.part(0, mix.stored))
        run.settle()
        asked = mix.choose(run.server)
        file = generator.list_file("queries", asked)

        def together(*part: str) -> tuple[dict, float, list[dict]]:
            before = run.cpu()
            sender = generator.start(*post(mix.load, bench, run.server, *part))
            asker = generator.start(
                "query", "--base", run.server.url(), "--file", file, "--round-seconds", str(seconds))
            sent = generator.finish(sender, 300)[0]
            used = run.cpu() - before
            check_load(bench, run.name, sent, run.figures)
            return sent, used, generator.finish(asker, 300)

        sent, _, answers = together(
            *mix.part(mix.stored, mix.steady), "--rate", str(mix.rate), "--seconds", str(seconds))
        run.figures |= query_figures(bench, run.name, answers)
        run.figures["rate_kept"] = sent["requests"] / max(mix.rate * sent["seconds"], 1)
        sent, used, answers = together(*mix.part(mix.steady, 1), "--seconds", str(seconds))
        query_figures(bench, run.name, answers)
        run.figures["busy_items_per_s"] = sent["items"] / sent["seconds"]
        run.figures["busy_items_per_cpu_s"] = sent["items"] / max(used, 0.01)
        return run.figures


def mixed_spans(bench: Bench, kind) -> Figures:
    """25,000 spans a second arrive while traces are looked up and searched."""
    pack = span_pack(bench.scale)

    def choose(_: servers.Server) -> queries.Queries:
        ids = queries.by_id(bench.generator.trace_ids(pack, 16)[:4])
        return ids + queries.searches(bench.generator.end)[1:3]

    load = Load(pack, "/v1/traces", PROTOBUF)
    return mixed(bench, "mixed-spans", kind, Mix(load, 0.25, 0.5, 100, choose))


def mixed_half(bench: Bench, kind) -> Figures:
    """The same with spans arriving half as fast as they were taken alone, beside what it is then."""
    pack = Pack("spans-half", "spans", ("--count", str(bench.scale.half_spans)))
    load = Load(pack, "/v1/traces", PROTOBUF)
    asked = queries.by_id(bench.generator.trace_ids(pack, 16)[:4])
    asked += queries.searches(bench.generator.end)[1:3]
    seconds = bench.scale.mixed_seconds / 2
    file = bench.generator.list_file("queries", asked)
    with Run(bench, "mixed-half", kind, pack) as run:
        sent = run.load(load, "--from", "0", "--to", "0.3")
        rate = sent["requests"] / sent["seconds"] / 2
        run.settle()
        question = ["query", "--base", run.server.url(), "--file", file, "--round-seconds"]
        alone = bench.generator.run(*question, str(seconds))
        run.figures |= {
            f"{name}.alone": value for name, value in query_figures(bench, run.name, alone).items()}
        sender = bench.generator.start(
            *post(load, bench, run.server, "--from", "0.3", "--rate", str(rate)))
        answers = bench.generator.run(*question, str(seconds))
        sent = bench.generator.finish(sender, 300)[0]
        check_load(bench, run.name, sent, run.figures)
        run.figures |= query_figures(bench, run.name, answers)
        run.figures["rate_kept"] = sent["requests"] / max(rate * sent["seconds"], 1)
        for name, _ in asked:
            alone_ms = max(run.figures[f"{name}.p50_ms.alone"], 0.001)
            run.figures[f"{name}.ratio"] = run.figures[f"{name}.p50_ms"] / alone_ms
        return run.figures


def mixed_samples(bench: Bench, kind) -> Figures:
    """200,000 samples a second arrive while Prometheus queries are asked over the 12 h before them."""
    def choose(server: servers.Server) -> queries.Queries:
        half = 15 * bench.scale.day_steps // 2
        asked = queries.metrics(bench.generator.end - half, half, 60, server.query_extra)
        asked = [query for query in asked if query[0] in ("instant_sum_rate", "range_sum_rate")]
        if 0 in count_results(server, asked).values():
            bench.problem(f"mixed-samples ({kind.name}): a query finds nothing")
        return asked

    load = Load(day_pack(bench.scale), servers.WRITE_PATH, REMOTE_WRITE)
    return mixed(bench, "mixed-samples", kind, Mix(load, 0.5, 0.75, 200, choose))


def start(bench: Bench, kind) -> Figures:
    """Five starts on an empty folder: until it answers, and what it holds when idle."""
    ready, idle = [], []
    for _ in range(2 if bench.scale.quick else 5):
        with Run(bench, "start", kind) as run:
            time.sleep(1)
            ready.append(run.server.ready_seconds)
            idle.append(machine.memory_mb(run.server.program.pid, "VmRSS"))
            run.server.program.stop()
    return {"ready_s": statistics.median(ready), "idle_mb": statistics.median(idle)}
