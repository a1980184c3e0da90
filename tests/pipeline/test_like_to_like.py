"""The like-to-like command end to end: planted rules reach the tables and the page, and bad questions are answered in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from typer.testing import CliRunner

from graphtwin.cli.app import app
from graphtwin.pipeline.pairs.like_to_like import LikeToLikeConfig, _conclude, run_like_to_like
from graphtwin.report.pages.like_to_like_page import write_like_to_like
from graphtwin.report.words import in_words
from graphtwin.wiring.pairs.planted import Planted, plant
from graphtwin.wiring.questions import Answer, agreed
from tests.report.form import require_form
from tests.report.reading import unlinked

pytestmark = pytest.mark.slow


SLOPES = [
    "group",
    "similarity",
    "outcome",
    "estimate",
    "se",
    "z",
    "df",
    "p",
    "p_adj",
    "q",
    "low",
    "high",
    "sd",
    "rate_ratio",
    "rate_ratio_low",
    "rate_ratio_high",
    "n_pairs",
    "n_axons",
    "family",
]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A planted rule of 1.5 a unit of signal correlation in two areas, as files."""
    folder = tmp_path_factory.mktemp("pairs")
    world = plant(Planted(n_axons=40, n_targets=300, n_synapses=2400, slope=1.5, popularity=0.2, projections=True), seed=1)
    rng = np.random.default_rng(0)
    size = np.where(world.pairs["n_synapses"] > 0, np.exp(6 + rng.normal(0, 0.5, len(world.pairs))), np.nan)
    pairs = world.pairs.drop(columns="post_layer").assign(mean_synapse_size=size, unrelated=rng.normal(size=len(world.pairs)))
    pairs.to_parquet(folder / "pairs.parquet")
    neurons = pd.DataFrame({"nucleus_id": world.nucleus_id, "in_silico_resp": list(world.function), "cc_max_cvt": 0.6, "cc_abs_cvt": 0.4})
    neurons.to_parquet(folder / "neurons.parquet")
    return folder / "pairs.parquet", folder / "neurons.parquet"


def of_axons(pairs: pd.DataFrame, number: int) -> pd.DataFrame:
    """The pairs of the first axons."""
    return pairs[pairs["pre_nucleus_id"].isin(pairs["pre_nucleus_id"].unique()[:number])]


@pytest.fixture(scope="module")
def answered(tables: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("answer") / "run"
    names = ("signal_correlation", "unrelated")
    write_like_to_like(run_like_to_like(LikeToLikeConfig(pairs=tables[0], neurons=tables[1], similarity=names, nulls=39), out))
    return out


def test_the_monitor_of_the_receptive_fields_can_be_stated_and_is_told(tables: tuple[Path, Path], tmp_path: Path):
    neurons = pd.read_parquet(tables[1])
    place = [np.array([x, 0.0]) for x in np.where(np.arange(len(neurons)) % 2, 0.1, -0.1)]
    neurons.assign(position_stim_cvt=place).to_parquet(tmp_path / "neurons.parquet")
    of_axons(pd.read_parquet(tables[0]), 10).to_parquet(tmp_path / "pairs.parquet")
    asked = ["like-to-like", tmp_path / "pairs.parquet", "--neurons", tmp_path / "neurons.parquet", "--similarity", "rf_distance"]
    asked += ["--inclusion", "none", "--by", "none", "--nulls", 0]
    nothing = "that of minnie65, for nothing states another"
    for words, degrees, told in (
        (["--monitor", 60, 34, 25], 2 * np.degrees(np.arctan(3 / 25)), "60 x 34 cm at 25 cm (as given)"),
        ([], 2 * np.degrees(np.arctan(2.76 / 15)), f"55.2 x 31 cm at 15 cm ({nothing})"),
    ):
        out = tmp_path / f"run{len(words)}"
        done = CliRunner().invoke(app, [str(word) for word in (*asked, "--out", out, *words)])
        assert done.exit_code == 0, done.output
        assert f"degrees on a monitor of {told}" in (out / "report.html").read_text(encoding="utf-8")
        assert pd.read_csv(out / "curves.csv")["bin_high"].max() == pytest.approx(degrees)


def test_the_planted_slope_and_no_other_is_in_the_slopes(answered: Path):
    slopes = pd.read_csv(answered / "slopes.csv")
    assert list(slopes.columns) == SLOPES
    planted = slopes[slopes["similarity"] == "signal_correlation"]
    assert len(planted) == 4
    assert (np.abs(planted["estimate"] - 1.5) < 3.5 * planted["se"]).all()
    assert (planted["p_adj"] < 1e-3).all()
    assert (slopes.loc[slopes["similarity"] == "unrelated", "p_adj"] > 0.01).all()


def test_every_null_finds_the_planted_rule_and_not_the_unrelated_column(answered: Path):
    nulls = pd.read_csv(answered / "nulls.csv")
    everywhere = {"within axons", "within axons and strata", "rewired"}
    assert set(nulls.loc[nulls["similarity"] == "unrelated", "null"]) == everywhere
    assert set(nulls.loc[nulls["similarity"] == "signal_correlation", "null"]) == everywhere | {"neurons"}
    assert (nulls.loc[nulls["similarity"] == "signal_correlation", "p"] <= 0.05).all()  # 39 replicates: 0.025 is the smallest
    assert nulls.loc[nulls["similarity"] == "unrelated", "p"].median() > 0.1


def test_the_joint_table_keeps_the_p_that_its_sentence_is_made_of():
    numbers = dict.fromkeys(("estimate", "low", "high", "rate_ratio", "rate_ratio_low", "rate_ratio_high"), 1.0)
    slopes = pd.DataFrame(
        {"similarity": ["a", "b"], "group": "all", **numbers, "p": [0.002, 0.4], "p_spatial": [0.03, 0.5], "geometry": "distance"}
    )
    answer = Answer(tables={"robust": [slopes], "joint": [agreed(slopes.assign(scale="synaptic"))]})
    _conclude(answer, LikeToLikeConfig(pairs=Path("pairs.csv"), similarity=("a", "b")))
    assert answer.frames()["joint"]["p_adj"].tolist() == pytest.approx([0.06, 0.5])
    assert [entry["p_adj"] for entry in answer.claims] == pytest.approx([0.06, 0.5])


def test_p_adj_is_holms_and_q_benjamini_hochbergs_in_every_table(answered: Path):
    families = {"slopes": [], "conditional": [], "bootstrap": ["resampled"], "nulls": ["null"], "robust": []}
    families |= {"contrasts": ["similarity"], "mundlak": ["similarity"], "common_input": [], "motifs": []}
    tables = {path.stem: pd.read_csv(path) for path in answered.glob("*.csv")}
    named = {name for name, table in tables.items() if {"p_adj", "q"} & set(table.columns)}
    assert named == {*families, "joint"}  # its families are those of a scale, tested below
    for name, by in families.items():
        for _, family in tables[name].groupby(by) if by else [((), tables[name])]:
            p = family[["p", "p_spatial"]].max(axis=1) if name == "robust" else family["p"]
            tested = p.notna().to_numpy()
            assert family.loc[~tested, "q"].isna().all()
            p = p.to_numpy()[tested]
            np.testing.assert_allclose(family.loc[tested, "q"], stats.false_discovery_control(p), err_msg=name)
            if "p_adj" in family:
                order = np.argsort(p, kind="stable")
                steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
                np.testing.assert_allclose(family.loc[tested, "p_adj"].to_numpy()[order], steps, err_msg=name)
    assert all("p_adj" not in tables[name] for name in ("contrasts", "mundlak", "common_input", "motifs"))


def test_every_table_of_slopes_has_df_interval_and_the_effect_of_the_same_sd(answered: Path, tables: tuple[Path, Path]):
    pairs = pd.read_parquet(tables[0]).query("l_d_um > 0")
    sd = {name: np.std(pairs[name]) for name in ("signal_correlation", "unrelated")}
    assert pairs.groupby("proj_hva")["unrelated"].std(ddof=0).nunique() == 4  # a group's own would be another
    for name in ("robust", "sensitivity", "slopes", "contrasts", "conditional", "bootstrap", "nulls", "joint"):
        table = pd.read_csv(answered / f"{name}.csv").rename(columns={"predictor": "similarity"})
        table = table[table["estimate"].notna() & (table.get("scale", "synaptic") == "synaptic") & table["similarity"].isin(sd)]
        np.testing.assert_allclose(table["sd"], table["similarity"].map(sd), err_msg=name)
        for ratio, slope in (("rate_ratio", "estimate"), ("rate_ratio_low", "low"), ("rate_ratio_high", "high")):
            np.testing.assert_allclose(table[ratio], np.exp(table[slope] * table["sd"]), err_msg=name)
        assert (table["low"] < table["estimate"]).all(), name
        assert (table["df"] > 0).all(), name
    assert np.isinf(pd.read_csv(answered / "slopes.csv")["df"]).all()


def test_a_null_shows_the_interval_of_the_slope_that_it_tests(answered: Path):
    nulls, conditional = (pd.read_csv(answered / f"{name}.csv") for name in ("nulls", "conditional"))
    both = nulls.merge(conditional, on=["similarity", "group"], suffixes=("", "_conditional"))
    assert len(both) == len(nulls)
    for column in ("estimate", "low", "high", "df", "rate_ratio_high"):
        np.testing.assert_allclose(both[column], both[f"{column}_conditional"], rtol=1e-6)


def test_held_out_axons_are_predicted_by_the_rule_and_not_by_the_unrelated_column(answered: Path):
    gain = pd.read_csv(answered / "held_out.csv").set_index("rule")
    assert gain.loc["L_d, signal_correlation", "low"] > 0
    assert gain.loc["L_d, unrelated", "low"] < 0


def test_common_input_has_its_three_effects(answered: Path):
    found = pd.read_csv(answered / "common_input.csv")
    assert set(found["effect"]) == {"total", "axonal", "synaptic"}
    assert found["expected"].notna().all()


def test_the_page_states_the_rule_and_stands_alone(answered: Path):
    page = (answered / "report.html").read_text(encoding="utf-8")
    require_form(page)
    said = json.loads((answered / "notes.json").read_text(encoding="utf-8"))["rule"]
    assert "one SD of signal_correlation multiplies synapses a length of co-travel by" in said
    assert "one SD of signal correlation multiplies" in unlinked(page)
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert page.count("<svg role") >= 8


def test_the_mixed_model_is_checked_and_right_counts_pass(answered: Path):
    checks = pd.read_csv(answered / "residuals.csv")
    assert list(checks["check"]) == 2 * ["uniformity", "dispersion", "zeros"]
    assert checks.loc[checks["check"] != "uniformity", "ratio"].between(0.9, 1.1).all()
    notes = json.loads((answered / "notes.json").read_text(encoding="utf-8"))["notes"]
    assert not any("errors are too small" in note for note in notes)


def test_synapses_that_cluster_are_found_out(tmp_path: Path):
    world = plant(Planted(n_axons=40, n_targets=200, n_synapses=1500, dispersion=3.0), seed=4)
    code, output, folder = asked(world.pairs.drop(columns=["population", "post_layer"]), tmp_path)
    assert code == 0, output
    assert "times as much as the poisson mixed model says (p = 0.01), so that its errors are too small" in output.replace("\n", " ")
    both = [pd.read_csv(folder / f"{name}.csv").loc[0, "se"] for name in ("slopes", "conditional")]
    assert both[1] > 1.1 * both[0]


def test_the_models_can_be_read_again(answered: Path):
    models = json.loads((answered / "models.json").read_text(encoding="utf-8"))
    assert set(models) == {"signal_correlation", "unrelated"}
    assert models["unrelated"]["family"] == "poisson"


@pytest.mark.parametrize("outcome", ["co_travel", "size"])
def test_the_other_outcomes_find_no_rule_where_none_is(tables: tuple[Path, Path], tmp_path: Path, outcome: str):
    arguments = [
        "like-to-like",
        str(tables[0]),
        "--similarity",
        "unrelated",
        "--outcome",
        outcome,
        "--by",
        "none",
        "--out",
        str(tmp_path / "run"),
    ]
    found = CliRunner().invoke(app, [*arguments, "--nulls", "0"])
    assert found.exit_code == 0, found.output
    slopes = pd.read_csv(tmp_path / "run" / "slopes.csv")
    assert list(slopes["group"]) == ["all"]
    assert abs(slopes.loc[0, "z"]) < 3.3
    family = json.loads((tmp_path / "run" / "models.json").read_text(encoding="utf-8"))["unrelated"]["family"]
    assert family == {"co_travel": "tweedie", "size": "gamma"}[outcome]
    assert list(slopes["family"]) == [family]
    assert f"by the {family} mixed model" in unlinked((tmp_path / "run" / "report.html").read_text(encoding="utf-8"))
    conditional = pd.read_csv(tmp_path / "run" / "conditional.csv")
    assert abs(conditional.loc[0, "estimate"] - slopes.loc[0, "estimate"]) < 1.5 * slopes.loc[0, "se"]
    assert "reliability was not checked" in found.output


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--similarity", "no_such"], "no column no_such, and no neuron table"),
        (["--similarity", "unrelated", "--by", "layer"], "by"),
        (["--similarity", "unrelated", "--outcome", "strength"], "outcome"),
        (["--similarity", "n_synapses"], "pairs.parquet: n_synapses is what is to be explained, and no similarity of two neurons"),
        (["--similarity", "pre_nucleus_id"], "pairs.parquet: pre_nucleus_id is the name of a cell, and no similarity of two neurons"),
        (["--similarity", "my similarity (r)"], "'my similarity (r)' can't stand in the formula of a model. Rename the column"),
        (["--similarity", "proj_hva"], "pairs.parquet, column proj_hva: 12000 of 12000 values are no numbers, first '"),
    ],
)
def test_questions_that_cannot_be_answered_say_why(tables: tuple[Path, Path], tmp_path: Path, more: list[str], words: str):
    found = CliRunner().invoke(app, ["like-to-like", str(tables[0]), "--out", str(tmp_path / "run"), *more])
    assert found.exit_code == 2
    assert words in found.output
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("similarity", ["feature_similarity", "readout_similarity_cvt"])
def test_a_column_that_a_similarity_lacks_is_asked_of_the_file(tables: tuple[Path, Path], tmp_path: Path, similarity: str):
    asked = ["--neurons", tables[1], "--similarity", similarity, "--inclusion", "none", "--out", tmp_path / "run"]
    found = CliRunner().invoke(app, ["like-to-like", str(tables[0]), *map(str, asked)])
    assert found.exit_code == 2
    assert f"graphtwin: {tables[1]}: 1 columns are missing: 'readout_cvt'" in found.output
    assert not (tmp_path / "run").exists()


def test_a_folder_that_holds_something_is_left_alone(tables: tuple[Path, Path], tmp_path: Path):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    found = CliRunner().invoke(app, ["like-to-like", str(tables[0]), "--similarity", "unrelated", "--out", str(tmp_path)])
    assert found.exit_code == 2
    assert "exists, holds 1 file and is no like-to-like analysis. Name another --out." in found.output


def asked(pairs: pd.DataFrame, folder: Path, *more: str, similarity: str = "signal_correlation") -> tuple[int, str, Path]:
    """Exit code and words of the command on a table, and its folder."""
    pairs.to_parquet(folder / "given.parquet")
    arguments = ["like-to-like", str(folder / "given.parquet"), "--similarity", similarity, "--inclusion", "none", "--nulls", "0"]
    found = CliRunner().invoke(app, [*arguments, "--out", str(folder / "run"), *more])
    return found.exit_code, found.output, folder / "run"


@pytest.fixture(scope="module")
def planted(tables: tuple[Path, Path]) -> pd.DataFrame:
    return pd.read_parquet(tables[0]).drop(columns="population")


def without_l_d(pairs: pd.DataFrame) -> pd.DataFrame:
    first = pairs.index[pairs["n_synapses"] > 0][:3]
    return pairs.assign(l_d_um=pairs["l_d_um"].where(~pairs.index.isin(first), 0.0))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (without_l_d, "connected pairs have l_d_um = 0, where no synapse is expected (log 0). First: 1 > "),
        (lambda pairs: pairs.assign(signal_correlation=0.5), "signal_correlation is 0.5 in all "),
        (lambda pairs: pd.concat([pairs, pairs.iloc[:4]]), "4 of 12004 rows repeat the key ['pre_nucleus_id', 'post_nucleus_id']"),
        (lambda pairs: pairs.assign(pre_nucleus_id=pairs["pre_nucleus_id"] + 0.5), "ids are no whole numbers"),
        (lambda pairs: pairs.assign(n_synapses=0), "fewer than 2 axons with a synapse"),
        (lambda pairs: pairs.assign(signal_correlation=np.nan), "(a cell has none). Fill these columns, or ask about another similarity."),
        (lambda pairs: pairs.drop(columns="proj_hva"), "Add the column, or take all pairs together with --by none."),
        (
            lambda pairs: pairs.assign(animal=np.arange(len(pairs)) % 2),
            "pair table: 40 of 40 axons are of more than one animal, first 1. Give every cell an id of its own",
        ),
        (
            lambda pairs: pairs.assign(animal=(pairs["pre_nucleus_id"] % 2).where(pairs["pre_nucleus_id"] > 4)),
            "pair table: animal is not known for 4 of 40 axons, first 1. Write the animal of every axon",
        ),
    ],
    ids=[
        "a synapse without L_d",
        "a constant similarity",
        "pairs twice",
        "ids with fractions",
        "no synapse at all",
        "a similarity of no pair",
        "projections that are not known",
        "an axon in two animals",
        "axons of unknown animal",
    ],
)
def test_tables_at_fault_are_refused_in_words(planted: pd.DataFrame, tmp_path: Path, spoil: Callable, words: str):
    code, output, folder = asked(spoil(planted), tmp_path)
    assert code == 2
    assert words in output
    assert not folder.exists()


def test_a_neuron_table_of_other_cells_is_refused(tables: tuple[Path, Path], tmp_path: Path):
    neurons = pd.read_parquet(tables[1])
    neurons.assign(nucleus_id=neurons["nucleus_id"] + 5_000_000).to_parquet(tmp_path / "other.parquet")
    asked = ["--neurons", tmp_path / "other.parquet", "--similarity", "unrelated", "--inclusion", "none", "--out", tmp_path / "run"]
    found = CliRunner().invoke(app, ["like-to-like", str(tables[0]), *map(str, asked)])
    assert found.exit_code == 2
    assert f"other.parquet: none of the 340 cells of {tables[0]} is among its 340 nuclei (pairs have 1, neurons 5000001)" in found.output


def one_axon(pairs: pd.DataFrame) -> pd.DataFrame:
    first = pairs["pre_nucleus_id"] == pairs["pre_nucleus_id"].iloc[0]
    return pairs.assign(proj_hva=pairs["proj_hva"].where(~first, "RL->RL"))


def separated(pairs: pd.DataFrame) -> pd.DataFrame:
    """In one projection each axon's synapses lie on its most similar candidate."""
    near = pairs["signal_correlation"].where(pairs["l_d_um"] > 0)
    highest = near.groupby([pairs["pre_nucleus_id"], pairs["proj_hva"]]).rank(ascending=False) == 1
    return pairs.assign(n_synapses=pairs["n_synapses"].where(pairs["proj_hva"] != "V1->V1", 3 * highest))


def constant_there(pairs: pd.DataFrame) -> pd.DataFrame:
    return pairs.assign(signal_correlation=pairs["signal_correlation"].where(pairs["proj_hva"] != "V1->V1", 0.25))


def silent(pairs: pd.DataFrame) -> pd.DataFrame:
    return pairs.assign(n_synapses=pairs["n_synapses"].where(pairs["proj_hva"] != "V1->V1", 0))


@pytest.mark.parametrize(
    ("spoil", "group", "words"),
    [
        (one_axon, "RL->RL", "fewer than 2 axons with a synapse and a second candidate in RL->RL (1)"),
        (separated, "V1->V1", "V1->V1 is separated: the slope of signal_correlation grows without end"),
        (constant_there, "V1->V1", "signal_correlation is 0.25 in all "),
        (silent, "V1->V1", "fewer than 2 axons with a synapse and a second candidate in V1->V1 (0)"),
    ],
)
def test_a_group_without_a_slope_is_left_out_and_named(planted: pd.DataFrame, tmp_path: Path, spoil: Callable, group: str, words: str):
    code, output, folder = asked(spoil(of_axons(planted, 20)).drop(columns="mean_synapse_size"), tmp_path)
    assert code == 0, output
    assert f"signal_correlation: {group} is left out." in output
    assert words in output
    slopes, joint, funnel = (pd.read_csv(folder / f"{name}.csv") for name in ("slopes", "joint", "funnel"))
    assert group not in set(slopes["group"]) | set(joint["group"])
    assert set(slopes["group"]) >= {"HVA->HVA", "V1->HVA", "HVA->V1"}
    assert funnel.loc[funnel["step"] == f"{group} has a slope", "n_dropped"].item() > 0


def test_a_projection_of_two_axons_is_said_on_page_and_screen(planted: pd.DataFrame, tmp_path: Path):
    planted = of_axons(planted, 20)
    v1 = planted.loc[planted["proj_hva"] == "V1->V1"].groupby("pre_nucleus_id")["n_synapses"].sum().nlargest(2).index
    kept = planted[(planted["proj_hva"] != "V1->V1") | planted["pre_nucleus_id"].isin(v1)]
    code, output, folder = asked(kept.drop(columns="mean_synapse_size"), tmp_path)
    assert code == 0, output
    said = "signal_correlation: the robust slope in V1-&gt;V1 stands on 2 axons"
    assert said.replace("&gt;", ">") in output.replace("\n", " ")
    assert in_words(said) in unlinked((folder / "report.html").read_text(encoding="utf-8"))


def test_a_mixed_model_that_does_not_converge_is_said_and_not_reported(planted: pd.DataFrame, tmp_path: Path):
    pairs = planted.assign(l_d_um=np.where(planted["l_d_um"] > 0, 1.0, 0.0))  # takes two values: no Tweedie distribution
    code, output, folder = asked(pairs, tmp_path, "--outcome", "co_travel", "--by", "none")
    assert code == 0, output
    assert "not converged, so there is no result" in output
    assert not (folder / "slopes.csv").exists()
    assert "No model converged; the notes above say why." in (folder / "report.html").read_text(encoding="utf-8")


def test_axons_whose_similarity_goes_with_their_rate_are_warned_of(tmp_path: Path):
    world = plant(Planted(n_axons=60, n_targets=200, n_synapses=3000, slope=1.0, retinotopy=0.0), seed=3)
    rate = world.pairs.groupby("pre_nucleus_id")["n_synapses"].transform("mean")
    pairs = world.pairs.drop(columns=["population", "post_layer"])
    pairs["signal_correlation"] += 0.3 * (np.log(rate) - np.log(rate).mean())
    code, output, folder = asked(pairs, tmp_path)
    assert code == 0, output
    said = "signal_correlation goes with the rate of pre_nucleus_id:proj_hva, so that the random intercept alone is biased"
    assert said in output.replace("\n", " ")
    page = unlinked((folder / "report.html").read_text(encoding="utf-8"))
    assert in_words(said) in page
    assert "(differs)" in page
    both = pd.read_csv(folder / "mundlak.csv").iloc[0]
    conditional = pd.read_csv(folder / "conditional.csv").iloc[0]
    assert both["plain"] > both["within"] + 0.5 * both["within_se"]
    assert both["within"] == pytest.approx(conditional["estimate"], abs=conditional["se"])


@pytest.mark.parametrize("outcome", ["co_travel", "size"])
def test_other_outcomes_have_nulls_and_bootstraps_too(tables: tuple[Path, Path], tmp_path: Path, outcome: str):
    config = LikeToLikeConfig(pairs=tables[0], neurons=tables[1], similarity=("signal_correlation",), outcome=outcome, nulls=19)
    out = run_like_to_like(config, tmp_path / "run")
    write_like_to_like(out)
    nulls, bootstrap, slopes = (pd.read_csv(out / f"{name}.csv") for name in ("nulls", "bootstrap", "slopes"))
    assert set(nulls["null"]) == {"within axons", "within axons and strata", "neurons"}
    assert nulls["p"].between(0.05, 1).all()
    assert set(bootstrap["resampled"]) == {"axons", "axons and targets"}
    for table in (nulls, bootstrap, slopes):
        assert set(table["group"]) == {"V1->V1", "V1->HVA", "HVA->V1", "HVA->HVA"}
    assert "Not in this run: nulls" not in (out / "report.html").read_text(encoding="utf-8")


def test_a_similarity_is_named_in_words_and_rare_motifs_are_said_and_not_drawn(answered: Path):
    page = unlinked((answered / "report.html").read_text(encoding="utf-8"))
    assert '<td class="name">signal correlation</td>' in page
    motifs = pd.read_csv(answered / "motifs.csv")
    assert ("Not shown, for rewired graphs have less than one on average" in page) == bool((motifs["expected"] < 1).any())
    assert "Rules without L_d have a scale of their own." in page
