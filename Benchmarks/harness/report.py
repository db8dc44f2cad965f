"""The table for people, and the place of the figures in Benchmarks/README.md."""

import statistics
from pathlib import Path

from verdict import Results, Threshold, Verdict

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN, END = "<!-- figures: written by Benchmarks/run --write -->", "<!-- end of figures -->"


def number(value: float | None) -> str:
    """A number with the digits that a measurement of a few percent carries."""
    if value is None:
        return "–"
    if abs(value) >= 10_000:
        return f"{value / 1000:,.0f} k"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}".removesuffix(".0")
    return f"{value:.3g}"


def goal(threshold: Threshold, value: float | None) -> str:
    if value is None:
        return "–"
    sign = "≥" if threshold.better == "higher" else "≤"
    return f"{sign} {number(value)}{' ×' if threshold.peer else ''}"


def standing(verdict: Verdict) -> str:
    if verdict.reaches(verdict.threshold.aim):
        return "**aim**"
    reached = verdict.reaches(verdict.threshold.asked)
    return "–" if reached is None else "yes" if reached else "**no**"


def row(verdict: Verdict) -> str:
    threshold = verdict.threshold
    measured = number(verdict.measured)
    if verdict.runs > 1:
        measured += f" ({number(verdict.low)} to {number(verdict.high)})"
    compared = "–"
    if threshold.peer:
        compared = f"{verdict.judged:.2f} × {threshold.peer}'s {number(verdict.beside)}"
    elif threshold.scaled and threshold.asked is not None:
        compared = f"scaled {number(verdict.judged)}"
    cells = [
        threshold.title, measured, compared, goal(threshold, threshold.asked),
        goal(threshold, threshold.aim), standing(verdict)]
    return "| " + " | ".join(cells) + " |"


def table(verdicts: list[Verdict]) -> str:
    head = ["| figure | measured, median (range) | beside it | asked | aim | reached |",
            "|---|---|---|---|---|---|"]
    return "\n".join(head + [row(verdict) for verdict in verdicts])


STORING = [
    ("items / s", "items_per_s"), ("items / CPU-s", "items_per_cpu_s"),
    ("settled", "settled_items_per_cpu_s"), ("bytes / item", "bytes_per_item"),
    ("peak MB", "peak_mb"), ("own MB then", "own_mb"), ("refusals", "refusals"),
    ("items / s while queried", "busy_items_per_s"),
    ("stop s", "stop_s"), ("others' cores", "noise")]
STARTS = [("ready s", "ready_s"), ("idle MB", "idle_mb")]
PROXIES = [
    ("requests / CPU-s", "requests_per_cpu_s"), ("requests / s", "requests_per_s"),
    ("p50 ms at 5k/s", "p50_ms"), ("p99 ms", "p99_ms"), ("share of 5k/s sent", "rate_kept"),
    ("core at 5k/s", "core_share_5k"), ("peak MB", "peak_mb"), ("others' cores", "noise")]


def details(title: str, results: Results, scenarios: list[str], columns) -> list[str]:
    """A table of every subject of some scenarios, for the reader who asks where a ratio comes from."""
    lines = ["| scenario | of | " + " | ".join(title for title, _ in columns) + " |",
             "|---|---|" + "---|" * len(columns)]
    for scenario in scenarios:
        for subject, figures in results.values.get(scenario, {}).items():
            cells = [middle(figures.get(name)) for _, name in columns]
            lines.append(f"| {scenario} | {subject} | " + " | ".join(cells) + " |")
    return [title, "\n".join(lines)] if len(lines) > 2 else []


def latencies(results: Results) -> list[str]:
    """p50 / p99 of every query on every server."""
    lines = ["| scenario | query | server: p50 / p99 ms |", "|---|---|---|"]
    for scenario, subjects in results.values.items():
        names: dict[str, list[str]] = {}
        for subject, figures in subjects.items():
            for figure in figures:
                if figure.endswith(".p50_ms"):
                    query = figure.removesuffix(".p50_ms")
                    pair = f"{middle(figures[figure])} / {middle(figures[query + '.p99_ms'])}"
                    names.setdefault(query, []).append(f"{subject}: {pair}")
        lines += [f"| {scenario} | {query} | {' · '.join(said)} |" for query, said in names.items()]
    return ["### Each query", "\n".join(lines)] if len(lines) > 2 else []


def middle(values: list[float] | None) -> str:
    return number(statistics.median(values)) if values else "–"


def document(facts: list[str], verdicts: list[Verdict], results: Results) -> str:
    storing = [name for name in results.values if name not in ("start", "proxy", "machine")]
    parts = [" ".join(facts), table(verdicts)]
    parts += details("### Each server", results, storing, STORING)
    parts += details("### Starts", results, ["start"], STARTS)
    parts += details("### Each proxy", results, ["proxy"], PROXIES)
    return "\n\n".join(parts + latencies(results))


def write(text: str) -> None:
    """Puts the figures between the two marks of the README, which keeps its own words around them."""
    readme = README.read_text()
    before, found, rest = readme.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise SystemExit(f"benchmarks: {README} lacks the lines \"{BEGIN}\" and \"{END}\"")
    README.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
