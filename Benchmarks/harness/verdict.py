"""Figures of all runs, and how they stand to what is asked of them in thresholds.toml."""

import statistics
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).resolve().parent.parent / "thresholds.toml"


class Results:
    """scenario → subject → figure → one value a run, in the order of the runs."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, dict[str, list[float]]]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(list)))

    def add(self, scenario: str, subject: str, figures: dict[str, float]) -> None:
        for name, value in figures.items():
            self.values[scenario][subject][name].append(value)

    def runs(self, path: str) -> list[float]:
        """The values of `scenario.subject.figure`; empty when it was not measured."""
        scenario, subject, figure = path.split(".", 2)
        return self.values.get(scenario, {}).get(subject, {}).get(figure, [])


@dataclass(frozen=True)
class Threshold:
    title: str
    of: str
    better: str
    peer: str | None = None
    less: str | None = None
    scaled: str | None = None
    asked: float | None = None
    aim: float | None = None

    @property
    def scenario(self) -> str:
        return self.of.split(".", 1)[0]

    @property
    def program(self) -> str | None:
        """The peer's program: nginx and Envoy are measured in several settings."""
        return self.peer and self.peer.removesuffix("-logged").removesuffix("-traced")

    def of_peer(self) -> str:
        scenario, _, figure = self.of.split(".", 2)
        return f"{scenario}.{self.peer}.{figure}"


def read(file: Path = FILE) -> tuple[list[Threshold], float]:
    """The thresholds, and the speed of the machine that their values are for."""
    content = tomllib.loads(file.read_text())
    return (
        [Threshold(**entry) for entry in content["figure"]],
        content["machine"]["reference_mb_per_cpu_s"])


@dataclass(frozen=True)
class Verdict:
    """`judged` is what was compared: a ratio to the peer, or a value scaled to the reference machine."""

    threshold: Threshold
    measured: float
    low: float
    high: float
    runs: int
    beside: float | None
    judged: float

    def reaches(self, goal: float | None) -> bool | None:
        if goal is None:
            return None
        return self.judged >= goal if self.threshold.better == "higher" else self.judged <= goal


def judge(threshold: Threshold, results: Results, reference: float) -> Verdict | None:
    """The verdict on one figure, or nothing when it or its peer was not measured."""
    ours = less(results, threshold, results.runs(threshold.of))
    if not ours:
        return None
    measured, beside = statistics.median(ours), None
    judged = measured
    if threshold.peer:
        theirs = less(results, threshold, results.runs(threshold.of_peer()))
        if not theirs:
            return None
        beside = statistics.median(theirs)
        # Runs of one round stand beside each other; a peer with fewer runs is compared by its median.
        pairs = zip(ours, theirs) if len(ours) == len(theirs) else ((one, beside) for one in ours)
        judged = statistics.median(one / max(other, 1e-9) for one, other in pairs)
    elif threshold.scaled:
        judged = scale(threshold, measured, results, reference)
    return Verdict(threshold, measured, min(ours), max(ours), len(ours), beside, judged)


def less(results: Results, threshold: Threshold, values: list[float]) -> list[float]:
    base = results.runs(threshold.less) if threshold.less else []
    if not base:
        return [] if threshold.less else values
    taken = statistics.median(base)
    return [value - taken for value in values]


def scale(threshold: Threshold, value: float, results: Results, reference: float) -> float:
    scenario, subject, _ = threshold.of.split(".", 2)
    calibrations = results.runs(f"{scenario}.{subject}.calibration") or results.runs(
        "machine.all.calibration")
    if not calibrations:
        return value
    speed = statistics.median(calibrations) / reference
    return value / speed if threshold.scaled == "rate" else value * speed
