"""Where a server's time goes: `perf` samples it while it is loaded and while it is asked."""

import re
import shutil
import signal
import subprocess
import time
from collections import defaultdict
from pathlib import Path

from programs import Failure

# Odd, so that it does not fall into step with anything periodic.
SAMPLES_A_SECOND = 199
LINES = 16


class Profile:
    """Samples one process until it is told to stop."""

    def __init__(self, pid: int, folder: Path) -> None:
        if not shutil.which("perf"):
            raise Failure("--profile needs perf (Debian's linux-perf)")
        self.file = folder / "perf.data"
        self.process = subprocess.Popen(
            ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(SAMPLES_A_SECOND), "-p", str(pid),
             "-o", str(self.file)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.5)  # until it is attached to all threads

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(60)

    def summary(self) -> str:
        """The kinds of threads, and the functions, that took the most CPU time."""
        self.stop()
        report = subprocess.run(
            ["perf", "report", "-i", str(self.file), "--stdio", "--sort", "comm,symbol", "-g", "none"],
            capture_output=True, text=True, stdin=subprocess.DEVNULL)
        threads: dict[str, float] = defaultdict(float)
        functions: dict[str, float] = defaultdict(float)
        for line in demangled(report.stdout).splitlines():
            found = re.match(r"\s+([\d.]+)%\s+(\S+)\s+\[(.)\]\s+(.*?)[\s-]*$", line)
            if found:
                share, thread = float(found[1]), kind(found[2])
                threads[thread] += share
                kernel = " (kernel)" if found[3] == "k" else ""
                functions[f"{thread:12} {found[4][:100]}{kernel}"] += share
        return "\n".join(largest(threads, 6) + [""] + largest(functions, LINES))


def kind(thread: str) -> str:
    """Threads that do the same work have the same name but for a number."""
    if thread.startswith("oot.default") or thread.endswith("-qos"):
        return "pool"  # Swift's own threads, which run tasks
    return re.sub(r"[-#\d]+$", "", thread)


def largest(shares: dict[str, float], count: int) -> list[str]:
    ordered = sorted(shares.items(), key=lambda entry: -entry[1])[:count]
    return [f"{share:6.1f} %  {name}" for name, share in ordered]


def demangled(text: str) -> str:
    if not shutil.which("swift-demangle"):
        return text
    done = subprocess.run(
        ["swift-demangle", "--simplified"], input=text, capture_output=True, text=True)
    return done.stdout
