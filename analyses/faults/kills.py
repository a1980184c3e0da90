"""Every command that writes a folder, killed before each of its renames and at random moments, then given again: is anything lost?

A command runs in a process that is forked from this one, where the libraries are loaded, and is ended by SIGKILL: before its k-th rename,
for every k, with one worker; and at random moments, with two. Then the same command is given once more, with --resume where it has it.
What lies there at the end is compared, file by file, with what a command leaves that was never killed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from graphtwin.artifacts import write_json
from graphtwin.execute import rng_for

HERE = Path(__file__).parent
EXPECTED = HERE / "kills_expected.json"
INPUTS = "../inputs"  # folder of what commands read, seen from where each runs
LEFT_S = 10.0  # seconds after which a worker of a killed command counts as left behind
TINY = [
    "films={clip_s=3.0, oracle_clips=1, oracle_repeats=2, test_clips=1, test_repeats=1, novel_repeats=1}",
    "pictures={train=6, validation=2, test=1, test_repeats=2}",
    "block={size_um=[10, 10, 10], n_meshes=2}",
    "cells.scans.depth_scans=1",
]
TRAINING = [
    "steps=3",
    "windows=2",
    "window_s=0.8",
    "left_out_s=0.2",
    "fit.epochs=2",
    'twin.core={kind="recurrent", first=6, hidden=8, blocks=1, features=8}',
]
RUN = [
    "preset=short",
    "neurons.fit.epochs=2",
    "neurons.hidden=8",
    "pairs.hidden=8",
    "pairs.negatives=0.3",
    "pairs.fit.epochs=2",
    "directions.ranks=[2]",
    "directions.smoothness=[0.1]",
    "permutations=1",
    "rewired=1",
    "null_folds=1",
    "axon_folds=2",
    "neuron_folds=2",
    "block_folds=2",
    "scan_folds=2",
]


@dataclass(frozen=True)
class Command:
    """A command that writes a folder.

    Attributes:
        words: The command's words; {n} stands for the number of workers.
        out: Name of the folder it writes.
        resumes: Whether the second try is given --resume.
    """

    words: list[str]
    out: str
    resumes: bool = True

    def said(self, workers: int, again: bool = False) -> list[str]:
        """The words of a first, or of a second try."""
        return [word.format(n=workers) for word in self.words] + (["--resume"] if again and self.resumes else [])


def settings(of: list[str]) -> list[str]:
    return [word.replace("{", "{{").replace("}", "}}") for setting in of for word in ("--set", setting)]


def simulation(neurons: int, seed: int, out: str) -> Command:
    size = ["--neurons", str(neurons), "--animals", "2", "--minutes", "0.2", "--seed", str(seed)]
    return Command(["simulate", "--out", out, *size, *settings(TINY), "--workers", "{n}"], out)


def commands(inputs: Path) -> dict[str, Command]:
    """The commands, on the inputs that `made_inputs` made."""
    films = sorted(path.name for path in (inputs / "cortex").glob("dynamic*"))
    pairs, neurons = (f"{INPUTS}/cortex/published/{name}_data_v1.pkl" for name in ("edge", "node"))
    asked = ["--similarity", "signal_correlation", "--inclusion", "none", "--by", "none", "--nulls", "2", "--workers", "{n}"]
    planned = ["--axons", "8", "--targets", "60", "--effect", "1", "--tables", "20"]
    trained = ["twin", "train", f"{INPUTS}/cortex/{films[0]}", "--out", "twin", *settings(TRAINING), "--threads", "1"]
    onto = ["twin", "transfer", f"{INPUTS}/twin", f"{INPUTS}/cortex/{films[1]}", "--out", "new", "--threads", "1"]
    run = ["run", "--source", f"{INPUTS}/cortex/source.toml", "--out", "run", *settings(RUN), "--set", "threads={n}"]
    return {
        "power": Command(["power", *planned, "--workers", "{n}", "--out", "planned"], "planned", resumes=False),
        "like-to-like": Command(["like-to-like", pairs, "--neurons", neurons, *asked, "--out", "like"], "like", resumes=False),
        "twin train": Command(trained, "twin"),
        "twin transfer": Command(onto, "new"),
        "simulate": simulation(80, 1, "cortex"),
        "run": Command(run, "run"),
    }


def forked(place: Path, words: list[str], before: Callable[[], None] = lambda: None) -> int:
    """Begin a command in a process of its own, in a folder; returns the process's number."""
    place.mkdir(parents=True, exist_ok=True)
    if number := os.fork():
        return number
    code = 1
    try:
        os.chdir(place)
        log = os.open("log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        before()
        command = importlib.metadata.entry_points(group="console_scripts")["graphtwin"].load()
        code = int(command(words, standalone_mode=False) or 0)
    except BaseException as error:
        code = int(getattr(error, "exit_code", 99))
        if code == 99:
            traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def ended(number: int) -> int:
    """Wait for a process; its exit code, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def counting(kill_before: int | None, tally: Path) -> Callable[[], None]:
    """What is done in a command's process so that it dies before a rename, or counts them."""

    def patch() -> None:
        renamed = 0

        def wrapped(real: Callable[..., Any]) -> Callable[..., Any]:
            def rename(*given: Any, **more: Any) -> Any:
                nonlocal renamed
                if not Path(given[1]).absolute().is_relative_to(Path.cwd()):  # of a library's cache, and not in every run
                    return real(*given, **more)
                if renamed == kill_before:
                    os.kill(os.getpid(), signal.SIGKILL)
                renamed += 1
                if kill_before is None:
                    tally.write_text(str(renamed))
                return real(*given, **more)

            return rename

        os.replace, os.rename = wrapped(os.replace), wrapped(os.rename)

    return patch


def contents(folder: Path) -> dict[str, str]:
    """Hash of every file below a folder, whatever its name."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.rglob("*")) if file.is_file()
    }


@dataclass
class Outcome:
    """What came of the kills of a command.

    Attributes:
        kills: Times that it was killed.
        lost: Times that a file was missing at the end.
        refused: Times that the second try ended in an error, though the first had not finished.
        different: Times that a file had other bytes, or was there and should not be.
        left: Times that a worker outlived its command by more than 10 s.
    """

    kills: int = 0
    lost: int = 0
    refused: int = 0
    different: int = 0
    left: int = 0


def second_try(command: Command, place: Path, workers: int, whole: dict[str, str], outcome: Outcome) -> None:
    """Give a killed command again and compare what lies there."""
    finished = contents(place / command.out) == whole if (place / command.out).exists() else False
    code = ended(forked(place, command.said(workers, again=True)))
    found = contents(place / command.out)
    wrong = {
        "refused": code != 0 and not finished,
        "lost": bool(whole.keys() - found.keys()),
        "different": any(whole.get(name) != now for name, now in found.items()),
    }
    for name, is_so in wrong.items():
        setattr(outcome, name, getattr(outcome, name) + is_so)
    outcome.kills += 1
    if any(wrong.values()):
        names = sorted(name for name in found.keys() | whole.keys() if found.get(name) != whole.get(name))
        print(f"  {place.name}: exit {code}, {[name for name, is_so in wrong.items() if is_so]}: {names[:6]}", flush=True)
    else:
        shutil.rmtree(place)


def kill_before_renames(name: str, command: Command, out: Path, step: int) -> tuple[Outcome, dict[str, str]]:
    """Kill a command before each of its renames; returns what came of it, and what an unkilled one leaves."""
    stem, tally = name.replace(" ", "_"), out / f"{name}.renames"
    place = out / f"{stem}-whole"
    code = ended(forked(place, command.said(1), counting(None, tally)))
    if code:
        raise RuntimeError(f"{name}: exit {code}; see {place / 'log.txt'}")
    whole, renames = contents(place / command.out), int(tally.read_text())
    outcome = Outcome()
    for at in range(0, renames, step):
        place = out / f"{stem}-{at}"
        code = ended(forked(place, command.said(1), counting(at, tally)))
        if code != -signal.SIGKILL:
            raise RuntimeError(f"{name}: not killed before rename {at}, but exit {code}; see {place / 'log.txt'}")
        second_try(command, place, 1, whole, outcome)
    print(f"{name}: {renames} renames, {outcome}", flush=True)
    return outcome, whole


def kill_at_moments(name: str, command: Command, out: Path, moments: int, whole: dict[str, str]) -> Outcome:
    """Kill a command of two workers at random moments of its time."""
    stem, outcome = name.replace(" ", "_"), Outcome()
    place, began = out / f"{stem}-two", time.monotonic()
    if code := ended(forked(place, command.said(2))):
        raise RuntimeError(f"{name}: exit {code}; see {place / 'log.txt'}")
    lasts = time.monotonic() - began
    whole_of_two = contents(place / command.out)
    changed = sorted(name for name in whole.keys() | whole_of_two.keys() if whole.get(name) != whole_of_two.get(name))
    print(f"{name}: two workers change {len(changed)} of {len(whole)} files {changed[:6]}", flush=True)
    for at, share in enumerate(rng_for(0, "moments", name).uniform(0, 1, moments)):
        place = out / f"{stem}-moment{at}"
        number = forked(place, command.said(2))
        time.sleep(share * lasts)
        workers = psutil.Process(number).children(recursive=True)
        os.kill(number, signal.SIGKILL)
        ended(number)
        _, alive = psutil.wait_procs(workers, LEFT_S)
        outcome.left += bool(alive)
        second_try(command, place, 2, whole_of_two, outcome)
    print(f"{name}: {moments} random moments of {lasts:.1f} s, {outcome}", flush=True)
    return outcome


def made_inputs(out: Path) -> Path:
    """A cortex and a twin for the commands to read."""
    inputs = out / "inputs"
    if not (inputs / "twin" / "manifest.json").exists():
        shutil.rmtree(inputs, ignore_errors=True)
        for command in (simulation(200, 0, "cortex"), None):
            words = command.said(1) if command else commands(inputs)["twin train"].said(1)
            if code := ended(forked(inputs, words)):
                raise RuntimeError(f"{words}: exit {code}; see {inputs / 'log.txt'}")
    return inputs


def load_libraries() -> None:
    """Import what commands import late, once for all that are forked."""
    import graphtwin.pipeline.graph
    import graphtwin.pipeline.pairs
    import graphtwin.pipeline.simulated_cortex
    import graphtwin.report
    import graphtwin.twin.fitting
    import graphtwin.twin.runs  # noqa: F401


def main() -> int:
    """Kill all commands, or some; exit code 1 where the counts are not as expected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/kills"))
    parser.add_argument("--commands", nargs="*", help="commands to kill (default: all)")
    parser.add_argument("--moments", type=int, default=20, help="random moments at which each is killed")
    parser.add_argument("--step", type=int, default=1, help="1 kills before every rename, 2 before every other")
    chosen = parser.parse_args()
    out = chosen.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    load_libraries()
    found = {}
    for name, command in commands(made_inputs(out)).items():
        if chosen.commands and name not in chosen.commands:
            continue
        before, whole = kill_before_renames(name, command, out, chosen.step)
        at = kill_at_moments(name, command, out, chosen.moments, whole)
        found[name] = {"before renames": asdict(before), "at random moments": asdict(at)}
        write_json(found, out / "kills.json")
    expected = json.loads(EXPECTED.read_text(encoding="utf-8"))
    wrong = [
        f"{name}, {how}: {counts}" for name, ways in found.items() for how, counts in ways.items() if not expected.items() <= counts.items()
    ]
    print("\n".join(wrong) or "as expected")
    return len(wrong) > 0


if __name__ == "__main__":
    np.seterr(all="warn")
    raise SystemExit(main())
