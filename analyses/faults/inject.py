"""Faults put into clean simulated recordings and tables, and what `graphtwin.checks` finds: `inject.py SIMULATED... --out found.jsonl`.

Every fault is made here, by code that shares nothing with the checks. Unchanged files of a copy are links to those of the clean folder.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
Rng = np.random.Generator


# --- Sensorium -------------------------------------------------------------------------------------------------------------------------


class Folder:
    """A copy of a Sensorium folder whose files can be changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tiers = np.load(path / "meta/trials/tiers.npy").astype(str)
        self.answered = [at for at in range(len(self.tiers)) if np.nan_to_num(self.get("responses", at)).any()]

    def get(self, kind: str, trial: int) -> np.ndarray:
        return np.load(self.path / "data" / kind / f"{trial}.npy")

    def put(self, kind: str, trial: int, values: np.ndarray) -> None:
        self.save(self.path / "data" / kind / f"{trial}.npy", values)

    @staticmethod
    def save(path: Path, values: np.ndarray) -> None:
        path.unlink()  # it is a link to the clean folder's file
        np.save(path, values)

    def of(self, *tiers: str) -> list[int]:
        return [at for at in self.answered if self.tiers[at] in tiers]

    def n_frames(self, trial: int) -> int:
        return int(np.isfinite(self.get("behavior", trial)[0]).sum())

    def clips(self, tier: str) -> list[list[int]]:
        """Trials of each clip of a tier."""
        groups: dict[int, list[int]] = {}
        for at in self.of(tier):
            groups.setdefault(zlib.crc32(self.get("videos", at).tobytes()), []).append(at)
        return list(groups.values())

    def some(self, rng: Rng, share: float, trials: list[int] | None = None) -> list[int]:
        """A share of the trials, at random."""
        trials = self.answered if trials is None else trials
        return sorted(rng.choice(trials, max(2, round(share * len(trials))), replace=False).tolist())

    def deal(self, kind: str, order: dict[int, int]) -> None:
        """Give each trial the array of another, cut or continued with its last frame to its own length."""
        before = {at: self.get(kind, at) for at in set(order.values())}
        for at, other in order.items():
            own, n = self.get(kind, at), self.n_frames(at)
            source = before[other][..., : self.n_frames(other)]
            out = np.full_like(own, np.nan)
            out[..., :n] = source[..., np.minimum(np.arange(n), source.shape[-1] - 1)]
            self.put(kind, at, out)


def moved_trials(rng: Rng, trials: list[int]) -> dict[int, int]:
    """Each trial and another one, no trial its own."""
    order = rng.permutation(trials)
    return dict(zip(order.tolist(), np.roll(order, 1).tolist(), strict=True))


def units_of_tier(of: Folder, rng: Rng) -> None:
    """Responses of the repeated clips in another unit, or standardised unit by unit."""
    trials = of.of("oracle")
    arrays = [of.get("responses", at) for at in trials]
    if rng.random() < 0.3:
        together = np.concatenate([one[:, : of.n_frames(at)] for one, at in zip(arrays, trials, strict=True)], axis=1)
        arrays = [(one - together.mean(1, keepdims=True)) / (together.std(1, keepdims=True) + 1e-6) for one in arrays]
    else:
        factor = np.exp(rng.choice([-1, 1]) * rng.uniform(np.log(3), np.log(1000)))
        arrays = [one * factor for one in arrays]
    for at, one in zip(trials, arrays, strict=True):
        of.put("responses", at, one.astype(np.float32))


def copied_repeats(of: Folder, rng: Rng) -> None:
    """One trial in place of several repeats, some with a little noise."""
    for clip in of.clips("oracle")[: int(rng.integers(1, 4))]:
        first = of.get("responses", clip[0])
        for at in clip[1 : int(rng.integers(2, len(clip) + 1))]:
            noise = 1 + 0.02 * rng.standard_normal(first.shape) if rng.random() < 0.5 else 1.0
            of.put("responses", at, (first * noise).astype(np.float32))


def shared_clip(of: Folder, rng: Rng) -> None:
    """A repeat of a held-out clip in the training tier, some frames shorter at its beginning."""
    tiers = of.tiers.copy()
    for clip in of.clips("oracle")[: int(rng.integers(1, 3))]:
        at, cut = clip[-1], int(rng.integers(2, 25))
        for kind in ("videos", "responses", "behavior", "pupil_center"):
            own = of.get(kind, at)
            out = np.full_like(own, np.nan)
            out[..., : own.shape[-1] - cut] = own[..., cut:]
            of.put(kind, at, out)
        tiers[at] = "train"
    of.save(of.path / "meta/trials/tiers.npy", tiers)


def averages(of: Folder, rng: Rng) -> None:
    """The mean over repeats in place of one of them, for half of the clips or more."""
    clips = of.clips("oracle")
    for clip in clips[: int(rng.integers(max(2, len(clips) // 2), len(clips) + 1))]:
        of.put("responses", clip[0], np.mean([of.get("responses", at) for at in clip], axis=0))


def dummy_zeros(of: Folder, rng: Rng) -> None:
    """Zeros in place of responses: whole trials, or their second half."""
    whole = rng.random() < 0.5
    for at in of.some(rng, 0.1, of.of("train", "oracle")):
        values = of.get("responses", at)
        values[:, 0 if whole else of.n_frames(at) // 2 : of.n_frames(at)] = 0
        of.put("responses", at, values)


def dropped_frames(of: Folder, rng: Rng) -> None:
    """Frames left out of the video of some trials; the last frame fills the end."""
    for at in of.some(rng, 0.2):
        video, n = of.get("videos", at), of.n_frames(at)
        lost = int(rng.integers(10, 26))
        start = int(rng.integers(n // 4, n // 2))
        kept = np.r_[np.arange(start), np.arange(start + lost, n), np.full(lost, n - 1)]
        video[..., :n] = video[..., kept]
        of.put("videos", at, video)


def shifted_frames(of: Folder, rng: Rng) -> None:
    """Responses of some trials some frames late or early."""
    for at in of.some(rng, 0.25):
        values, n = of.get("responses", at), of.n_frames(at)
        values[:, :n] = np.roll(values[:, :n], int(rng.choice([-1, 1]) * rng.integers(10, 31)), axis=1)
        of.put("responses", at, values)


def delay(of: Folder, rng: Rng) -> None:
    """All responses later, or earlier, than cortex answers."""
    by = int(rng.choice([-1, 1]) * rng.integers(14, 31))
    for at in of.answered:
        values, n = of.get("responses", at), of.n_frames(at)
        values[:, :n] = values[:, np.clip(np.arange(n) - by, 0, n - 1)]
        of.put("responses", at, values)


def permuted_units(of: Folder, rng: Rng) -> None:
    """Units in another order in one tier, or in a quarter of the trials."""
    trials = of.of("oracle") if rng.random() < 0.5 else of.some(rng, 0.25)
    order = rng.permutation(len(of.get("responses", trials[0])))
    for at in trials:
        of.put("responses", at, of.get("responses", at)[order])


def mirrored_units(of: Folder, rng: Rng) -> None:
    """Units from last to first in one tier."""
    for at in of.of(str(rng.choice(["oracle", "train"]))):
        of.put("responses", at, of.get("responses", at)[::-1])


def eye_of_another_trial(of: Folder, rng: Rng) -> None:
    """The eye of another trial in every trial."""
    of.deal("pupil_center", moved_trials(rng, list(range(len(of.tiers)))))


def mirrored_eye(of: Folder, rng: Rng) -> None:
    """The horizontal eye position mirrored in the camera's picture, in a third of the trials."""
    everything = np.concatenate([of.get("pupil_center", at)[0, : of.n_frames(at)] for at in range(len(of.tiers))])
    middle = everything.mean() + rng.uniform(-20, 20)
    for at in of.some(rng, 0.33, list(range(len(of.tiers)))):
        values = of.get("pupil_center", at)
        values[0] = 2 * middle - values[0]
        of.put("pupil_center", at, values)


def still_channels(of: Folder, rng: Rng) -> None:
    """Some units that stand still, or stop at a ceiling; or a channel of behaviour that does."""
    which = rng.integers(3)
    if which == 2:
        channel, ceiling = ("pupil_center", 1) if rng.random() < 0.5 else ("behavior", 0), rng.random() < 0.5
        kind, row = channel
        values = np.concatenate([of.get(kind, at)[row, : of.n_frames(at)] for at in range(len(of.tiers))])
        for at in range(len(of.tiers)):
            one = of.get(kind, at)
            one[row] = np.minimum(one[row], np.quantile(values, 0.8)) if ceiling else np.where(np.isfinite(one[row]), values[0], np.nan)
            of.put(kind, at, one)
        return
    units = rng.choice(len(of.get("responses", of.answered[0])), 4, replace=False)
    level = {
        unit: np.quantile(np.concatenate([of.get("responses", at)[unit, : of.n_frames(at)] for at in of.answered]), 0.97) for unit in units
    }
    for at in of.answered:
        values = of.get("responses", at)
        for unit in units:
            own = values[unit]
            values[unit] = np.minimum(own, level[unit]) if which else np.where(np.isfinite(own), max(level[unit], 0.1), np.nan)
        of.put("responses", at, values)


def behaviour_of_another_trial(of: Folder, rng: Rng) -> None:
    """Behaviour of another trial: dealt anew, or that of the trial before."""
    trials = list(range(len(of.tiers)))
    order = moved_trials(rng, trials) if rng.random() < 0.5 else dict(zip(trials, np.roll(trials, 1).tolist(), strict=True))
    of.deal("behavior", order)


def come_and_go(of: Folder, rng: Rng) -> None:
    """A tenth of the units silent in a third of the recording."""
    n_units, n = len(of.get("responses", of.answered[0])), len(of.answered)
    for unit in rng.choice(n_units, max(3, n_units // 10), replace=False).tolist():
        start = int(rng.integers(0, n * 2 // 3))
        for at in of.answered[start : start + n // 3]:
            values = of.get("responses", at)
            values[unit, : of.n_frames(at)] = 0
            of.put("responses", at, values)


def swapped_axes(of: Folder, rng: Rng) -> None:
    """Height and width exchanged, in all trials or in some."""
    for at in range(len(of.tiers)) if rng.random() < 0.7 else of.some(rng, 0.2):
        of.put("videos", at, np.ascontiguousarray(of.get("videos", at).transpose(1, 0, 2)))


def dealt_responses(of: Folder, rng: Rng) -> None:
    """Responses of another trial in every trial: nothing predicts them."""
    of.deal("responses", moved_trials(rng, of.answered))


def swapped_trials(of: Folder, rng: Rng) -> None:
    """Responses of another trial in a fifth of the trials."""
    of.deal("responses", moved_trials(rng, of.some(rng, 0.2)))


def beside_the_monitor(of: Folder, rng: Rng) -> None:
    """A video that shows another part of what the animal saw: many fields lie beside it."""
    by = int(rng.integers(26, 36)) * int(rng.choice([-1, 1]))
    for at in range(len(of.tiers)):
        video = of.get("videos", at)
        n = of.n_frames(at)
        out = np.full_like(video, np.nan)
        out[..., :n] = np.roll(video[..., :n], by, axis=1)
        (out[:, :by, :n] if by > 0 else out[:, by:, :n])[...] = 127
        of.put("videos", at, out)


def grey_levels(of: Folder, rng: Rng) -> None:
    """Grey levels from 0 to 1 in one tier."""
    for at in of.of("oracle"):
        of.put("videos", at, (of.get("videos", at) / 255).astype(np.float32))


# --- NWB -------------------------------------------------------------------------------------------------------------------------------


def nwb_delay(file: object, rng: Rng) -> None:
    """Imaging by a clock that is late, or early."""
    by = float(rng.choice([-1, 1]) * rng.uniform(0.6, 0.9))
    series = [item for item in file["processing/ophys/Fluorescence"].values() if "timestamps" in item]  # type: ignore[index]
    times = [item["timestamps"][:] for item in series]  # some are links to others
    for item, own in zip(series, times, strict=True):
        del item["timestamps"]
        item["timestamps"] = own + by
        item["timestamps"].attrs.update({"interval": 1, "unit": "seconds"})


def nwb_swapped_axes(file: object, rng: Rng) -> None:
    """A movie whose axes are those of another writer."""
    series = next(item for item in file["acquisition"].values() if item.attrs.get("neurodata_type") == "ImageSeries")  # type: ignore[index]
    movie, attributes = series["data"][:], dict(series["data"].attrs)
    del series["data"]
    series["data"] = movie.transpose(0, 2, 1)
    series["data"].attrs.update(attributes)


def nwb_lost_units(file: object, rng: Rng) -> None:
    """Traces of some masks that end early: what follows is the last value."""
    for item in file["processing/ophys/Fluorescence"].values():  # type: ignore[index]
        traces = item["data"][:]
        units = rng.choice(traces.shape[1], max(2, traces.shape[1] // 6), replace=False)
        start = int(rng.uniform(0.3, 0.6) * len(traces))
        traces[start:, units] = traces[start, units]
        item["data"][...] = traces


def nwb_behaviour(file: object, rng: Rng) -> None:
    """A treadmill in another unit than it says."""
    data = file["acquisition/treadmill_velocity/data"]  # type: ignore[index]
    data[...] = data[:] * 100


# --- tables ----------------------------------------------------------------------------------------------------------------------------


def edit(folder: Path, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    path = folder / "tables" / f"{name}.parquet"
    table = pd.read_parquet(path)
    path.unlink()
    change(table).to_parquet(path)


def rounded_ids(folder: Path, rng: Rng) -> None:
    """Root ids that went through a spreadsheet or a float."""
    name = str(rng.choice(["nucleus_detection_v0", "coregistration_manual_v3", "somata"]))
    by = int(rng.choice([128, 1000]))
    edit(folder, name, lambda table: table.assign(pt_root_id=table["pt_root_id"] // by * by))


def swapped_sessions(folder: Path, rng: Rng) -> None:
    """Session and scan exchanged."""
    name = str(rng.choice(["direction_responses", "area_membership"]))
    edit(folder, name, lambda table: table.rename(columns={"session": "scan_idx", "scan_idx": "session"}))


def impossible_depths(folder: Path, rng: Rng) -> None:
    """Scans at depths where there is no tissue: all tables of places moved down, or one scan of the coregistration."""
    by = int(rng.choice([-1, 1]) * rng.uniform(2500, 6000) * 1000 / 4)
    if rng.random() < 0.5:
        for path in (folder / "tables").glob("*.parquet"):
            table = pd.read_parquet(path)
            columns = [column for column in table if str(column).endswith("pt_position_y")]
            edit(folder, path.stem, lambda table, columns=columns: table.assign(**{column: table[column] + by for column in columns}))
        return
    for name in ("coregistration_manual_v3", "functional_coreg"):
        edit(
            folder,
            name,
            lambda table: table.assign(pt_position_y=table["pt_position_y"] + by * (table["session"] == table["session"].max())),
        )


def other_unit(folder: Path, rng: Rng) -> None:
    """Positions of one table in nanometres, or in micrometres."""
    name, nm = str(rng.choice(["nucleus_detection_v0", "coregistration_manual_v3", "somata"])), rng.random() < 0.5
    sizes = {"x": 4, "y": 4, "z": 40}
    columns = {f"pt_position_{axis}": size if nm else size / 1000 for axis, size in sizes.items()}
    edit(folder, name, lambda table: table.assign(**{column: table[column] * by for column, by in columns.items()}))


def synapses_outside(folder: Path, rng: Rng) -> None:
    """Synapses of another volume among those of this one."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        rows = rng.random(len(table)) < 0.1
        columns = [column for column in table if "_pt_position_" in str(column)]
        by = rng.choice([-1, 1]) * rng.integers(400000, 900000)
        return table.assign(**{column: table[column] + by * rows for column in columns})

    edit(folder, "synapses_pni_2", change)


def superseded_rows(folder: Path, rng: Rng) -> None:
    """Rows that others took the place of, still in the table."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        rows = table[rng.random(len(table)) < 0.1]
        new = rows.assign(id=rows["id"] + 10_000_000)
        replaced = pd.Series(0, index=table.index)
        replaced[rows.index] = new["id"].to_numpy()
        return pd.concat([table.assign(superceded_id=replaced), new.assign(superceded_id=0)], ignore_index=True)

    edit(folder, "nucleus_detection_v0", change)


SENSORIUM = {
    one.__name__: one
    for one in (
        units_of_tier,
        copied_repeats,
        shared_clip,
        averages,
        dummy_zeros,
        dropped_frames,
        shifted_frames,
        delay,
        permuted_units,
        mirrored_units,
        eye_of_another_trial,
        mirrored_eye,
        still_channels,
        behaviour_of_another_trial,
        come_and_go,
        swapped_axes,
        dealt_responses,
        swapped_trials,
        beside_the_monitor,
        grey_levels,
    )
}
NWB = {one.__name__: one for one in (nwb_delay, nwb_swapped_axes, nwb_lost_units, nwb_behaviour)}
TABLES = {one.__name__: one for one in (rounded_ids, swapped_sessions, impossible_depths, other_unit, synapses_outside, superseded_rows)}

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
