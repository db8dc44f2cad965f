"""Runs the benchmarks: see --help, and README.md beside this folder."""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

import machine
import peers
import programs
import proxies
import report
import scenarios
import servers
import verdict
from generator import Generator
from machine import Cores
from runs import Bench, Scale

ROOT = Path(__file__).resolve().parent.parent.parent

# In this order, and in every round. Behind a scenario: the peers that are measured beside ours.
STORING = {
    "start": (scenarios.start, ["victoria-metrics", "prometheus"]),
    "spans": (scenarios.spans, []),
    "spans-gzip": (scenarios.spans_gzip, []),
    "spans-grpc": (scenarios.spans_grpc, []),
    "spans-large": (scenarios.spans_large, []),
    "zipkin": (scenarios.zipkin, []),
    "samples-day": (scenarios.samples_day, ["victoria-metrics", "prometheus"]),
    "samples-wide": (scenarios.samples_wide, ["victoria-metrics", "prometheus"]),
    "samples-1000": (scenarios.samples_growth(1_000), ["victoria-metrics", "prometheus"]),
    "samples-10000": (scenarios.samples_growth(10_000), ["victoria-metrics", "prometheus"]),
    "samples-100000": (scenarios.samples_growth(100_000), ["victoria-metrics", "prometheus"]),
    "samples-1000000": (scenarios.samples_growth(1_000_000), ["victoria-metrics", "prometheus"]),
    "samples-month": (scenarios.samples_month, ["victoria-metrics", "prometheus"]),
    "lines": (scenarios.lines, []),
    "als": (scenarios.access_log_service, []),
    "mixed-spans": (scenarios.mixed_spans, []),
    "mixed-half": (scenarios.mixed_half, []),
    "mixed-samples": (scenarios.mixed_samples, ["victoria-metrics"]),
}
PEERS = {"victoria-metrics": servers.VictoriaMetrics, "prometheus": servers.Prometheus}
# Prometheus takes minutes for what the others take in seconds: one run of it says enough.
ONCE = {"prometheus"}
NAMES = [*STORING, "proxy"]
# Takes half a minute and 6 GB of disk and memory: measured when it is named, or with --large.
LARGE = {"spans-large"}
ALL_PEERS = [*PEERS, "nginx", "envoy"]

DESCRIPTION = """Loads each server alone with the same packs of telemetry, queries it, stops it, and
compares: figures are medians over the runs, thresholds are those of thresholds.toml."""
EPILOGUE = f"""scenarios: {', '.join(NAMES)}

Servers listen on loopback only and keep their data in a temporary folder (TMPDIR), which is removed.
Peers are taken from PATH, else fetched once into {peers.cache()}.
A whole run takes about 35 minutes and 4 GB of disk; the machine should have nothing else to do.

exit codes: 0 all that is asked is reached, 1 something is missed or went wrong,
            2 usage, 3 no binary or compiler"""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="Benchmarks/run", description=DESCRIPTION, epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--only", metavar="NAME,…", help="these scenarios alone")
    add("--runs", type=int, metavar="N", help="rounds, each with all scenarios (default: 3)")
    add("--quick", action="store_true",
        help="a minute's smoke check: small packs, one round, no peers unless --peers; "
        "missed thresholds are shown but do not count")
    add("--large", action="store_true", help="also the scenario of ten million spans")
    add("--peers", metavar="NAME,…|none",
        help=f"measure these peers beside ours (default: {','.join(ALL_PEERS)}; with --quick none)")
    add("--sidelight", metavar="FILE", default=os.environ.get("SIDELIGHT"),
        help="the binary (default: $SIDELIGHT, else .build/release/sidelight)")
    add("--packs", metavar="DIR", help="keep packs in this folder and use those that are there")
    add("--end", type=int, metavar="UNIX",
        help="when the telemetry ends (default: the last full hour)")
    add("--seed", type=int, default=42, metavar="N", help="seed of the packs (default: 42)")
    add("--json", metavar="FILE", help="write every figure of every run")
    add("--include", metavar="FILE", type=Path,
        help="a file of --json: its scenarios that are not run now are part of the tables")
    add("--profile", action="store_true",
        help="also say in which functions the servers' time went (perf; costs a few percent)")
    add("--write", action="store_true", help="put the tables into Benchmarks/README.md")
    given = parser.parse_args()
    usual = [name for name in NAMES if given.large or name not in LARGE]
    given.names = given.only.split(",") if given.only else usual
    check_names(parser, "scenario", given.names, NAMES)
    if given.runs is not None and given.runs < 1:
        parser.error("--runs must be 1 or more")
    given.runs = given.runs or (1 if given.quick else 3)
    if given.peers is None:
        given.peers = [] if given.quick else ALL_PEERS
    else:
        given.peers = [] if given.peers == "none" else given.peers.split(",")
    check_names(parser, "peer", given.peers, ALL_PEERS)
    if given.write and given.quick:
        parser.error("--quick measures too little to be written down")
    # The telemetry must be young: receivers refuse what is older than what they keep.
    given.end = given.end or int(time.time()) // 3600 * 3600
    return given


def check_names(parser, kind: str, names: list[str], known: list[str]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        parser.error(f"no {kind} {', '.join(unknown)}; there are {', '.join(known)}")


def include(given, results: verdict.Results) -> None:
    """Adds what an earlier run has measured, and makes it count like what is measured now."""
    earlier = json.loads(given.include.read_text())["values"]
    for scenario, subjects in earlier.items():
        if scenario in given.names or scenario == "machine":
            continue
        given.names.append(scenario)
        for subject, figures in subjects.items():
            for name, values in figures.items():
                results.values[scenario][subject][name] = values


def find_sidelight(given: argparse.Namespace) -> Path:
    binary = Path(given.sidelight or ROOT / ".build/release/sidelight").resolve()
    if not os.access(binary, os.X_OK):
        peers.note(f"no binary {binary}: run scripts/build, or name it with --sidelight")
        sys.exit(3)
    return binary


def needed_peers(names: list[str]) -> set[str]:
    wanted = {peer for name in names if name in STORING for peer in STORING[name][1]}
    return wanted | ({"nginx", "envoy"} if "proxy" in names else set())


def proxy_cases(sidelight: Path, found: dict[str, Path]) -> list[proxies.Case]:
    """Ours next to what it is compared with."""
    cases: list[proxies.Case] = []
    if "nginx" in found:
        cases.append(proxies.Nginx("nginx", found["nginx"]))
    cases.append(proxies.Sidelight("sidelight", sidelight))
    if "envoy" in found:
        cases.append(proxies.Envoy("envoy", found["envoy"]))
    if "nginx" in found:
        cases.append(proxies.NginxLogged("nginx-logged", found["nginx"]))
    cases.append(proxies.SidelightTraced("sidelight-traced", sidelight))
    if "envoy" in found:
        cases.append(proxies.EnvoyTraced("envoy-traced", found["envoy"]))
    return cases


class Session:
    """All rounds of all scenarios."""

    def __init__(
        self, bench: Bench, sidelight: Path, found: dict[str, Path], results: verdict.Results
    ) -> None:
        self.bench, self.sidelight, self.found = bench, sidelight, found
        self.results = results

    def round(self, index: int, names: list[str]) -> None:
        for name in names:
            calibration = machine.calibrate(
                self.bench.generator.binary, self.bench.cores.generator)
            self.results.add("machine", "all", {"calibration": calibration})
            if name == "proxy":
                self.proxies(index)
            else:
                self.storing(index, name)

    def storing(self, index: int, name: str) -> None:
        scenario, beside = STORING[name]
        kinds = [servers.Sidelight(self.sidelight)]
        kinds += [
            PEERS[peer](self.found[peer]) for peer in beside
            if peer in self.found and (index == 0 or peer not in ONCE)]
        for kind in kinds:
            self.one(index, name, kind.name, lambda: scenario(self.bench, kind))

    def proxies(self, index: int) -> None:
        self.one(index, "proxy", "direct", lambda: proxies.direct(self.bench))
        for case in proxy_cases(self.sidelight, self.found):
            self.one(index, "proxy", case.name, lambda: proxies.through(self.bench, case))

    def one(self, index: int, scenario: str, subject: str, measure) -> None:
        began = time.monotonic()
        try:
            figures = measure()
        except programs.Failure as failure:
            self.bench.generator.stop()
            self.bench.problem(f"{scenario} ({subject}): {failure}")
            peers.note(f"round {index + 1}: {scenario}, {subject}: failed: {failure}")
            return
        self.results.add(scenario, subject, figures)
        main = figures.get("settled_items_per_cpu_s", figures.get("requests_per_cpu_s"))
        said = f", {report.number(main)} / CPU-s" if main else ""
        took = time.monotonic() - began
        peers.note(f"round {index + 1}: {scenario}, {subject}{said} ({took:.0f} s)")


def facts(given, sidelight: Path, found: dict[str, Path], results: verdict.Results) -> list[str]:
    calibrations = results.runs("machine.all.calibration")
    now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M")
    beside = ", ".join(f"{name} {peers.version(name, path)}" for name, path in found.items())
    taken = [
        value for subjects in results.values.values() for figures in subjects.values()
        for value in figures.get("noise", [])]
    others = f"Other processes took up to {max(taken):.1f} cores meanwhile." if taken else ""
    small = ["A smoke check with small packs, not a measurement."] if given.quick else []
    return small + [
        f"Measured {now} UTC, sidelight {peers.version('sidelight', sidelight)}, {given.runs} runs each,",
        f"on {machine.describe()};",
        f"calibration {min(calibrations):.0f} to {max(calibrations):.0f} MB/CPU-s.",
        f"Beside it: {beside}." if beside else "Without peers.", others]


def answers_differ(results: verdict.Results, bench: Bench) -> None:
    """Latencies compare only if servers give as many series for the same query."""
    for scenario in ("samples-day", "samples-wide"):
        counts: dict[str, dict[str, float]] = {}
        for subject, figures in results.values.get(scenario, {}).items():
            for name, values in figures.items():
                if name.endswith(".results"):
                    counts.setdefault(name.removesuffix(".results"), {})[subject] = values[0]
        for query, found in counts.items():
            # Which series are the highest at a step depends on how rate() treats the window's edges.
            may_differ = query.endswith("topk")
            if 0 in found.values() or (len(set(found.values())) > 1 and not may_differ):
                bench.problem(f"{scenario}: {query}: numbers of series differ: {found}")


def conclude(given, bench: Bench, results: verdict.Results, said: list[str]) -> int:
    thresholds, reference = verdict.read()
    if given.include:
        include(given, results)
    judged, absent = [], []
    for threshold in thresholds:
        if threshold.scenario not in given.names:
            continue
        one = verdict.judge(threshold, results, reference)
        judged += [one] if one else []
        absent += [] if one else [threshold]
    answers_differ(results, bench)
    text = report.document(said, judged, results)
    print(text)
    for profile in bench.profiles:
        print(f"\n{profile}")
    if given.write and set(given.names) < set(NAMES):
        bench.problem("not written down: not all scenarios are measured (see --include)")
    elif given.write:
        report.write(text)
    if given.json:
        content = {"facts": said, "values": results.values, "problems": bench.problems}
        Path(given.json).write_text(json.dumps(content, indent=1) + "\n")
    missed = [one for one in judged if one.reaches(one.threshold.asked) is False]
    for one in missed:
        peers.note(f"missed: {report.row(one)}")
    for threshold in absent:
        if not threshold.peer or threshold.program in given.peers:
            peers.note(f"not measured: {threshold.title} ({threshold.peer or 'sidelight'})")
    for problem in bench.problems:
        peers.note(f"problem: {problem}")
    return 1 if bench.problems or (missed and not given.quick) else 0


def main() -> int:
    given = arguments()
    # Ctrl-C and SIGTERM unwind the stack, so that every server is ended and every file removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sidelight = find_sidelight(given)
    wanted = sorted(needed_peers(given.names) & set(given.peers))
    found = {name: path for name in wanted if (path := peers.find(name, True))}
    cores, results = Cores.choose(), verdict.Results()
    with tempfile.TemporaryDirectory(prefix="sidelight-bench-") as temporary:
        folder = Path(temporary)
        packs = Path(given.packs).resolve() if given.packs else folder / "packs"
        packs.mkdir(parents=True, exist_ok=True)
        try:
            generator = Generator(folder, packs, cores, given.seed, given.end)
        except programs.Failure as failure:
            peers.note(str(failure))
            return 3
        scale = Scale.small() if given.quick else Scale()
        bench = Bench(folder, generator, cores, scale, given.profile)
        session = Session(bench, sidelight, found, results)
        try:
            for index in range(given.runs):
                session.round(index, given.names)
        except KeyboardInterrupt:
            return 130
        finally:
            generator.stop()
            programs.stop_all()
        return conclude(given, bench, results, facts(given, sidelight, found, results))


sys.exit(main())
