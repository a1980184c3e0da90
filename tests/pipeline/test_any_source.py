"""Claims: a source runs on what it has, function or wiring, under the names that it gives, and says what it lacks."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import graphtwin
from graphtwin.cli.app import app
from graphtwin.graph.runs.rivals import tuning_similarity
from graphtwin.graph.runs.study import read_study
from graphtwin.report.pages.run_page import write_run
from tests.pipeline.planted_source import SMALL, few_trees

pytestmark = pytest.mark.slow

N = 60
SETTINGS = [*SMALL, "min_members=10", "neurons.landmarks=30", "neurons.fit.epochs=6"]
NAMES = np.array([f"N{number:02d}" for number in range(N)])
TYPES = np.where(np.arange(N) % 2, "ON", "OFF")


@dataclass(frozen=True)
class Run:
    """A run, its page without settings, and the folder of its tables."""

    folder: Path
    page: str

    def json(self, name: str):
        return json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))


def write(folder: Path, axes: list[str], **frames: pd.DataFrame) -> Path:
    """Tables by role, and the TOML that names them."""
    folder.mkdir(parents=True)
    entries = []
    for role, frame in frames.items():
        frame.to_csv(folder / f"{role}.csv", index=False)
        entries.append(f'[[tables]]\nrole = "{role}"\nfile = "{role}.csv"\nmaterialization = 1\n')
    toml = folder / "tables.toml"
    toml.write_text(f'name = "named"\n[frame]\naxes = {axes}\n{"".join(entries)}', encoding="utf-8")
    return toml


def placed(rng: np.random.Generator, axes: list[str], extent_um: list[float]) -> pd.DataFrame:
    places = rng.uniform(0, 1, (N, 3)) * extent_um
    return pd.DataFrame({"name": NAMES, "cell_type": TYPES, **{f"{axis}_um": place for axis, place in zip(axes, places.T, strict=True)}})


def retina(folder: Path) -> Path:
    """Neurons in a plane whose responses, of either sign, tell their type; no wiring."""
    rng, axes = np.random.default_rng(0), ["nasotemporal", "dorsoventral", "radial"]
    function = responses(rng, TYPES).assign(name=NAMES)
    return write(folder, axes, cell_types_fine=placed(rng, axes, [300, 200, 0]), function=function)


def responses(rng: np.random.Generator, types: np.ndarray) -> pd.DataFrame:
    """Responses of either sign to six frames of a chirp, with which types go opposite ways."""
    shape = np.where(types == "ON", 1.5, -1.5)[:, None] * [1, 1, 1, -1, -1, -1]
    return pd.DataFrame(rng.normal(0, 1, (len(types), 6)) + shape, columns=[f"chirp_{frame}" for frame in range(6)])


def worm(folder: Path, **function: pd.DataFrame) -> Path:
    """Neurons along a line whose partners lie near and are of their type, with an autapse and weights that are no whole numbers."""
    rng, axes = np.random.default_rng(1), ["left-right", "dorsoventral", "anteroposterior"]
    cells = placed(rng, axes, [0, 0, 600])
    along = cells["anteroposterior_um"].to_numpy()
    near = np.exp(-np.abs(along[:, None] - along) / 60) * np.where(TYPES[:, None] == TYPES, 0.8, 0.2)
    pre, post = np.nonzero((rng.random((N, N)) < near) & ~np.eye(N, dtype=bool))
    pre, post = np.r_[pre, 0], np.r_[post, 0]
    synapses = pd.DataFrame({"pre_name": NAMES[pre], "post_name": NAMES[post], "size": rng.gamma(2.0, size=len(pre)) + 0.1})
    frames = {"cell_types_fine": cells, "synapses": synapses, "queried_post": pd.DataFrame({"name": NAMES})}
    return write(folder, axes, **frames, **function)


def finished(base: Path, toml: Path) -> Run:
    with few_trees():
        folder = graphtwin.run(SETTINGS, source=str(toml), out=base / "out")
    html = write_run(folder).read_text(encoding="utf-8")
    said = re.sub(r"<pre>.*?</pre>", "", html, flags=re.DOTALL)
    return Run(folder, re.sub(r"base64,[A-Za-z0-9+/=\s]+", "", said))  # letters of an image spell words by chance


@pytest.fixture(scope="module")
def unwired(tmp_path_factory) -> Run:
    base = tmp_path_factory.mktemp("retina")
    return finished(base, retina(base / "tables"))


@pytest.fixture(scope="module")
def wired(tmp_path_factory) -> Run:
    base = tmp_path_factory.mktemp("worm")
    return finished(base, worm(base / "tables"))


def balanced_accuracy(run: Run) -> pd.Series:
    metrics = pd.read_parquet(run.folder / "metrics.parquet").query("task == 'cell_type' and split == 'neuron'")
    return metrics[metrics["metric"] == "balanced_accuracy"].set_index("model")["estimate"]


def test_types_are_told_from_function_where_nothing_is_wired(unwired):
    scored = balanced_accuracy(unwired)
    baselines = {"majority", "logistic, function", "boosting, function"}
    assert {"graph model, function", "network alone, function", *baselines} == set(scored.index)
    assert scored["graph model, function"] > 0.75 > scored["majority"] == 0.5
    metrics = pd.read_parquet(unwired.folder / "metrics.parquet")
    assert set(metrics["task"]) == {"cell_type", "nasotemporal", "dorsoventral"}  # all lie at one place along the third
    assert set(metrics["split"]) == {"neuron", "block"}
    assert not metrics["metric"].str.contains("within_scan").any()


def test_what_is_not_there_is_said_everywhere_and_nothing_else_is_spoken_of(unwired):
    said = "the source has no wiring (tables of roles synapses and queried_post give it)"
    assert unwired.json("metrics")["connectivity"]["skipped"] == said
    assert any(said in verdict["sentence"] for verdict in unwired.json("verdicts") if verdict["task"] == "connectivity")
    funnel = pd.read_parquet(unwired.folder / "tables" / "funnel.parquet").set_index("step")
    assert funnel.loc["observed", "reason"] == said
    for word in ("depth", "like-to-like", "axons preferred", "electron microscopy", "synapse size", "pia"):
        assert word not in unwired.page.lower()
    assert "What function says of neurons" in unwired.page
    assert "Position along nasotemporal: predicted against true" in unwired.page
    assert unwired.json("metrics")["radial"]["skipped"] == "all functional neurons of known position lie at one place along it"


def test_a_run_says_what_its_source_has_and_how_much_of_it_was_looked_at(unwired, wired, tmp_path):
    has = {run: run.json("provenance")["source_has"] for run in (unwired, wired)}
    assert has[unwired] == "function, positions, types, no wiring"
    assert has[wired] == "positions, types, sampled wiring (some cells were looked at, or one side)"
    for run, said in has.items():
        assert said in run.page
    toml = str(unwired.folder.parent / "tables" / "tables.toml")
    with pytest.raises(ValueError, match=r"has function, positions, types, no wiring. Name the tables of another animal that was wired"):
        graphtwin.run(SETTINGS, source=str(worm(tmp_path / "tables")), ceiling=toml, out=tmp_path / "out")


def test_neurons_are_predicted_by_name_along_the_axes_of_the_source_and_pairs_are_refused_in_words(unwired, tmp_path):
    pd.DataFrame({"name": ["N03", " N04", "N99"]}).to_csv(tmp_path / "asked.csv", index=False)
    pd.DataFrame({"pre_name": ["N03"], "post_name": ["N04"]}).to_csv(tmp_path / "pairs.csv", index=False)
    asked = ["predict", str(unwired.folder), "--neurons", str(tmp_path / "asked.csv"), "--out", str(tmp_path / "answer.csv")]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    answer = pd.read_csv(tmp_path / "answer.csv")
    assert answer["cell_type"].isna().tolist() == [False, False, True]
    assert answer["nasotemporal_um"].between(0, 300).tolist() == [True, True, False]
    assert not any("depth" in name or "radial" in name for name in answer)
    refused = CliRunner().invoke(app, [*asked[:2], "--pairs", str(tmp_path / "pairs.csv"), "--out", str(tmp_path / "pairs_answer.csv")])
    assert refused.exit_code == 2
    assert "its source has no wiring" in refused.output


def test_all_observed_axons_are_scored_and_types_told_from_partners_where_there_is_no_function(wired):
    study = read_study(wired.folder)
    assert study.scored_axons.all()
    metrics = pd.read_parquet(wired.folder / "metrics.parquet")
    auc = metrics.query("task == 'connectivity' and split == 'axon' and subset == 'all' and metric == 'auc'").set_index("model")
    stacked = {"graph model", "message passing alone", "graph model without message passing", "boosting + messages"}
    assert set(auc.index) == {"majority", "distance", "logistic", "boosting"} | stacked
    assert auc["n_clusters"].eq(len(study.pairs.pre)).all()
    assert auc.loc["distance", "estimate"] > 0.7  # near cells connect more often
    scored = balanced_accuracy(wired)
    assert scored["logistic, partners"] > 0.75
    assert {"majority", "boosting, partners", "graph model, synapses"} < set(scored.index)
    assert "anteroposterior" in set(metrics["task"])
    assert not {"left-right", "dorsoventral", "depth"} & set(metrics["task"])


def test_a_page_of_wiring_alone_speaks_of_no_function(wired):
    assert "What wiring says of neurons and connections" in wired.page
    assert "the source has no function" in wired.page
    assert wired.json("metrics")["function"]["skipped"].startswith("the source has no function")
    assert [verdict["about"] for verdict in wired.json("verdicts") if verdict["about"] == "function"] == []
    told = re.sub(r"<[^>]*>", " ", wired.page.split('id="provenance"')[0]).lower()  # the list of files after it names tables
    for word in ("depth", "functional embedding", "scan", "within layer", "units"):
        assert word not in told
    answer = graphtwin.graph.load(wired.folder).predict(pd.DataFrame({"name": ["N03", "N99"]}))
    assert "synapses" in answer["evidence"].iloc[0]
    assert answer["note"].iloc[1].startswith("neuron unknown to the run")
    pairs = graphtwin.graph.load(wired.folder).predict(pd.DataFrame({"pre_name": ["N03", "N99"], "post_name": ["N04", "N04"]}))
    assert pairs["probability"].notna().tolist() == [True, False]


def test_autapses_are_counted_and_sizes_need_not_be_whole(wired):
    funnel = pd.read_parquet(wired.folder / "tables" / "funnel.parquet").set_index("step")
    assert funnel.loc["not onto itself", "n_dropped"] == 1
    assert (read_study(wired.folder).cortex.synapses["size"] % 1 != 0).any()


def test_function_of_one_animal_and_wiring_of_another_meet_by_name_and_the_rest_is_counted(tmp_path, monkeypatch):
    from graphtwin.pipeline.graph import main_job

    rng = np.random.default_rng(2)
    function = responses(rng, TYPES[:30]).assign(name=[*NAMES[:25], *(f"other {k}" for k in range(5))])
    seen = []
    monkeypatch.setattr(main_job, "run_jobs", lambda jobs, folder, *rest: seen.append(read_study(folder)) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        graphtwin.run([*SETTINGS, "axon_folds=2"], source=str(worm(tmp_path / "tables", function=function)), out=tmp_path / "out")
    (study,) = seen
    assert study.inputs.has_function.sum() == 30
    assert study.scored_axons.sum() <= 25
    step = study.cortex.funnel.set_index("step").loc["in the wiring"]
    assert (step["n_before"], step["n_after"]) == (30, 25)
    assert study.cortex.neurons.set_index("name").loc["N03", "nucleus_id"] == study.cortex.neurons["name"].tolist().index("N03") + 1


def test_brought_embeddings_without_responses_ask_nothing_of_responses(tmp_path, monkeypatch):
    from graphtwin.pipeline.graph import main_job

    rng, seen = np.random.default_rng(3), []
    pd.DataFrame(rng.normal(size=(N, 2)), columns=["embedding_0", "embedding_1"]).assign(nucleus_id=np.arange(1, N + 1)).to_csv(
        tmp_path / "embeddings.csv", index=False
    )
    similar = {}

    def stop(jobs, folder, *rest):
        seen.extend(job.key for job in jobs)
        study = read_study(folder)
        known = np.flatnonzero(study.inputs.has_function)
        pre, post = known[:-1], known[1:]
        similar.update(tuning_similarity(study, pre, post), of=study.inputs.function.astype(np.float64), pre=pre, post=post)
        raise ZeroDivisionError

    monkeypatch.setattr(main_job, "run_jobs", stop)
    asked = {"source": str(worm(tmp_path / "tables")), "embeddings_file": tmp_path / "embeddings.csv", "out": tmp_path / "out"}
    with pytest.raises(ZeroDivisionError):
        graphtwin.run([*SETTINGS, "axon_folds=2"], **asked)
    assert {key.variant for key in seen} >= {"function", "no function"}
    assert not {main_job.MATCHED, main_job.CONDITIONAL} & set(seen)
    one, other = similar["of"][similar["pre"]], similar["of"][similar["post"]]  # baselines with tuning get the similarity of embeddings
    cosine = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    np.testing.assert_allclose(similar["feature_similarity"], cosine, atol=1e-9)


def test_neurons_of_one_type_leave_nothing_to_tell_apart_and_the_command_says_so(tmp_path):
    toml = retina(tmp_path / "tables")
    file = toml.parent / "cell_types_fine.csv"
    pd.read_csv(file)[["name", "cell_type"]].assign(cell_type="ON").to_csv(file, index=False)
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    done = CliRunner().invoke(app, ["run", "--source", str(toml), "--out", str(tmp_path / "out"), *settings])
    assert done.exit_code == 2
    said = " ".join(done.output.split())
    assert "nothing can be scored" in said
    assert "cell type: fewer than two classes have 10 functional neurons (ON 60): nothing can be told apart" in said
    assert "position: 0 functional neurons have a known position" in said
    assert not (tmp_path / "out").exists()


def test_twenty_neurons_leave_nothing_to_score_and_it_is_said(tmp_path):
    toml = retina(tmp_path / "tables")
    for name in ("cell_types_fine", "function"):
        file = toml.parent / f"{name}.csv"
        frame = pd.read_csv(file)
        frame.head(20).to_csv(file, index=False)
    with pytest.raises(
        ValueError, match=r"nothing can be scored.*20 are needed.*Bring function and a label.*More axon_folds or neuron_folds hold"
    ):
        graphtwin.run(SETTINGS, source=str(toml), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
