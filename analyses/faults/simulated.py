"""Clean folders for `inject.py`, each simulated otherwise: `simulated.py --seeds 3000 3001 ... --out runs/simulated`."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from graphtwin.execute import rng_for

KINDS = [["dead_leaves"], ["panned_photographs"], ["dead_leaves", "panned_photographs"]]


def words(seed: int) -> list[str]:
    """Size and stimuli of the folder of a seed, as settings of `graphtwin simulate`."""
    rng = rng_for(seed, "simulated")
    kinds = KINDS[rng.integers(len(KINDS))]
    films = {
        "clip_s": round(rng.uniform(6, 10), 1),
        "kinds": "[" + ", ".join(f'"{kind}"' for kind in kinds) + "]",
        "oracle_clips": rng.integers(4, 7),
        "oracle_repeats": rng.integers(6, 11),
    }
    size = ["--neurons", str(rng.integers(150, 301)), "--minutes", str(round(rng.uniform(2, 4), 1)), "--animals", "1"]
    return [*size, *(word for name, value in films.items() for word in ("--set", f"films.{name}={value}"))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    for seed in args.seeds:
        folder = args.out / str(seed)
        resume = ["--resume"] if folder.exists() else []
        command = ["graphtwin", "simulate", "--out", str(folder), "--seed", str(seed), *words(seed), "--workers", "1", *resume]
        print(*command, flush=True)
        subprocess.run([Path(sys.executable).parent / command[0], *command[1:]], check=True, stdout=subprocess.DEVNULL)
    return 0


if __name__ == "__main__":
    sys.exit(main())
