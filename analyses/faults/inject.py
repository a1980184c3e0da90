"""Faults put into clean simulated recordings and tables, and what `graphtwin.checks` finds: `inject.py SIMULATED... --out found.jsonl`.

Every fault is made by code that shares nothing with the checks. Unchanged files of a copy are links to those of the clean folder.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
import zlib
from pathlib import Path

import numpy as np
from nwb_faults import NWB
from sensorium_faults import SENSORIUM
from sensorium_folder import Folder
from table_faults import TABLES

HERE = Path(__file__).parent

# Findings by which each fault counts as found; a fault that a loader refuses in words is found too.
FOUND_AS = {
    "units_of_tier": ("units of tiers differ",),
    "copied_repeats": ("repeats are copies",),
    "shared_clip": ("same clip in two tiers",),
    "averages": ("averages among single trials",),
    "dummy_zeros": ("frames without responses", "trials without responses"),
    "dropped_frames": ("dropped frames", "shifted frames"),
    "shifted_frames": ("shifted frames", "dropped frames"),
    "delay": ("strange delay",),
    "permuted_units": ("units in another order",),
    "mirrored_units": ("units in another order",),
    "eye_of_another_trial": ("behaviour of another trial",),
    "mirrored_eye": ("mirrored or shifted eye", "behaviour of another trial"),
    "still_channels": ("constant channel", "saturated channel"),
    "behaviour_of_another_trial": ("behaviour of another trial",),
    "come_and_go": ("units come and go",),
    "swapped_axes": ("swapped axes", "pictures of two sizes"),
    "dealt_responses": ("responses that no stimulus predicts", "responses of another trial"),
    "swapped_trials": ("responses of another trial", "trials that fit no stimulus"),
    "beside_the_monitor": ("fields beside the monitor", "blank part of the picture"),
    "grey_levels": ("grey levels in two units",),
    "nwb_delay": ("strange delay",),
    "nwb_swapped_axes": ("swapped axes",),
    "nwb_lost_units": ("units come and go", "constant channel"),
    "nwb_behaviour": ("units of behaviour",),
    "rounded_ids": (),
    "swapped_sessions": ("keys that nobody knows",),
    "impossible_depths": ("impossible depths", "scans outside the tissue"),
    "other_unit": ("impossible depths", "scans outside the tissue"),
    "synapses_outside": ("synapses outside the tissue",),
    "superseded_rows": ("rows that are not valid",),
}


def copied(source: Path, target: Path) -> Path:
    """A copy of a folder or file; files of folders are links, to be taken away before they are written."""
    if source.is_file():
        return Path(shutil.copy2(source, target))
    shutil.copytree(source, target, copy_function=os.link)
    return target


def checked(path: Path) -> tuple[list[str], float, str]:
    """Kinds of findings that are more than notes, seconds, and the first finding."""
    from graphtwin.checks import check_recording, check_tables
    from graphtwin.sources import open_recording

    start = time.perf_counter()
    if (path / "source.toml").is_file():
        found = check_tables(path / "source.toml")
    else:
        try:
            found = check_recording(open_recording(path))
        except (ValueError, OSError) as error:
            return ["cannot be read"], time.perf_counter() - start, str(error)
    faults = [one for one in found if one.severity != "note"]
    return [one.check for one in faults], time.perf_counter() - start, "; ".join(f"{one.check}: {one.what}; {one.sure}" for one in faults)


def trial(simulated: Path, name: str, scratch: Path) -> dict[str, object]:
    """What is found of one fault in one folder; `clean_...` changes nothing."""
    rng = np.random.default_rng(zlib.crc32(f"{simulated.name} {name}".encode()))
    target = scratch / f"{simulated.name}-{name}"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    recording = next(simulated.glob("dynamic0-*"))
    if name in SENSORIUM or name == "clean_sensorium":
        path = copied(recording, target / recording.name)
        if name in SENSORIUM:
            SENSORIUM[name](Folder(path), rng)
    elif name in NWB or name == "clean_nwb":
        import h5py

        path = copied(simulated / "nwb/sub-0_ses-1-scan-1.nwb", target / "scan.nwb")
        if name in NWB:
            with h5py.File(path, "r+") as file:
                NWB[name](file, rng)
    else:
        path = target
        copied(simulated / "tables", target / "tables")
        shutil.copy(simulated / "source.toml", target)
        if name in TABLES:
            TABLES[name](target, rng)
    kinds, seconds, words = checked(path)
    shutil.rmtree(target)
    clean = name.startswith("clean_")
    found = bool(kinds) if clean else any(one in FOUND_AS[name] or one == "cannot be read" for one in kinds)
    return {
        "folder": simulated.name,
        "fault": name,
        "found": found,
        "kinds": sorted(set(kinds)),
        "seconds": round(seconds, 2),
        "words": words,
    }


def main() -> int:
    """Inject every fault into every folder, and write one line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("simulated", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="JSON lines; faults that it has already are left out.")
    parser.add_argument("--scratch", type=Path, default=Path("/tmp/faults"))
    parser.add_argument("--only", nargs="*", default=[*SENSORIUM, *NWB, *TABLES, "clean_sensorium", "clean_nwb", "clean_tables"])
    arguments = parser.parse_args()
    done = set()
    if arguments.out.exists():
        done = {(one["folder"], one["fault"]) for one in map(json.loads, arguments.out.read_text().splitlines())}
    for name in arguments.only:
        for simulated in arguments.simulated:
            if (simulated.name, name) in done:
                continue
            row = trial(simulated, name, arguments.scratch)
            with arguments.out.open("a") as out:
                out.write(json.dumps(row) + "\n")
            print(
                row["folder"],
                name,
                row["found"],
                row["seconds"],
                row["kinds"] if not row["found"] or name.startswith("clean") else "",
                flush=True,
            )
    return told(arguments.out)


def told(out: Path) -> int:
    """Print how many of each fault were found; 1 where fewer than 95 of 100 were, or more than 2 of 100 clean ones had a finding."""
    counts: dict[str, list[int]] = {}
    for row in map(json.loads, out.read_text().splitlines()):
        of = counts.setdefault(row["fault"], [0, 0])
        of[0], of[1] = of[0] + row["found"], of[1] + 1
    expected = json.loads((HERE / "inject_expected.json").read_text())
    for name, (n, of_n) in sorted(counts.items()):
        print(f"{name:32} {n:3} of {of_n:3}   expected {expected.get(name)}")
    faulty = np.array([of for name, of in counts.items() if not name.startswith("clean_")] or [[0, 0]]).sum(0)
    clean = np.array([of for name, of in counts.items() if name.startswith("clean_")] or [[0, 0]]).sum(0)
    print(f"faults found {faulty[0]} of {faulty[1]}, clean ones with a finding {clean[0]} of {clean[1]}")
    return int(faulty[0] < 0.95 * faulty[1] or clean[0] > 0.02 * clean[1])


if __name__ == "__main__":
    sys.exit(main())
