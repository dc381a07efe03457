"""Wall time of a finished run by stage: `.venv/bin/python benchmarks/stages.py runs/quickstart`."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path


def main(root: Path) -> None:
    """Print seconds and units by stage, in the order in which they ended."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for marker in sorted(root.glob("stages/*/*.json"), key=lambda path: path.stat().st_mtime):
        if not marker.name.endswith(".started.json"):
            seconds[marker.parent.name].append(float(json.loads(marker.read_text())["seconds"]))
    for stage, values in seconds.items():
        print(f"{stage:10} {sum(values):7.1f} s in {len(values)} unit(s)")
    print(f"{'all':10} {sum(map(sum, seconds.values())):7.1f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/quickstart"))
