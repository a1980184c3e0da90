"""Start-up: importing the package and showing its help, in fresh interpreters, against what an interpreter costs by itself."""

from __future__ import annotations

import subprocess
import sys
import time

REPEATS = 5
COMMANDS = {
    "python, nothing else": ["-c", "pass"],
    "import numpy": ["-c", "import numpy"],
    "import graphtwin": ["-c", "import graphtwin"],
    "graphtwin --help": ["-c", "from graphtwin.cli.app import app; app(['--help'])"],
    "import torch": ["-c", "import torch"],
}
LIMITS = {"import graphtwin": 0.3, "graphtwin --help": 1.0}  # seconds beyond the bare interpreter, seconds in all


def seconds(arguments: list[str]) -> float:
    """Best of several."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    taken = {name: seconds(arguments) for name, arguments in COMMANDS.items()}
    bare = taken["python, nothing else"]
    print(f"{'':24}{'seconds':>10}{'beyond python':>16}{'x python':>10}{'limit':>8}")
    for name, value in taken.items():
        limit = f"{LIMITS[name]:.1f} s" if name in LIMITS else ""
        print(f"{name:24}{value:10.3f}{value - bare:16.3f}{value / bare:10.1f}{limit:>8}")
    late = [name for name in LIMITS if taken[name] > LIMITS[name] + (bare if name.startswith("import") else 0)]
    if late:
        raise SystemExit(f"over the limit: {', '.join(late)}")


if __name__ == "__main__":
    main()
