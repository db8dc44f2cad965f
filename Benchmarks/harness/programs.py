"""Starting and ending programs: each with its own log, ended by its process id, never by name."""

import atexit
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import machine

running: list["Program"] = []


class Failure(Exception):
    """Something that makes a measurement worthless; the text says what and where."""


def free_port() -> int:
    """A port that was free a moment ago, for programs that cannot be asked to choose one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def status_of(port: int, path: str, timeout: float = 2) -> int:
    """The status of a GET, 0 when nobody answers. Without a library: it is asked every 2 ms."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout) as connection:
            connection.sendall(request.encode())
            head = connection.recv(64)
    except OSError:
        return 0
    return int(head[9:12]) if head.startswith(b"HTTP/1.") and head[9:12].isdigit() else 0


@dataclass
class Program:
    name: str
    command: list[str]
    cores: list[int]
    folder: Path
    process: subprocess.Popen | None = None
    started: float = 0
    cpu_at_end: float = 0
    stop_seconds: float = 0
    killed: bool = False
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> "Program":
        with open(self.log, "wb") as log:
            self.started = time.monotonic()
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                preexec_fn=lambda: os.sched_setaffinity(0, self.cores))
        running.append(self)
        return self

    def wait_until(self, ready: Callable[[], bool], seconds: float = 60) -> float:
        """Waits for readiness; returns the seconds since the start."""
        assert self.process is not None
        while not ready():
            if self.process.poll() is not None:
                raise Failure(
                    f"{self.name} ended with status {self.process.returncode}: {self.last_words()}")
            if time.monotonic() - self.started > seconds:
                raise Failure(f"{self.name} was not ready in {seconds:.0f} s: {self.last_words()}")
            time.sleep(0.002)
        return time.monotonic() - self.started

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return " | ".join(lines[-4:])[-600:]

    def stop(self, seconds: float = 90) -> None:
        """SIGTERM, and SIGKILL for what does not end in time. Remembers the CPU time used in all."""
        if self not in running:
            return
        running.remove(self)
        assert self.process is not None
        members = machine.family(self.pid)
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        while True:
            # wait4 tells the CPU time of the whole life, what was used while stopping included.
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() - began > seconds:
                self.killed = True
                for member in members:
                    os.kill(member, signal.SIGKILL)
                seconds = float("inf")
            time.sleep(0.005)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.stop_seconds = time.monotonic() - began
        self.cpu_at_end = usage.ru_utime + usage.ru_stime


def stop_all() -> None:
    for program in list(running):
        program.stop(5)


atexit.register(stop_all)
