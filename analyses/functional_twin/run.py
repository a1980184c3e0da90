"""Simulated animals, functional twins of them, and every claim about these twins as a table with intervals.

python analyses/functional_twin/run.py [--seconds 120] [--data DIR] [--out runs/functional_twin] [--threads 1]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from embedded import agreement, decoded, raw_components, vectors_of
from figures import draw_embeddings, draw_generalisation, draw_models, draw_population, draw_transfer
from fits import SECOND, Fit, Study, cell_types_of, part_of, recordings_of, simulated
from matplotlib.figure import Figure
from population import shared_noise
from tables import FAMILIES, compared, differences, generalisation

from graphtwin.artifacts import write_atomic, write_table
from graphtwin.sources.formats import Recording
from graphtwin.synthetic import SimulateConfig
from graphtwin.synthetic.function import MovieConfig
from graphtwin.twin.data import clips_of
from graphtwin.twin.fitting import FoundationConfig, embed_units
from graphtwin.twin.model import ConvolutionalConfig, DenseLstmConfig

HERE = Path(__file__).parent
SHOWN = MovieConfig(test_clips=0, novel_clips=5, novel_repeats=6)
ANIMALS = SimulateConfig(neurons=1200, animals=4, minutes=20, seed=1, films=SHOWN)
MINUTES = (1.0, 2.0, 5.0, 10.0)
DENSE = DenseLstmConfig()
# What the defaults were before responses were found late and readouts to overfit: wider, without delay and normalisation, hardly decayed.
PROTOTYPE = ConvolutionalConfig(size=7, first=48, hidden=64, blocks=2, features=64, normalised=False)
LOOSE = {"expected_delay_s": 1.0, "readout_weight_decay": 0.02, "position_learning_rate": 0.01, "perspective_learning_rate": 0.003}
POOLED, KEPT = 5.0, 0.5  # core-seconds of a pooled core and of a transfer, in those of a training alone
TURNS = 3  # animals that are left out, one after the other
SHORT, LONGER = 2.0, 5.0  # minutes of training trials of each animal left out: on the core of the others and alone, and alone for longer
ALONE = (("alone", SHORT), ("alone, longer", LONGER))


def all_fits(study: Study, recordings: list[Recording], second: Recording) -> dict[str, Any]:
    """Every twin of the study: the first animal is new, the others make the core that it is transferred to; `second` is its other scan."""
    new, pooled = recordings[:1], recordings[1:]
    core = study.fit("core", pooled, share=POOLED, seed=2)  # of no common start with the twins trained alone
    kept: dict[str, Any] = {"share": KEPT, "onto": core.fitted}
    alone = {minutes: study.fit(f"alone_{minutes:g}", new, minutes=minutes) for minutes in MINUTES}
    transfer = {minutes: study.fit(f"transfer_{minutes:g}", new, minutes=minutes, **kept) for minutes in MINUTES}
    again = study.fit("alone_10_seed1", new, minutes=MINUTES[-1], seed=1)
    halves = [study.fit(f"transfer_half{half}", [part_of(new[0], half)], **kept) for half in (0, 1)]
    scans = {"first scan": transfer[MINUTES[-1]], "second scan": study.fit("transfer_second", [second], minutes=MINUTES[-1], **kept)}
    cores = {"recurrent": alone[MINUTES[-1]]}
    for kind, config in {"feedforward": study.config.twin.core.model_copy(update={"kind": "feedforward"}), "dense_lstm": DENSE}.items():
        cores[kind] = study.fit(f"core_{kind}", new, minutes=MINUTES[-1], core=config)
    wide: dict[str, Any] = {"core": PROTOTYPE, "spread": 0.08, "settings": LOOSE}
    cores["prototype"] = study.fit("core_prototype", new, minutes=MINUTES[-1], **wide)
    families = {"poisson": alone[MINUTES[-1]]}
    families |= {name: study.fit(f"family_{name}", new, minutes=MINUTES[-1], family=name) for name in FAMILIES[1:]}
    made = {"core": core, "alone": alone, "transfer": transfer, "again": again, "halves": halves, "cores": cores, "families": families}
    return made | {"scans": scans, "in_turn": in_turn(study, recordings)}


def in_turn(study: Study, recordings: list[Recording]) -> dict[str, dict[str, Fit]]:
    """Animals on a core of all the others, and alone; those of the first animal are the fits that other comparisons have."""
    turns = {}
    for at, recording in enumerate(recordings[:TURNS]):
        others, end = [other for other in recordings if other is not recording], f"_animal{at}" if at else ""
        core = study.fit(f"core{end}", others, share=POOLED, seed=2)
        turns[recording.name] = {
            "transfer": study.fit(f"transfer_{SHORT:g}{end}", [recording], minutes=SHORT, share=KEPT, onto=core.fitted),
            "alone": study.fit(f"alone_{SHORT:g}{end}", [recording], minutes=SHORT),
            "alone, longer": study.fit(f"alone_{LONGER:g}{end}", [recording], minutes=LONGER),
        }
    return turns


def all_tables(study: Study, recordings: list[Recording], second: Recording, data: Path) -> dict[str, pd.DataFrame]:
    """Every table of the README."""
    made, new = all_fits(study, recordings, second), recordings[0]
    alone, transfer = made["alone"], made["transfer"]
    best = {"trained alone": alone[MINUTES[-1]], "transferred": transfer[MINUTES[-1]]}
    kinds = generalisation(study, best, new)
    ways = pd.concat(
        [compared(study, fits, new, "minutes").assign(way=way) for way, fits in (("alone", alone), ("transfer", transfer))],
        ignore_index=True,
    )
    pairs = {f"transfer {m:g} - alone {m:g}": (transfer[m], alone[m]) for m in MINUTES}
    pairs |= {f"transfer {m:g} - alone {n:g}": (transfer[m], alone[n]) for m, n in ((1.0, 2.0), (2.0, 5.0), (5.0, 10.0))}
    others = {f"{name} - recurrent": (fit, made["cores"]["recurrent"]) for name, fit in made["cores"].items() if name != "recurrent"}
    beside = {f"{name} - poisson": (fit, made["families"]["poisson"]) for name, fit in made["families"].items() if name != "poisson"}
    told = embedded(made, recordings, data)
    return {
        "generalisation": kinds,
        "transfer": ways,
        "transfer_differences": differences(study, pairs, new, "difference"),
        "left_out": left_out(study, made["in_turn"], recordings),
        "cores": compared(study, made["cores"], new, "core"),
        "core_differences": differences(study, others, new, "difference"),
        "families": compared(study, made["families"], new, "family"),
        "family_differences": differences(study, beside, new, "difference", ("binned_bits_per_response", "bits_per_response", "cc_norm")),
        **shared_noise(study, alone[MINUTES[-1]], new),
        **told,
    }


def left_out(study: Study, turns: dict[str, dict[str, Fit]], recordings: list[Recording]) -> pd.DataFrame:
    """What a core of the other animals gives each animal left out: a row an animal, difference and kind."""
    tables = []
    for recording in recordings[: len(turns)]:
        fits = turns[recording.name]
        pairs = {f"transfer {SHORT:g} - alone {minutes:g}": (fits["transfer"], fits[name]) for name, minutes in ALONE}
        tables.append(differences(study, pairs, recording, "difference").assign(animal=recording.name))
    return pd.concat(tables, ignore_index=True)


def embedded(made: dict[str, Any], recordings: list[Recording], data: Path) -> dict[str, pd.DataFrame]:
    """Agreement of embeddings, and what is read from them: what EM and the microscope say of the cells."""
    new = recordings[0]
    of = {name: embed_units(fit.fitted) for name, fit in _embedded_fits(made).items()}
    of["second scan"]["session"] = of["first scan"]["session"]  # the simulation numbers units of both scans alike
    rows = [
        *agreement(of["alone"], of["again"], "two seeds, each its own core"),
        *agreement(of["half 0"], of["half 1"], "two halves of the data, one core kept"),
        *agreement(of["first scan"], of["second scan"], "two scans of the same neurons, one core kept"),
        *agreement(of["alone"], of["transfer"], "trained alone and transferred"),
    ]
    training, _ = clips_of(new)
    units = new.units.assign(cell_type=cell_types_of(data, new.units))
    vectors = {
        "features, trained alone": vectors_of(of["alone"]),
        "features, transferred": vectors_of(of["transfer"]),
        "readout position, transferred": of["transfer"][["rf_x", "rf_y"]].to_numpy(float),
        "raw responses, components": raw_components(training, vectors_of(of["alone"]).shape[1]),
    }
    return {"agreement": pd.DataFrame(rows), "decoded": decoded(vectors, units)}


def _embedded_fits(made: dict[str, Any]) -> dict[str, Fit]:
    last = MINUTES[-1]
    halves = {f"half {at}": fit for at, fit in enumerate(made["halves"])}
    return {"alone": made["alone"][last], "again": made["again"], "transfer": made["transfer"][last], **halves, **made["scans"]}


def drawn_from(tables: dict[str, pd.DataFrame]) -> dict[str, Figure]:
    """Every figure of the README."""
    return {
        "generalisation": draw_generalisation(tables["generalisation"]),
        "transfer": draw_transfer(tables["transfer"]),
        "models": draw_models(tables["cores"], tables["families"]),
        "embeddings": draw_embeddings(tables["agreement"], tables["decoded"]),
        "population": draw_population(tables["population"], tables["noise_correlations"]),
    }


def compare(tables: dict[str, pd.DataFrame], expected: list[dict[str, Any]]) -> list[str]:
    """The expected ranges that are not met, in words."""
    wrong = []
    for entry in expected:
        found = tables[entry["table"]]
        for column, wanted in entry["row"].items():
            found = found[found[column] == wanted]
        name = ", ".join(f"{value}" for value in (entry["table"], *entry["row"].values(), entry["column"]))
        if len(found) != 1:
            wrong.append(f"{name}: {len(found)} rows, one is needed")
        elif not entry["low"] <= found[entry["column"]].item() <= entry["high"]:
            wrong.append(f"{name}: {found[entry['column']].item():.4f} does not lie between {entry['low']} and {entry['high']}")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0, help="core-seconds of a training alone")
    parser.add_argument("--data", type=Path, help="a simulation; made if not given")
    parser.add_argument("--out", type=Path, default=Path("runs/functional_twin"), help="a stopped study goes on there")
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    data = chosen.data or simulated(ANIMALS, chosen.out / "data")
    study = Study(chosen.out, FoundationConfig(), chosen.seconds)
    second = recordings_of(data / SECOND)
    if not second:
        raise SystemExit(f"{data / SECOND}: no second scan of the first animal. Leave --data out, and all recordings are made.")
    tables = all_tables(study, recordings_of(data), second[0], data)
    for name, table in tables.items():
        write_table(table, chosen.out / f"{name}.csv")
    for name, figure in drawn_from(tables).items():
        write_atomic(chosen.out / f"{name}.png", lambda path, figure=figure: figure.savefig(path, dpi=170))
    wrong = compare(tables, json.loads((HERE / "expected.json").read_text(encoding="utf-8")))
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
