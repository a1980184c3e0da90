"""Claims: every sentence under a figure holds the number it claims, recomputed here from the run's tables."""

import re

import matplotlib
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from graphtwin import artifacts, plots
from graphtwin.evaluation.verdicts import p_of_better
from graphtwin.report import tables, words
from graphtwin.report.figures import drawing as figures
from graphtwin.report.figures import (
    embedding_figures,
    map_figures,
    neuron_figures,
    pair_figures,
    ranked,
    verdict_figures,
    wiring_figures,
)
from graphtwin.report.folder import RunFolder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(finished):
    return RunFolder.open(finished)


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    """Sentences and captions are tested here, drawings in test_page."""
    for module in (embedding_figures, map_figures, neuron_figures, pair_figures, verdict_figures, wiring_figures):
        monkeypatch.setattr(module, "draw_svg", lambda *_: "<svg></svg>")


def sentence(block):
    assert isinstance(block, figures.Drawn)
    assert re.search(r"n = \d", block.caption)
    return block.sentence


def numbers(text):
    return [float(word.replace(",", "")) for word in re.findall(r"(?<![\w.])[+-]?\d[\d,]*\.?\d*(?:e-?\d+)?", text)]


def test_the_basis_sentence_counts_periods(run):
    basis = run.table("basis").filter(like="component_").to_numpy()
    cycles = np.arange(1, 9)
    power = np.abs(np.exp(-2j * np.pi * np.outer(cycles, np.arange(16)) / 16) @ basis)
    main = cycles[power.argmax(0)]
    assert f"{np.sum(main == 2)} repeat mainly every 180°" in sentence(embedding_figures.draw_basis(run))
    assert f"{np.sum(main == 1)} every 360°" in sentence(embedding_figures.draw_basis(run))


def test_the_held_out_sentence_holds_the_scores(run):
    text = sentence(embedding_figures.draw_held_out(run))
    scores = run.table("embedding_scores").query("metric == 'variance_explained'").set_index("model")["estimate"]
    assert f"explains {words.number_text(scores['shared_basis'])} of the variance" in text
    assert f"von Mises fit {words.number_text(scores['von_mises'])}" in text


def test_the_embedding_explains_more_where_every_paired_difference_says_so(run):
    scores = run.table("embedding_scores")
    explained = scores[(scores["metric"] == "variance_explained") & ~scores["model"].str.contains(" - ")].set_index("model")
    paired = scores["model"].str.startswith("shared_basis - ")
    assert "more than every" in embedding_figures.held_out_sentence(explained, scores.assign(low=scores["low"].where(~paired, 0.01)))
    one = scores.assign(low=scores["low"].where(scores["model"] != "shared_basis - raw", -0.01))
    assert "not clearly more than every" in embedding_figures.held_out_sentence(explained, one)


def test_the_map_sentence_holds_the_share_of_layer_and_scan(run):
    embeddings = run.table("embeddings").merge(run.table("tables/neurons")[["nucleus_id", "layer"]], on="nucleus_id")
    columns = [name for name in embeddings if name.startswith("embedding_")]

    def share(frame, by):
        total = ((frame[columns] - frame[columns].mean()) ** 2).to_numpy().sum()
        return ((frame.groupby(by)[columns].transform("mean") - frame[columns].mean()) ** 2).to_numpy().sum() / total

    text = sentence(map_figures.draw_map(run))
    of_layer = share(embeddings.dropna(subset=["layer"]).astype(dict.fromkeys(columns, float)), "layer")
    assert f"Layer accounts for {words.per_cent(of_layer)}" in text
    found = map_figures.explained_by_group(
        embeddings[columns].to_numpy(float), embeddings.groupby(["session", "scan_idx"]).ngroup().to_numpy()
    )
    assert found == pytest.approx(share(embeddings.astype(dict.fromkeys(columns, float)), ["session", "scan_idx"]))


def test_the_leakage_sentence_holds_the_best_decoder_and_says_when_it_beats_chance(run):
    leakage = run.table("scan_leakage")
    text = sentence(map_figures.draw_leakage(run))
    assert words.number_text(leakage.query("embeddings == 'aligned'")["estimate"].max()) in text
    told = leakage.assign(estimate=0.9, low=0.85, high=0.95)
    assert "still encodes the scan" in map_figures.leakage_sentence(told)
    assert "no better than chance" in map_figures.leakage_sentence(told.assign(low=0.01))
    two = pd.concat([told.assign(estimate=0.95, low=0.01), told])  # the best decoder is unsure, another one is not
    assert "still encodes the scan" in map_figures.leakage_sentence(two)


def test_the_confusion_sentence_names_best_and_least_recall(run):
    frame = run.table("predictions/cell_type").query("split == 'neuron' and model == 'graph model, function'")
    hit = frame["true"].eq(frame["predicted"]).groupby(frame["true"]).mean()
    text = sentence(neuron_figures.draw_confusion(run))
    assert f"{hit.idxmax()} best (recall {words.number_text(hit.max())})" in text
    assert f"least ({words.number_text(hit.min())}" in text


def test_the_layer_sentence_holds_balanced_accuracy_over_and_within_scans(run):
    frame = run.table("predictions/layer").query("split == 'neuron' and model == 'graph model, function'")
    recall = frame["true"].eq(frame["predicted"]).groupby(frame["true"]).mean()
    assert f"reaches {words.number_text(recall.mean())} (95 % interval" in sentence(neuron_figures.draw_layer(run))
    assert "“scan alone” reaches" in sentence(neuron_figures.draw_layer(run))


def test_the_depth_sentence_holds_median_error_and_coverage(run):
    frame = run.table("predictions/position").query("split == 'neuron' and target == 'depth' and model == 'graph model, function'")
    error = (frame["true_um"] - frame["mean_um"]).abs()
    text = sentence(neuron_figures.draw_place(run, "depth"))
    assert f"{error.median():.1f} µm" in text
    assert words.per_cent((error <= 1.96 * frame["sd_um"]).mean()) in text
    normal = frame.assign(true_um=np.random.default_rng(0).normal(0, 1, len(frame)), mean_um=0.0, sd_um=1.0)
    assert np.abs(neuron_figures.coverage_curve(normal) - neuron_figures.LEVELS).max() < 0.08


def within_folds(score, pairs, model):
    """A score of each fold, averaged with its connected pairs."""
    folds = [rows for _, rows in pairs.groupby("fold")]
    return np.average([score(rows["connected"], rows[model]) for rows in folds], weights=[rows["connected"].sum() for rows in folds])


def test_the_ranking_sentence_holds_auc_and_average_precision_of_graph_model_and_best_baseline(run):
    pairs = run.table("predictions/connectivity")
    connected = pairs["connected"].to_numpy()
    text = sentence(pair_figures.draw_pair_figures(run)[0])
    baselines = [name for name in pairs if name in ("majority", "distance") or name.startswith(("logistic", "boosting"))]
    best = max(baselines, key=lambda name: within_folds(average_precision_score, pairs, name))
    for model in ("graph model", best):
        assert f"“{model}” reaches AUC {words.number_text(within_folds(roc_auc_score, pairs, model))}" in text
        assert f"average precision {words.number_text(within_folds(average_precision_score, pairs, model))}" in text
    assert f"{words.per_cent(connected.mean())} of the pairs" in text


def test_a_ranked_model_agrees_with_the_metrics_ties_included():
    rng = np.random.default_rng(0)
    probability = rng.integers(0, 40, 5000).astype(np.float32) / 40
    probability[:5] = np.nan
    connected, fold = rng.random(5000) < np.nan_to_num(probability) * 0.2, rng.integers(0, 3, 5000)
    model, scored = ranked.rank_model(connected, probability, fold), np.isfinite(probability)
    pairs = pd.DataFrame({"connected": connected, "model": probability, "fold": fold})[scored]
    assert model.auc == pytest.approx(within_folds(roc_auc_score, pairs, "model"))
    assert model.average_precision == pytest.approx(within_folds(average_precision_score, pairs, "model"))
    assert model.n[-1] == 4995
    assert model.mass[-1] == pytest.approx(probability[scored].astype(float).sum())


def test_the_areas_under_the_drawn_curves_are_auc_and_average_precision():
    rng = np.random.default_rng(2)
    probability, fold = rng.random(60_000), rng.integers(0, 4, 60_000)
    connected = rng.random(60_000) < probability**3 * np.array([0.02, 0.05, 0.1, 0.2])[fold]
    model = ranked.rank_model(connected, probability, fold)
    assert np.trapezoid(model.true_rate, ranked.RATES) == pytest.approx(model.auc, abs=2e-3)
    assert np.trapezoid(model.precision, ranked.RATES) == pytest.approx(model.average_precision, rel=0.03)


def test_one_probability_a_fold_makes_no_curve_and_is_drawn_at_chance():
    fold = np.repeat([0, 1], 500)
    connected = np.arange(1000) % 500 < np.array([10, 100])[fold]
    model = ranked.rank_model(connected, np.array([0.2, 0.02])[fold], fold)
    assert model.is_flat
    assert model.auc == 0.5
    assert model.average_precision == pytest.approx(model.chance)
    assert model.chance == pytest.approx((10 * 0.02 + 100 * 0.2) / 110)
    np.testing.assert_allclose(model.true_rate, ranked.RATES)


def test_scores_that_are_no_probabilities_are_named():
    with pytest.raises(ValueError, match=r"1 of 3 predictions lie outside \[0, 1\], first 1.5"):
        ranked.rank_model(np.array([True, False, False]), np.array([0.1, 1.5, 0.2]), np.zeros(3, dtype=np.int64))


def test_the_calibration_sentence_holds_what_the_top_per_cent_promises_and_keeps(run):
    pairs = run.table("predictions/connectivity").sort_values("graph model", ascending=False)
    top = pairs.groupby("fold").head(len(pairs) // 500)  # five folds of 800 pairs
    text = sentence(pair_figures.draw_pair_figures(run)[1])
    assert (
        f"expects {words.per_cent(float(top['graph model'].mean()))} to be connected, and {words.per_cent(top['connected'].mean())} are"
        in text
    )


def test_reliability_bins_hold_all_pairs_and_their_interval_holds_the_share():
    rng = np.random.default_rng(1)
    probability = rng.beta(1, 20, 50_000)
    curve = ranked.reliability(ranked.rank_model(rng.random(50_000) < probability, probability, rng.integers(0, 3, 50_000)))
    assert curve["n"].sum() == 50_000
    assert ((curve["low"] < curve["observed"]) & (curve["observed"] < curve["high"])).all()
    assert ((curve["low"] <= curve["predicted"]) & (curve["predicted"] <= curve["high"])).mean() > 0.7


def of_sizes(sizes):
    """Rank correlation in each fold, averaged with its connections."""
    folds = [rows for _, rows in sizes.groupby("fold")]
    return np.average([stats.spearmanr(rows["expected_size"], rows["size"]).statistic for rows in folds], weights=list(map(len, folds)))


def test_the_size_sentence_holds_the_rank_correlation(run):
    sizes = run.table("predictions/size")
    assert f"{of_sizes(sizes):.3f}" in sentence(pair_figures.draw_size(run))


def test_the_size_sentence_has_the_interval_over_axons_and_no_p_value_over_pairs(spoilt):
    sizes = pd.read_parquet(spoilt / "predictions/size.parquet")
    rank = of_sizes(sizes)
    scored = {"task": "size", "split": "axon", "model": "graph model", "subset": "connected pairs", "metric": "spearman", "unit": "1"}
    row = pd.DataFrame([scored | {"estimate": rank, "low": 0.25, "high": 0.75, "n": len(sizes), "n_clusters": 30, "cluster": "axon"}])
    artifacts.write_parquet(pd.concat([pd.read_parquet(spoilt / "metrics.parquet"), row]), spoilt / "metrics.parquet")
    text = sentence(pair_figures.draw_size(RunFolder.open(spoilt)))
    assert f"is {words.number_text(rank)} (95 % interval 0.250 to 0.750)" in text
    assert "p =" not in text


def test_the_differences_sentence_counts_clear_intervals(run):
    frame = run.table("differences")
    shown = frame[
        frame["split"].isin(["neuron", "axon"])
        & frame["metric"].isin(["balanced_accuracy_within_scan", "auc", "average_precision", "r2_within_scan"])
    ]
    shown = shown[shown["task"] != "lateral"]
    better = int((shown["low"] > 0).sum())
    text = sentence(verdict_figures.draw_differences(run))
    assert numbers(text)[:2] == [len(shown), better]


def test_a_lower_error_counts_as_a_gain():
    assert verdict_figures.gain(-2.0, -1.0, "median_absolute_error") == 1
    assert verdict_figures.gain(-2.0, -1.0, "auc") == -1
    assert verdict_figures.gain(-2.0, 1.0, "auc") == 0


def test_the_permutation_sentence_holds_observed_permuted_and_p(run):
    null = run.table("permutations").query("task == 'layer'")["estimate"].to_numpy()
    observed = tables.look_up(run.table("metrics"), "layer", "graph model, function", "balanced_accuracy_within_scan").estimate
    p = p_of_better("balanced_accuracy_within_scan", observed, null)
    expected = f"layer (balanced accuracy within scans {words.number_text(observed)} against {words.number_text(null.mean())}, p = {p:.2g})"
    assert expected in sentence(verdict_figures.draw_permutations(run))


def test_too_few_permutations_to_show_anything_are_said_to_be_that(run, spoilt):
    assert "Not tested" not in sentence(verdict_figures.draw_permutations(run))
    few = run.table("permutations").query("replicate < 5 or task == 'layer'")
    artifacts.write_parquet(few, spoilt / "permutations.parquet")
    text = sentence(verdict_figures.draw_permutations(RunFolder.open(spoilt)))
    assert "better than the permuted (p ≤ 0.05) in 1 of 1 tests: layer" in text
    untested = text.split("Not tested: ")[1]
    assert "fewer than 19 replicates" in untested
    assert untested.count(" against ") == len(few[["task", "null", "metric"]].drop_duplicates()) - 1


def test_the_like_to_like_sentence_holds_difference_and_interval(run):
    row = run.table("like_to_like").query("materialization == 661 and measure == 'signal_correlation' and subset == 'all axons'").iloc[0]
    text = sentence(wiring_figures.draw_wiring(run)[0])
    assert abs(row["difference"]) == pytest.approx(abs(numbers(text.split("signal correlation")[1])[0]), rel=1e-2)
    assert f"over {row['n_axons']:,} all axons" in text


def test_an_orientation_difference_below_zero_is_like_to_like():
    row = pd.DataFrame({"measure": ["orientation_difference"], "unit": "degrees", "subset": "all axons", "materialization": 661})
    row = row.assign(n_axons=9, difference=-5.0, low=-8.0, high=-2.0, p_permutation=0.01)
    assert "1 of 1 intervals exclude 0" in wiring_figures.like_sentence(row)
    assert "0 of 1 intervals exclude 0" in wiring_figures.like_sentence(row.assign(low=2.0, high=8.0))
    assert "1 of them with a permutation p ≤ 0.05" in wiring_figures.like_sentence(row)
    assert "0 of them with a permutation p ≤ 0.05" in wiring_figures.like_sentence(row.assign(p_permutation=0.2))


def fill(figure):
    values = np.array([[0.0, -1.0, 1.0], [2.0, 1.0, 3.0]])
    plots.plot_intervals(["a", "$b$"], values, [plots.BLUE, plots.GREY], 0.0, figure.subplots())


def test_drawing_leaves_matplotlib_as_it_was():
    before = dict(matplotlib.rcParams)
    figures.draw_svg("key", (4.0, 2.0), fill)
    assert dict(matplotlib.rcParams) == before


def test_the_same_figure_is_drawn_the_same_and_its_text_stays_text():
    drawn = figures.draw_svg("key", (4.0, 2.0), fill)
    assert drawn == figures.draw_svg("key", (4.0, 2.0), fill)
    shown = figures.Drawn("key", "More", 'more < "less".', "", drawn).shown
    assert shown.startswith('<svg role="img" aria-label="More. more &lt; &#34;less&#34;."')
    assert "$b$" in drawn


ABSENT = [
    ("basis", embedding_figures.draw_basis, "the embeddings were brought"),
    ("embedding_scores", embedding_figures.draw_held_out, "the embeddings were brought"),
    ("embeddings", map_figures.draw_map, "no embeddings.parquet"),
    ("scan_leakage", map_figures.draw_leakage, "no scan_leakage.parquet"),
    ("predictions/cell_type", neuron_figures.draw_confusion, "no neuron with a known cell type"),
    ("metrics", neuron_figures.draw_layer, "layer was not scored"),
    ("predictions/position", lambda run: neuron_figures.draw_place(run, "depth"), "no neuron was predicted whose depth is known"),
    ("predictions/connectivity", lambda run: pair_figures.draw_pair_figures(run)[0], "no predictions/connectivity.parquet"),
    ("predictions/size", pair_figures.draw_size, "fewer than three connected pairs"),
    ("differences", verdict_figures.draw_differences, "no paired differences"),
    ("permutations", verdict_figures.draw_permutations, "no permutations were run"),
    ("metrics", verdict_figures.draw_permutations, "no permuted model has its real counterpart"),
    ("like_to_like", lambda run: wiring_figures.draw_wiring(run)[0], "no axon of known tuning and position has a queried partner"),
]


@pytest.mark.parametrize(("gone", "draw", "said"), ABSENT)
def test_a_figure_without_its_table_says_so(spoilt, gone, draw, said):
    (spoilt / f"{gone}.parquet").unlink()
    block = draw(RunFolder.open(spoilt))
    assert isinstance(block, figures.Absent)
    assert said in block.reason


def test_like_to_like_without_axons_says_so(spoilt):
    summary = pd.read_parquet(spoilt / "like_to_like.parquet")
    artifacts.write_parquet(summary.assign(n_axons=0), spoilt / "like_to_like.parquet")
    assert isinstance(wiring_figures.draw_wiring(RunFolder.open(spoilt))[0], figures.Absent)


def test_a_run_with_baselines_alone_is_described(spoilt):
    pairs = pd.read_parquet(spoilt / "predictions/connectivity.parquet")
    kept = [name for name in pairs if not name.startswith("graph model")]
    artifacts.write_parquet(pairs[kept], spoilt / "predictions/connectivity.parquet")
    for name in ("metrics", "predictions/cell_type", "predictions/position"):
        frame = pd.read_parquet(spoilt / f"{name}.parquet")
        artifacts.write_parquet(frame[~frame["model"].str.startswith("graph model")], spoilt / f"{name}.parquet")
    run = RunFolder.open(spoilt)
    assert sentence(pair_figures.draw_pair_figures(run)[0]).startswith("The best baseline, “")
    assert "“scan alone” reaches" in sentence(neuron_figures.draw_layer(run))
    assert "“boosting, function” recognises" in sentence(neuron_figures.draw_confusion(run))
    assert isinstance(verdict_figures.draw_permutations(run), figures.Absent)


def test_neurons_without_error_bars_are_counted_and_no_coverage_is_drawn_for_them(spoilt):
    frame = pd.read_parquet(spoilt / "predictions/position.parquet")
    without = frame["model"].eq("graph model, function") & frame["split"].eq("neuron")
    artifacts.write_parquet(frame.assign(sd_um=frame["sd_um"].where(~without)), spoilt / "predictions/position.parquet")
    n = int((without & frame["target"].eq("depth")).sum())
    text = sentence(neuron_figures.draw_place(RunFolder.open(spoilt), "depth"))
    assert f"{n:,} of {n:,} neurons have no error bar, since their fit kept back too few neurons to set its width" in text
    artifacts.write_parquet(frame.assign(sd_um=np.nan), spoilt / "predictions/position.parquet")
    block = neuron_figures.draw_place(RunFolder.open(spoilt), "depth")
    assert "error bars" not in block.caption


def test_an_interval_of_a_share_holds_the_share_though_all_or_none_were_hits():
    n = np.arange(1, 2000)
    for hits in (n, np.zeros_like(n)):
        low, high = ranked.wilson(hits, n)
        assert (low <= hits / n).all()
        assert (hits / n <= high).all()
