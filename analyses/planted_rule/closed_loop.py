"""Movies -> twin -> embeddings -> like-to-like on connections read from disk: is a planted rule found by what a twin learned?

python analyses/planted_rule/closed_loop.py [--animals 4] [--wirings 3] [--workers 1]
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from tqdm import tqdm

from graphtwin import schema
from graphtwin.artifacts import write_atomic, write_table
from graphtwin.execute import rng_for, threads
from graphtwin.insilico import GratingConfig, GratingResponses, describe_gratings, measure_tuning
from graphtwin.insilico.stimuli import DriftingGrating, Screen, render_batch
from graphtwin.kinds import is_finished
from graphtwin.pipeline.pairs import with_function
from graphtwin.report.figures import STYLE, WIDTH
from graphtwin.schema import UNIT_KEY
from graphtwin.sources import open_recording
from graphtwin.sources.loaders import read_neurons, read_pairs
from graphtwin.statistics import NORMAL_95
from graphtwin.synthetic import Animal, AnimalConfig, make_animal
from graphtwin.synthetic.brain import grow_parts, lay_tiles
from graphtwin.synthetic.files import write_dynamic, write_published
from graphtwin.synthetic.function import (
    FRAME_RATE_HZ,
    GREY,
    MovieConfig,
    TuningConfig,
    prepare_scan,
    programme,
    responder,
    stimuli,
    visual_rates,
)
from graphtwin.synthetic.wiring import ReconstructConfig, connect, reconstruct, rule_of
from graphtwin.tuning import feature_similarity, rf_distance, signal_correlation, stacked, tuning_features
from graphtwin.twin.data import clips_of, held_out_clips, in_vivo_responses
from graphtwin.twin.fitting import responders
from graphtwin.twin.runs import embed_twin, fit_twin, load_twin, score_twin
from graphtwin.wiring.conditional import fit_conditional
from graphtwin.wiring.pairs import add_geometry, candidates

HERE = Path(__file__).parent
N_NEURONS, SLOPE = 400, 2.0
MINUTES = 10.0  # minutes of movies to train on; repeats last ten minutes too
FILMS = MovieConfig(oracle_clips=6, oracle_repeats=10, test_clips=0, novel_clips=0)
TRAINING = ["fit.epochs=10", "fit.patience=10", "steps=20"]
WHOLE = ReconstructConfig(extended=0.35, clean=0.0)
KINDS = {"salt and pepper": 0.0, "mapped": 0.8}  # part of the variance of tuning that follows the place of the receptive field
RULES = {
    "salt and pepper": {
        "feature rule of 2": rule_of("feature", slope=SLOPE, base=-6.3),
        "geometry, targeted axons": rule_of("geometry", base=-5.8),
    },
    "mapped": {"rf-confounded": rule_of("rf-confounded", base=-5.8)},
}
TRUE, READOUT, TUNED, GRATINGS, MOVIES = "true tuning", "twin: readout", "twin: tuning", "twin: gratings", "twin: movies"
REPEATS, TRIALS = "in vivo: repeats", "in vivo: single trials"
CLEAN_TUNED, CLEAN_GRATINGS = "noise-free: tuning", "noise-free: gratings"  # what the neurons themselves answer
PLANTED = "feature rule of 2"
SOURCES = (TRUE, CLEAN_TUNED, CLEAN_GRATINGS, READOUT, TUNED, GRATINGS, MOVIES, REPEATS, TRIALS)
TRULY = (TRUE, CLEAN_TUNED, CLEAN_GRATINGS)  # sources that have the true distance of receptive fields
COUNTERPARTS = {TUNED: CLEAN_TUNED, GRATINGS: CLEAN_GRATINGS}
N_AXONS = (5, 10, 20, 40)
DISTANCES = ["likeness", "rf_distance", "distance_um", "depth_difference_um"]
OWN = ("in_vivo_trials", "gratings", "tuning", "clean_gratings", "clean_tuning")  # columns that no other table has
VECTORS = ("readout_cvt", "position_stim_cvt", "in_silico_resp", "in_vivo_mean_resp", *OWN)


def config_of(kind: str) -> AnimalConfig:
    return AnimalConfig(tuning=TuningConfig(place_share=KINDS[kind]))


def seen(kind: str, number: int, folder: Path) -> tuple[pd.DataFrame, pd.Series]:
    """The embeddings table of an animal's twin with the responses that were measured, and the medians of the twin's scores.

    The recording is written in the layout of Sensorium 2023, read back, and removed when its twin is done; a training that was stopped
    goes on.
    """
    table, scores = folder / "embeddings.parquet", folder / "scores.csv"
    if not table.exists() or not scores.exists():
        recording = filmed(kind, number, folder / "recording")
        run = folder / "twin"
        if not is_finished(run):
            fit_twin([recording], run, TRAINING, seed=number, resume=True, threads=1)
        with threads(1):
            medians = score_twin(run, recording).units.drop(columns=UNIT_KEY).median(numeric_only=True)
            write_table(medians.to_frame("median").rename_axis("score").reset_index(), scores)
            known = embed_twin(run, recording)
            answered = answers_to_gratings(run, known, make_animal(config_of(kind), N_NEURONS, number, 0))
            write_table(known.assign(**answered, **measured(run, recording)), table)
        shutil.rmtree(folder / "recording")
    return pd.read_parquet(table), pd.read_csv(scores, index_col="score")["median"]


def answers_to_gratings(run: Path, known: pd.DataFrame, animal: Animal) -> dict[str, list[np.ndarray]]:
    """Direction curves and tuning features of the twin's units, and of the simulated neurons themselves without noise."""
    config = GratingConfig()
    units = known[UNIT_KEY].merge(animal.units[[*UNIT_KEY, "nucleus_id"]], on=UNIT_KEY, validate="one_to_one")
    neurons = responder(units[["nucleus_id"]].merge(animal.tuning.table, on="nucleus_id", validate="many_to_one"))
    onset, counted = round(config.onset_s * FRAME_RATE_HZ), round(config.counted_s * FRAME_RATE_HZ)
    shape = config.directions, len(config.cycles_per_degree), len(config.cycles_per_second)
    mean, modulation = np.empty((2, len(units), *shape))
    screen = Screen(stimuli.HEIGHT, stimuli.WIDTH, frame_rate_hz=FRAME_RATE_HZ, grey=GREY, amplitude=GREY)
    for at in np.ndindex(shape):
        spatial, temporal = config.cycles_per_degree[at[1]], config.cycles_per_second[at[2]] / FRAME_RATE_HZ
        frequencies = {"cycles_per_degree": spatial, "cycles_per_second": temporal * FRAME_RATE_HZ}
        grating = DriftingGrating(direction_deg=at[0] * 360 / shape[0], duration_s=(onset + counted) / FRAME_RATE_HZ, **frequencies)
        rates = visual_rates(neurons, render_batch([grating], screen)[0].numpy())[:, onset:]
        mean[:, *at] = rates.mean(1)
        modulation[:, *at] = 2 * np.abs(rates @ np.exp(-2j * np.pi * temporal * np.arange(counted))) / counted
    found = {}
    for name, tuning in (
        ("", measure_tuning(responders(load_twin(run)), config)),
        ("clean_", describe_gratings(GratingResponses(mean, modulation), config)),
    ):
        found[f"{name}gratings"] = list(tuning.filter(regex=schema.DIRECTION).to_numpy())
        found[f"{name}tuning"] = list(tuning_features(tuning))
    return found


def filmed(kind: str, number: int, folder: Path) -> Path:
    """The recording of an animal that watches movies, on disk."""
    if not list(folder.glob("dynamic*")):
        animal = make_animal(config_of(kind), N_NEURONS, number, 0)
        main = animal.units[animal.units["kind"] == "video"]
        write_dynamic(prepare_scan(main, animal.tuning, programme(FILMS, MINUTES, number, 0), number, 0), folder)
    return next(folder.glob("dynamic*"))


def measured(run: Path, recording: Path) -> dict[str, list[np.ndarray]]:
    """Mean responses to the clips that were repeated, and responses of single trials to the movies that the twin was trained on."""
    fitted, shown = load_twin(run), open_recording(recording)
    trained, validated = clips_of(shown, fitted.config.clips)
    once = replace(trained, rows=np.sort(np.concatenate([trained.rows, validated.rows])))
    repeated = held_out_clips(trained, ("oracle",))
    return {"in_vivo_mean_resp": list(in_vivo_responses(repeated)), "in_vivo_trials": list(in_vivo_responses(once, 1))}


def wired(kind: str, number: int, wiring: int, folder: Path, embedded: pd.DataFrame) -> pd.DataFrame:
    """All answers to the rules planted in one growth of an animal's neurites."""
    animal = make_animal(config_of(kind), N_NEURONS, number, 0)
    tissue = replace(animal.tissue, seed=1000 * (wiring + 1) + number)
    tiles = lay_tiles(tissue, grow_parts(tissue, skeletons=False))
    answers = []
    for name, rule in RULES[kind].items():
        reconstruction = reconstruct(tissue, connect(tissue, rule, tiles=tiles), WHOLE, tiles)
        matched = animal.units.loc[(animal.units["kind"] == "video") & animal.units["coregistered"], ["nucleus_id", *UNIT_KEY]]
        written = folder / f"published-{wiring}-{name}"
        write_published(reconstruction.pairs, animal.anatomy.neurons, reconstruction.proofreading, matched, written)
        pairs, neurons = read_pairs(written / "edge_data_v1.pkl"), read_neurons(written / "node_data_v1.pkl")
        shutil.rmtree(written)
        answers.append(pd.DataFrame(asked(pairs, neurons, embedded, animal, number)).assign(rule=name))
    return pd.concat(answers, ignore_index=True).assign(kind=kind, animal=number, wiring=wiring)


def asked(pairs: pd.DataFrame, neurons: pd.DataFrame, embedded: pd.DataFrame, animal: Animal, number: int) -> Iterator[dict[str, Any]]:
    """The conditional slope of every likeness, alone and given distances, of all axons and of some."""
    known = with_function(neurons, embedded, "embeddings").merge(embedded[[*UNIT_KEY, *OWN]], on=UNIT_KEY)
    pairs = with_likeness(add_geometry(pairs, known), known, animal)
    axons = rng_for(number, "axons of a smaller study").permutation(pairs["pre_nucleus_id"].unique())
    pairs["true"] = pairs[TRUE]
    for source in SOURCES:
        of = pairs.rename(columns={source: "likeness", "rf, true" if source in TRULY else "rf, twin": "rf_distance"})
        agreement = float(of[["likeness", "true"]].corr().iloc[0, 1])
        yield {"source": source, "given": "alone", "n_axons": len(axons), "agreement": agreement, **slope(of, ["likeness"])}
        yield {"source": source, "given": "distances", "n_axons": len(axons), **slope(of, DISTANCES)}
        for n in N_AXONS:
            fewer = of[of["pre_nucleus_id"].isin(axons[:n])]
            yield {"source": source, "given": f"{n} axons", "n_axons": n, **slope(fewer, ["likeness"])}


def with_likeness(pairs: pd.DataFrame, known: pd.DataFrame, animal: Animal) -> pd.DataFrame:
    """The pairs of known neurons with every likeness, and distances of receptive fields: true ones, and where readouts look."""
    ids = pd.Index(known["nucleus_id"])
    a, b = ids.get_indexer(pairs["pre_nucleus_id"]), ids.get_indexer(pairs["post_nucleus_id"])
    rows = np.searchsorted(animal.tissue.nucleus_id, ids)
    vectors = {name: stacked(known[name]) for name in VECTORS}
    found = {
        TRUE: feature_similarity(animal.tuning.features[rows], a, b),
        CLEAN_TUNED: feature_similarity(vectors["clean_tuning"], a, b),
        CLEAN_GRATINGS: signal_correlation(vectors["clean_gratings"], a, b),
        READOUT: feature_similarity(vectors["readout_cvt"], a, b),
        TUNED: feature_similarity(vectors["tuning"], a, b),
        GRATINGS: signal_correlation(vectors["gratings"], a, b),
        MOVIES: signal_correlation(vectors["in_silico_resp"], a, b),
        REPEATS: signal_correlation(vectors["in_vivo_mean_resp"], a, b),
        TRIALS: signal_correlation(vectors["in_vivo_trials"], a, b),
        "rf, true": rf_distance(animal.tissue.rf[rows], a, b),
        "rf, twin": rf_distance(vectors["position_stim_cvt"], a, b),
    }
    return pairs.assign(**found)


def slope(pairs: pd.DataFrame, columns: list[str]) -> dict[str, Any]:
    """Slope of likeness per SD over the candidates, with error and whether a rule is found; where there is no answer none is found."""
    try:
        choices = candidates(pairs, columns)
        row = fit_conditional(choices).to_frame().iloc[0]
    except ValueError:  # separated, or synapses on one axon only
        return {"slope_sd": np.nan, "z": 0.0, "p": 1.0, "found": False, "n_synapses": int(pairs["n_synapses"].sum())}
    of_sd = float(row["estimate"] * choices.scale[0])
    return {"slope_sd": of_sd, "z": row["z"], "p": row["p"], "found": bool(row["p"] <= 0.05), "n_synapses": int(row["n_synapses"])}


def answers_of(kind: str, number: int, n_wirings: int, folder: Path) -> pd.DataFrame:
    """The answers to one animal, from the files of an earlier run where they are there."""
    place = folder / "animals" / f"{kind.replace(' ', '_')}-{number:03d}"
    embedded, scores = seen(kind, number, place)
    told = {
        "cc_norm": scores["cc_norm"],
        "cc_max": scores["cc_max"],
        "field_r2": field_r2(embedded, make_animal(config_of(kind), N_NEURONS, number, 0)),
    }
    found = []
    for wiring in range(n_wirings):
        path = place / f"answers-{wiring}.csv"
        if not path.exists():
            write_table(wired(kind, number, wiring, place, embedded), path)
        found.append(pd.read_csv(path))
    return pd.concat(found, ignore_index=True).assign(**told)


def field_r2(embedded: pd.DataFrame, animal: Animal) -> float:
    """Share of the variance of true receptive field centres that readout positions predict, quadratically, in units left out by fives."""
    units = embedded[[*UNIT_KEY, "rf_x", "rf_y"]].merge(animal.units[[*UNIT_KEY, "nucleus_id"]], on=UNIT_KEY, validate="one_to_one")
    centres = units[["nucleus_id"]].merge(animal.tuning.table, on="nucleus_id", validate="many_to_one")[["rf_x", "rf_y"]].to_numpy()
    model = make_pipeline(PolynomialFeatures(2), LinearRegression())
    found = cross_val_predict(model, units[["rf_x", "rf_y"]].to_numpy(), centres, cv=KFold(5, shuffle=True, random_state=0))
    return float(1 - ((centres - found) ** 2).sum() / ((centres - centres.mean(0)) ** 2).sum())


def summary(answers: pd.DataFrame) -> pd.DataFrame:
    """By rule, given and source: share of wirings with a rule found, mean z, slope of one SD, agreement with the true similarity.

    `field_r2` is of the twin's readout positions, whatever the source.
    `z_of_true` is mean z as a part of the true tuning's, `z_of_clean` of what the same gratings tell of the neurons themselves without
    noise, `z_beyond_repeats` the difference to measured responses to repeated clips; the 95 % intervals are Student's over animals. The
    first two are NaN where no rule of similarity was planted.
    """
    key = ["rule", "given", "source"]
    by = answers.groupby(key, sort=False)
    table = by.agg(found=("found", "mean"), z=("z", "mean"), slope_sd=("slope_sd", "mean"), agreement=("agreement", "mean"))
    told = {"n_synapses": ("n_synapses", "mean"), "field_r2": ("field_r2", "mean")}
    table = table.join(by.agg(**told, n=("z", "size"), n_animals=("animal", "nunique")))
    of_animals = answers.groupby([*key, "animal"], sort=False)["z"].mean().unstack("source")
    of_planted = of_animals.loc[[PLANTED]]
    clean = pd.concat({source: of_planted[of] for source, of in COUNTERPARTS.items()}, axis=1).groupby(["rule", "given"]).transform("mean")
    for name, value in (
        ("z_of_clean", of_planted[list(COUNTERPARTS)].div(clean)),
        ("z_of_true", of_planted.div(of_planted[TRUE].groupby(["rule", "given"]).transform("mean"), axis=0)),
        ("z_beyond_repeats", of_animals.sub(of_animals[REPEATS], axis=0)),
    ):
        parts = value.stack().groupby(["rule", "given", "source"], sort=False)
        mean, error = parts.mean(), parts.std() / np.sqrt(parts.size())
        reach = stats.t.ppf(0.975, parts.size() - 1) * error
        table = table.join(pd.DataFrame({name: mean, f"{name}_low": mean - reach, f"{name}_high": mean + reach}))
    return table.reset_index()


def compare_with(table: pd.DataFrame, expected: list[dict[str, Any]]) -> list[str]:
    """The expected ranges that are not met, in words."""
    wrong, of = [], table.set_index(["rule", "given", "source"])
    for entry in expected:
        name = (entry["rule"], entry["given"], entry["source"])
        value = of[entry["value"]].get(name, np.nan)
        if not entry["low"] <= value <= entry["high"]:
            wrong.append(f"{', '.join(name)}, {entry['value']}: {value:.3f} does not lie between {entry['low']} and {entry['high']}")
    return wrong


def figure_of(answers: pd.DataFrame, table: pd.DataFrame) -> Figure:
    """How clearly each likeness shows the planted rule, animal by animal; power; and what is found where no such rule was planted."""
    figure = Figure(figsize=(WIDTH * 1.4, 3.2), layout="constrained")
    panels = figure.subplots(1, 3, width_ratios=[1.1, 1, 1.2])
    rows = answers[(answers["rule"] == PLANTED) & (answers["given"] == "alone")]
    of_animals = rows.groupby(["source", "animal"])["z"].mean().unstack("animal").loc[list(SOURCES)]
    places = np.arange(len(SOURCES))
    panels[0].plot(of_animals.to_numpy(), places, color="0.75", linewidth=0.8)
    panels[0].plot(of_animals.mean(1).to_numpy(), places, color="C0", marker="o", markersize=4)
    panels[0].axvline(NORMAL_95, color="0.6", linewidth=0.8, linestyle=":")
    panels[0].set_yticks(places, SOURCES, fontsize=7)
    panels[0].invert_yaxis()
    panels[0].set(xlabel="z of the slope of likeness", title="A planted feature rule")
    of = table[table["rule"] == PLANTED].set_index(["source", "given"])["found"]
    for source in SOURCES:
        panels[1].plot(N_AXONS, [of[(source, f"{n} axons")] for n in N_AXONS], marker="o", markersize=3, label=source)
    panels[1].set(xscale="log", xlabel="whole axons", ylabel="share of wirings with the rule found", ylim=(-0.03, 1.03), title="Power")
    panels[1].set_xticks(N_AXONS, [str(n) for n in N_AXONS])
    panels[1].minorticks_off()
    panels[1].legend(fontsize=6, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    none = [(rule, given) for rule in ("geometry, targeted axons", "rf-confounded") for given in ("alone", "distances")]
    of_none = table.set_index(["source", "rule", "given"])["found"]
    for place, source in enumerate(SOURCES):
        at, width = place - (len(SOURCES) - 1) / 2, 0.8 / len(SOURCES)
        panels[2].bar(np.arange(len(none)) + width * at, [of_none[(source, *which)] for which in none], width, color=f"C{place}")
    panels[2].axhline(0.05, color="0.6", linewidth=0.8, linestyle=":")
    panels[2].set_xticks(range(len(none)), [f"{rule.split(',')[0]},\n{given}" for rule, given in none], fontsize=6)
    panels[2].set(ylabel="share of wirings with a rule found", ylim=(0, 1.03), title="No like-to-like planted")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--animals", type=int, default=4, help="of each kind of tuning")
    parser.add_argument("--wirings", type=int, default=3, help="growths of the neurites of each animal")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/closed_loop"), help="a stopped study goes on there")
    chosen = parser.parse_args()
    jobs = [(kind, number) for number in range(chosen.animals) for kind in KINDS]
    pool = joblib.Parallel(n_jobs=chosen.workers, return_as="generator")
    done = pool(joblib.delayed(answers_of)(*job, chosen.wirings, chosen.out) for job in jobs)
    answers = pd.concat(tqdm(done, total=len(jobs), desc="animals", unit="animal"), ignore_index=True)
    table = summary(answers)
    write_table(answers, chosen.out / "answers.csv")
    write_table(table, chosen.out / "closed_loop.csv")
    print(table.round(3).to_string())
    print(answers.groupby("kind")[["cc_norm", "cc_max", "field_r2", "n_axons"]].agg(["mean", "min", "max"]).round(3).to_string())
    with matplotlib.rc_context(STYLE):
        figure = figure_of(answers, table)
        write_atomic(chosen.out / "closed_loop.png", lambda path: figure.savefig(path, dpi=170))
    wrong = compare_with(table, json.loads((HERE / "closed_loop_expected.json").read_text(encoding="utf-8")))
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
