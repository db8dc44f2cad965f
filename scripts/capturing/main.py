"""Runs the senders one after the other and writes their folders of sample-data and MANIFEST.tsv."""

import importlib
import pathlib
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2] / "sample-data"
SENDERS = ["envoy", "sdk", "sidelight"]
COLUMNS = ["file", "protocol", "path", "content-type", "content-encoding"]


def main(names):
    unknown = [name for name in names if name not in SENDERS]
    if unknown:
        print(f"capture: no sender {unknown[0]}; there are {', '.join(SENDERS)}", file=sys.stderr)
        return 2
    ROOT.mkdir(exist_ok=True)
    manifest = ROOT / "MANIFEST.tsv"
    rows = []
    if manifest.exists():
        rows = [line.split("\t") for line in manifest.read_text().splitlines()[1:]]
    for name in names or SENDERS:
        folder = ROOT / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        captured = importlib.import_module(f"sender_{name}").capture(folder)
        rows = [row for row in rows if not row[0].startswith(name + "/")]
        rows += [[f"{name}/{row[0]}", *row[1:]] for row in captured]
        size = sum(file.stat().st_size for file in folder.iterdir())
        print(f"capture: {name}: {len(captured)} files, {size} bytes")
    lines = ["\t".join(COLUMNS)] + ["\t".join(row) for row in sorted(rows)]
    manifest.write_text("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
