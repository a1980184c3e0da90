"""The pair and neuron tables of a simulated cortex, in columns and units of those that Ding et al. 2025 published.

Source: doi:10.1038/s41586-025-08840-3, `edge_data_v1.pkl` and `node_data_v1.pkl` of BossDB: L_d in mm, somata in nm, vectors as cells.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin import schema
from graphtwin.artifacts import write_atomic
from graphtwin.coordinates import MINNIE65, voxels_from_pia
from graphtwin.tuning import SIMILARITIES, add_similarities

PROTOCOL = 4  # protocol of pickle, which Python 3.4 and later read
PROJECTIONS = ["HVA->HVA", "HVA->V1", "V1->HVA", "V1->V1"]
POPULATIONS = ["ADP", "Connected", "Same region"]
VECTORS = {
    "readout_cvt": np.float32,
    "in_vivo_mean_resp": np.float32,
    "in_silico_resp": np.float32,
    "position_stim_cvt": np.float64,
    "sta_mu_comb": np.float64,
}
NUMBERS = ["cc_abs_cvt", "cc_max_cvt", "cc_norm_cvt"]
NUMBERS += [f"{what}_{stimulus}" for stimulus in ("cvt_monet_full", "iv") for what in ("gosi", "osi", "pref_ori")]
PUBLISHED = [
    "in_silico_sig_corr_cvt",
    "in_vivo_sig_corr",
    "readout_similarity_cvt",
    "readout_location_distance_cvt",
    "readout_location_distance_sta",
    "delta_ori_cvt_monet_full",
    "delta_ori_iv",
]


def write_published(
    pairs: pd.DataFrame, neurons: pd.DataFrame, proofreading: pd.DataFrame, function: pd.DataFrame, folder: Path
) -> list[Path]:
    """Write `edge_data_v1.pkl` and `node_data_v1.pkl`; equal tables give equal bytes.

    A neuron is listed if it has a function, a pair if both its neurons are. Similarities are made from the vectors and angles that
    `function` has.

    Args:
        pairs: Pairs of neurons: pre_nucleus_id, post_nucleus_id, l_d_um, n_synapses, synapse_size.
        neurons: Cells: nucleus_id, brain_area, layer, x_um, depth_um, z_um (pia frame).
        proofreading: Proofread neurons: nucleus_id, status_axon; a neuron that is not listed is "non".
        function: One row a nucleus: nucleus_id, session, scan_idx, unit_id, and of `VECTORS` (as cells) and `NUMBERS` what is known.
        folder: Folder that the files go into.
    """
    nodes = node_table(neurons, proofreading, function)
    edges = edge_table(pairs, nodes)
    return [_write(edges, folder / "edge_data_v1.pkl"), _write(nodes, folder / "node_data_v1.pkl")]


def node_table(neurons: pd.DataFrame, proofreading: pd.DataFrame, function: pd.DataFrame) -> pd.DataFrame:
    """The neuron table as published, from tables such as `write_published` takes."""
    schema.require_columns(function, ["nucleus_id", *schema.UNIT_KEY], "function of the simulated neurons")
    schema.require_unique(function, ["nucleus_id"], "function of the simulated neurons")
    cells = function.merge(neurons, on="nucleus_id", how="left", validate="one_to_one", suffixes=("", "_of_anatomy"))
    unknown = cells["brain_area"].isna()
    if unknown.any():
        first = cells.loc[unknown, "nucleus_id"].head(3).tolist()
        raise ValueError(f"{int(unknown.sum())} of {len(cells)} neurons with a function are no neurons of the anatomy, first {first}.")
    voxels = np.rint(voxels_from_pia(cells[schema.POSITION].to_numpy(np.float64), MINNIE65))
    place = dict(zip(("nucleus_x", "nucleus_y", "nucleus_z"), (voxels * np.array(MINNIE65.voxel_nm)).T, strict=True))
    status = cells["nucleus_id"].map(proofreading.set_index("nucleus_id")["status_axon"]).fillna("non")
    labels = {"brain_area": cells["brain_area"], "hva": np.where(cells["brain_area"] == "V1", "V1", "HVA"), "layer": cells["layer"]}
    texts = {name: _texts(values) for name, values in (labels | {"proofread_status": status}).items()}
    ids = {"nucleus_id": "nucleus_id", "scan_session": "session", "scan_idx": "scan_idx", "unit_id": "unit_id"}
    units = {theirs: cells[ours].to_numpy(np.int64) for theirs, ours in ids.items()}
    known = {name: cells[name].to_numpy(np.float64) for name in NUMBERS if name in cells}
    vectors = {name: _cells(cells[name], dtype) for name, dtype in VECTORS.items() if name in cells}
    return pd.DataFrame({**units, **place, **texts, **known, **vectors})


def edge_table(pairs: pd.DataFrame, nodes: pd.DataFrame) -> pd.DataFrame:
    """The pair table as published, of the pairs whose neurons are both in the neuron table.

    Args:
        pairs: Pairs of neurons: pre_nucleus_id, post_nucleus_id, l_d_um, n_synapses, synapse_size.
        nodes: Neuron table, as `node_table` makes it.
    """
    listed = pairs[pairs["pre_nucleus_id"].isin(nodes["nucleus_id"]) & pairs["post_nucleus_id"].isin(nodes["nucleus_id"])]
    key = listed[schema.PAIR_KEY].reset_index(drop=True)
    n_synapses, l_d_um = listed["n_synapses"].to_numpy(np.float64), listed["l_d_um"].to_numpy(np.float64)
    size = listed["synapse_size"].to_numpy(np.float64)
    projection, with_layers = _projections(key, nodes)
    population = np.select([n_synapses > 0, l_d_um > 0], ["Connected", "ADP"], "Same region")
    made = [name for name in PUBLISHED if SIMILARITIES[name].column in nodes]
    similar = add_similarities(key, nodes, made)[made] if len(key) else pd.DataFrame({name: np.empty(0) for name in made})
    return pd.DataFrame(
        {
            **{name: key[name].to_numpy(np.int64) for name in schema.PAIR_KEY},
            "population": pd.Categorical(population, categories=POPULATIONS),
            "proj_hva": pd.Categorical(projection, categories=PROJECTIONS),
            "proj_hva_layer": _texts(with_layers),
            "n_synapses": n_synapses,
            "synapse_size": size,
            "mean_synapse_size": np.divide(size, n_synapses, out=np.full(len(size), np.nan), where=n_synapses > 0),
            "dend_len": l_d_um / 1000.0,
            **{name: similar[name].to_numpy(np.float64) for name in made},
        }
    )


def _projections(key: pd.DataFrame, nodes: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Projection of each pair, such as V1->HVA, and its projection with layers, such as V1L2/3->HVAL5."""
    by_id = nodes.set_index("nucleus_id")
    pre, post = by_id.loc[key["pre_nucleus_id"]], by_id.loc[key["post_nucleus_id"]]
    areas = pre["hva"].to_numpy() + "->" + post["hva"].to_numpy()
    layers = pre["hva"].to_numpy() + pre["layer"].to_numpy() + "->" + post["hva"].to_numpy() + post["layer"].to_numpy()
    return areas, layers


def _cells(column: pd.Series, dtype: type) -> np.ndarray:
    """Vectors as cells of one dtype, None where there is none."""
    cells = np.empty(len(column), dtype=object)
    for place, cell in enumerate(column):
        cells[place] = np.array(cell, dtype=dtype) if isinstance(cell, np.ndarray | list | tuple) else None
    return cells


def _texts(values: pd.Series | np.ndarray) -> np.ndarray:
    """The texts, equal ones as one object: a pickle stores a text once for each object that holds it, and its bytes would differ."""
    kept: dict[str, str] = {}
    return np.array([kept.setdefault(value, value) for value in values], dtype=object)


def _write(table: pd.DataFrame, path: Path) -> Path:
    return write_atomic(path, lambda temporary: table.to_pickle(temporary, compression=None, protocol=PROTOCOL))
