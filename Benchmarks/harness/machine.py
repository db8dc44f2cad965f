"""What the machine is and does: its cores, how fast it is right now, what a process has used."""

import json
import os
import resource
import subprocess
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cores:
    """Which cores do what. A proxy gets a core of its own; everything that loads it shares another.
    Servers have two cores, as in production a small instance would; the generator takes a third one
    where there is one."""

    servers: list[int]
    generator: list[int]
    proxy: list[int]

    @staticmethod
    def choose() -> "Cores":
        available = sorted(os.sched_getaffinity(0))
        generator = available[2:3] or available[:1]
        return Cores(available[:2], generator, available[1:2] or available[:1])


def family(pid: int) -> list[int]:
    """A process and its descendants (nginx works in children)."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid] + [member for child in children for member in family(int(child))]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its descendants, of all threads."""
    ticks = 0
    for member in family(pid):
        try:
            fields = Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS


def memory_mb(pid: int, key: str) -> float:
    """`VmRSS` (now), `VmHWM` (the most so far, mapped files among it) or `RssAnon` (now, without mapped
    files, which the system takes back when it needs room) in megabytes of 10^6 bytes."""
    total = 0
    for member in family(pid):
        try:
            lines = Path(f"/proc/{member}/status").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith(key + ":"))
    return total * 1024 / 1e6


def folder_bytes(folder: Path) -> int:
    """The sizes of all files below a folder."""
    return sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file())


def machine_cpu_seconds() -> tuple[float, float]:
    """CPU time that all processes have used since the machine started, and what others stole."""
    with open("/proc/stat") as stat:
        ticks = [int(field) for field in stat.readline().split()[1:9]]
    return (sum(ticks[:3]) + sum(ticks[5:7])) / TICKS, ticks[7] / TICKS


def children_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def calibrate(generator: Path, cores: list[int]) -> float:
    """Megabytes of fixed work in a CPU-second."""
    output = subprocess.run(
        [generator, "calibrate"], capture_output=True, text=True, check=True, timeout=60,
        preexec_fn=lambda: os.sched_setaffinity(0, cores))
    return json.loads(output.stdout)["mb_per_cpu_s"]


def describe() -> str:
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores of {model}, {memory:.0f} GB, Linux {os.uname().release}"
