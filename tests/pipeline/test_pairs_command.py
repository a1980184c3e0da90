"""Claims: skeletons, synapses and neurons become a table in which like-to-like finds the planted rule; what does not fit is refused."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from graphtwin.cli.app import app
from graphtwin.sources.loaders.published import read_pairs
from graphtwin.synthetic.brain.neurites import grow_axon, grow_dendrite
from graphtwin.synthetic.wiring.connections import Connections, connect
from graphtwin.synthetic.wiring.planted_rules import rule_of
from tests.conftest import made_once
from tests.cortex.planted_skeletons import AXONS, DATA, DENDRITES, PUBLISHED
from tests.sources.test_skeletons import save
from tests.synthetic.tissues import tissue

pytestmark = pytest.mark.slow


ROOT = 864_691_135_000_000_000
KEY = ["pre_nucleus_id", "post_nucleus_id"]
N, N_AXONS = 120, 60


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def done(*arguments: object) -> str:
    """What a command that went well printed."""
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def refusal(*arguments: object) -> str:
    """The message of a command that ended in words, on one line."""
    result = invoke(*arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return " ".join(result.output[result.output.index("graphtwin: ") :].split())


@dataclass(frozen=True)
class Grown:
    """A folder with proximity.parquet, synapses.parquet and neurons.parquet of a simulated cortex, and what was planted in it."""

    folder: Path
    truth: Connections

    def pairs(self, out: Path, **files: Path) -> list[object]:
        """The command on these files, or on others in their place."""
        given = {name: self.folder / f"{name}.parquet" for name in ("synapses", "proximity", "neurons")} | files
        return ["pairs", given["synapses"], given["proximity"], "--neurons", given["neurons"], "--out", out]


@pytest.fixture(scope="module")
def grown(session_folder: Path) -> Grown:
    """The first half of the neurons have traced axons; all inputs were looked for."""
    cells = tissue(N)
    truth = connect(cells, rule_of("feature", slope=3.0, base=-4.0))

    def make(folder: Path) -> None:
        for kind, grow, ids in (("axon", grow_axon, cells.nucleus_id[:N_AXONS]), ("dendrite", grow_dendrite, cells.nucleus_id)):
            (folder / kind).mkdir(parents=True)
            for number in ids:
                neurite = grow(cells, int(number))
                save(folder / kind / f"{kind}_{number}.npz", neurite.vertices_nm, neurite.edges)
        truth.synapses[["synapse_id", *KEY, "size"]].to_parquet(folder / "synapses.parquet")
        place = dict(zip(("x_um", "depth_um", "z_um"), cells.soma_um.T, strict=True))
        columns = {"nucleus_id": cells.nucleus_id, "root_id": ROOT + 7 * cells.nucleus_id, **place, "brain_area": cells.area}
        columns |= {"layer": ["L2/3", "L4"] * (N // 2), "readout_cvt": list(cells.features)}
        columns |= {"queried_pre": np.arange(N) < N_AXONS, "queried_post": True}
        pd.DataFrame(columns).to_parquet(folder / "neurons.parquet")
        done("proximity", "--axons", folder / "axon", "--dendrites", folder / "dendrite", "--out", folder / "proximity.parquet")

    return Grown(made_once(session_folder / "pairs_command", make), truth)


@pytest.fixture(scope="module")
def table(grown: Grown, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The pair table and what the command said."""
    out = tmp_path_factory.mktemp("made") / "pairs.parquet"
    return out, done(*grown.pairs(out))


def test_the_table_holds_the_synapses_and_proximities_that_were_planted(grown, table):
    pairs = read_pairs(table[0])
    axons = pairs["pre_nucleus_id"].unique()
    assert len(pairs) == len(axons) * (N - 1)
    expected = grown.truth.pairs[grown.truth.pairs["pre_nucleus_id"].isin(axons)]
    both = pairs.merge(expected, on=KEY, how="outer", suffixes=("", "_planted")).fillna({"n_synapses_planted": 0, "l_d_um_planted": 0.0})
    assert both["n_synapses"].equals(both["n_synapses_planted"].astype(np.int64))
    np.testing.assert_allclose(both["l_d_um"], both["l_d_um_planted"], atol=1e-6)
    near = both["l_d_um_planted"] > 0
    np.testing.assert_allclose(both["distance_um"][near], both["distance_um_planted"][near], atol=0.1)
    sizes = grown.truth.synapses.groupby(KEY)["size"].sum()
    connected = pairs[pairs["n_synapses"] > 0].set_index(KEY)["synapse_size"]
    np.testing.assert_allclose(connected, sizes.reindex(connected.index))


def test_what_was_lost_is_printed_and_kept(grown, table):
    out, said = table
    kept = json.loads(out.with_name("pairs.parquet.made.json").read_text())
    steps = {(step["table"], step["step"]): step for step in kept["funnel"]}
    others = steps["synapses", "axon queried and measured"]
    of_untraced = ~grown.truth.synapses["pre_nucleus_id"].isin(read_pairs(out)["pre_nucleus_id"])
    assert others["n_dropped"] == len(grown.truth.synapses.loc[of_untraced, KEY].drop_duplicates())
    assert f"synapses, axon queried and measured: {others['n_after']:,} of {others['n_before']:,}" in said
    assert {Path(name).name for name in kept["inputs"]} == {"synapses.parquet", "proximity.parquet", "neurons.parquet"}


def test_rows_that_repeat_a_neuron_and_sizes_that_are_unknown_are_counted(grown, tmp_path):
    neurons, synapses = (pd.read_parquet(grown.folder / f"{name}.parquet") for name in ("neurons", "synapses"))
    pd.concat([neurons, neurons.head(3)]).to_parquet(tmp_path / "neurons.parquet")
    synapses.assign(size=np.nan).to_parquet(tmp_path / "synapses.parquet")
    made = grown.pairs(tmp_path / "out.parquet", neurons=tmp_path / "neurons.parquet", synapses=tmp_path / "synapses.parquet")
    said = done(*made)
    assert f"neurons.parquet, one row a nucleus: {N} of {N + 3}: 3 rows not (the row repeats another, as of a second unit)" in said
    n = len(synapses)
    told = f"{n:,} rows not (the cell is empty: their pairs have no synapse_size)"
    assert f"synapses.parquet, size known: 0 of {n:,}: {told}" in said
    synapses.drop(columns="size").to_parquet(tmp_path / "synapses.parquet")
    assert f"{n:,} rows not (there is no column size: no pair has one)" in done(*made, "--force")


@pytest.mark.parametrize("by", ["none", "proj_hva"])
def test_like_to_like_finds_the_planted_rule_in_it(grown, table, tmp_path, by):
    """The rule is 3 per unit of feature similarity; 4 standard errors on either side."""
    asked = ["--similarity", "feature_similarity", "--inclusion", "none", "--by", by, "--nulls", 0]
    done("like-to-like", table[0], "--neurons", grown.folder / "neurons.parquet", *asked, "--out", tmp_path / "like")
    slopes = pd.read_csv(tmp_path / "like" / "slopes.csv")
    assert set(slopes["group"]) == ({"all"} if by == "none" else set(read_pairs(table[0])["proj_hva"].dropna()))
    weight = 1 / slopes["se"] ** 2
    slope, error = (slopes["estimate"] * weight).sum() / weight.sum(), weight.sum() ** -0.5
    assert slope > 4 * error
    assert abs(slope - 3.0) < 4 * error


def test_root_ids_of_cave_give_the_same_table(grown, table, tmp_path):
    synapses = pd.read_parquet(grown.folder / "synapses.parquet")
    fragments = synapses.head(5).assign(synapse_id=10**9 + np.arange(5), pre_nucleus_id=10**6)
    renamed = {"synapse_id": "id", "pre_nucleus_id": "pre_pt_root_id", "post_nucleus_id": "post_pt_root_id"}
    exported = pd.concat([synapses, fragments]).rename(columns=renamed)
    for name in ("pre_pt_root_id", "post_pt_root_id"):
        exported[name] = ROOT + 7 * exported[name]
    exported.to_csv(tmp_path / "synapses.csv", index=False)
    said = done(*grown.pairs(tmp_path / "pairs.parquet", synapses=tmp_path / "synapses.csv"))
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "pairs.parquet"), pd.read_parquet(table[0]))
    n = len(exported)
    assert f"synapses.csv, presynaptic nucleus known: {n - 5:,} of {n:,}: 5 rows not (its root id has no nucleus" in said


def test_a_csv_keeps_every_digit(grown, table, tmp_path):
    done(*grown.pairs(tmp_path / "pairs.csv"))
    pd.testing.assert_frame_equal(read_pairs(tmp_path / "pairs.csv"), read_pairs(table[0]), check_exact=False, rtol=1e-12)


def test_the_real_skeletons_make_a_table(tmp_path):
    """Two axons and two dendrites of minnie65; one synapse is made up, on the pair that is nearest."""
    done("proximity", "--axons", *sorted(DATA.glob("*axon*")), "--dendrites", *sorted(DATA.glob("*dend*")), "--out", tmp_path / "near.csv")
    cells = pd.DataFrame({"nucleus_id": [*AXONS, *DENDRITES]})
    cells.assign(queried_pre=[1, 1, 0, 0], queried_post=[0, 0, 1, 1]).to_csv(tmp_path / "neurons.csv", index=False)
    pd.DataFrame({"pre_nucleus_id": [560530], "post_nucleus_id": [587885]}).to_csv(tmp_path / "synapses.csv", index=False)
    done("pairs", tmp_path / "synapses.csv", tmp_path / "near.csv", "--neurons", tmp_path / "neurons.csv", "--out", tmp_path / "pairs.csv")
    pairs = read_pairs(tmp_path / "pairs.csv").set_index(KEY)
    for axon, dendrite, l_d_nm, *_ in PUBLISHED:
        assert pairs.loc[(axon, dendrite), "l_d_um"] == pytest.approx(l_d_nm / 1000)
    assert pairs["population"].to_dict() == {
        (327859, 292965): "Same region",
        (327859, 587885): "ADP",
        (560530, 292965): "ADP",
        (560530, 587885): "Connected",
    }


def changed(name: str, **columns: object):
    return name, lambda frame: frame.assign(**columns)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("synapses", lambda t: t.rename(columns={"pre_nucleus_id": "pre_nucleus"})), r"'pre_nucleus_id' \(nearest here: 'pre_nucleus'\)"),
        (("synapses", lambda t: pd.concat([t, t[:2]])), r"2 of \d+ rows repeat the key \['synapse_id'\]"),
        (changed("synapses", size="big"), r"column size: (\d+) of \1 values are text and no numbers, first 'big'"),
        (changed("proximity", l_d_um="far"), r"column l_d_um: (\d+) of \1 values are text and no numbers, first 'far'"),
        (changed("synapses", size=-1.0), r"(\d+) of \1 sizes are 0, negative or infinite, first -1"),
        (
            ("synapses", lambda t: t.assign(pre_nucleus_id=t["pre_nucleus_id"] + ROOT)),
            r"none of \d+ values of pre_nucleus_id is among the 120 neurons.*ids of another kind",
        ),
        (("synapses", lambda t: t.assign(post_nucleus_id=t["post_nucleus_id"] + 0.5)), "ids are no whole numbers"),
        (
            ("synapses", lambda t: t.rename(columns={"pre_nucleus_id": "pre_root_id", "post_nucleus_id": "post_root_id"})),
            r"none of \d+ values of pre_root_id is among the 120 neurons.*another materialization",
        ),
        (
            ("proximity", lambda t: t.assign(**{name: ROOT + 7 * t[name] for name in KEY})),
            "They are root ids of these neurons: name the columns pre_root_id and post_root_id",
        ),
        (
            ("proximity", lambda t: t.assign(l_d_um=1000 * t["l_d_um"].clip(lower=40))),
            "the largest of .* values of l_d_um is .* is it in nm",
        ),
        (("proximity", lambda t: t.assign(l_d_um=t["l_d_um"] / 1000)), "is it in mm"),
        (changed("proximity", l_d_um=-1.0), r"(\d+) of \1 values of l_d_um are negative or infinite, first -1"),
        (("proximity", lambda t: pd.concat([t, t[:3]])), "proximities: 3 of .* rows repeat the key"),
        (("proximity", lambda t: t.drop(columns="l_d_um")), "'l_d_um'"),
        (("synapses", lambda t: t[t["pre_nucleus_id"] > t["pre_nucleus_id"].quantile(0.8)]), r"none of the \d+ axons in .* is among the"),
        (("neurons", lambda t: t.drop(columns="queried_post")), "no column queried_post .* whether its inputs were looked for"),
        (changed("neurons", queried_pre=False), "queried_pre is false for all 120 neurons"),
        (changed("neurons", queried_post="perhaps"), "120 of 120 values are neither true nor false, first .'perhaps'"),
        (("neurons", lambda t: t.assign(x_um=1000 * t["x_um"])), r"positions lie farther than 100000 um from 0.*nucleus_x"),
        (
            ("neurons", lambda t: pd.concat([t, t[:1].assign(layer="L6")])),
            "1 of 121 rows repeat the key|2 of 121 rows share their nucleus_id",
        ),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(grown, tmp_path, change, message):
    name, alter = change
    alter(pd.read_parquet(grown.folder / f"{name}.parquet")).to_parquet(tmp_path / f"{name}.parquet")
    assert re.search(message, refusal(*grown.pairs(tmp_path / "pairs.csv", **{name: tmp_path / f"{name}.parquet"})))
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{name}.parquet"]


def test_proximities_that_no_synapse_shares_are_refused(grown, tmp_path):
    """It may be that presynaptic cells are named first in one table and second in the other."""
    near = pd.read_parquet(grown.folder / "proximity.parquet")
    connected = pd.MultiIndex.from_frame(grown.truth.synapses[KEY])
    near[~pd.MultiIndex.from_frame(near[KEY]).isin(connected)].to_parquet(tmp_path / "near.parquet")
    message = refusal(*grown.pairs(tmp_path / "pairs.csv", proximity=tmp_path / "near.parquet"))
    assert re.search(r"none of \d+ connected pairs .* is one of the \d+ pairs that come near each other.*the same order", message)


def test_nothing_is_written_over(grown, table, tmp_path):
    before = table[0].read_bytes()
    assert "exists" in refusal(*grown.pairs(table[0]))
    assert table[0].read_bytes() == before
    assert "Name a .parquet or .csv file" in refusal(*grown.pairs(tmp_path / "pairs.xlsx"))
    assert "no such file" in refusal(*grown.pairs(tmp_path / "pairs.csv", synapses=tmp_path / "absent.csv"))
