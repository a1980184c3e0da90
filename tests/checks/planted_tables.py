"""A small folder of CAVE-style tables without fault, as CSV."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

CELLS, SYNAPSES = 120, 400
DIRECTIONS = [f"direction_{angle:05.1f}".replace(".", "_") for angle in np.arange(16) * 22.5]
ROLES = {
    "coregistration": "coregistration",
    "nuclei": "nuclei",
    "responses": "responses",
    "synapses": "synapse_list",
    "queried": "queried_post",
}


def write_tables(folder: Path) -> Path:
    """Write the tables and the TOML `lab.toml` that names them; returns the folder."""
    rng = np.random.default_rng(5)
    place = np.stack([rng.uniform(50000, 250000, CELLS), rng.uniform(110000, 290000, CELLS), rng.uniform(5000, 25000, CELLS)], axis=1)
    place = place.round().astype(int)
    root, nucleus = 864691130000000123 + 7919 * np.arange(CELLS), 1000 + np.arange(CELLS)
    split = {f"pt_position_{axis}": place[:, at] for at, axis in enumerate("xyz")}
    layer = np.array(["2/3", "4", "5", "6"])[np.digitize(place[:, 1], [170000, 210000, 250000])]
    nuclei = pd.DataFrame({"id": nucleus, "pt_root_id": root, **split, "layer": layer})
    functional = np.arange(80)
    session = np.where(functional < 40, 4, 5)
    key = {"session": session, "scan_idx": 7, "unit_id": functional % 40 + 1}
    matched = pd.DataFrame(
        {**key, "target_id": nucleus[:80], "pt_root_id": root[:80], **{name: values[:80] for name, values in split.items()}}
    )
    preferred = rng.uniform(0, 2 * np.pi, 80)
    angles = np.deg2rad(np.arange(16) * 22.5)
    rates = rng.lognormal(0, 0.3, (80, 1)) * (0.2 + np.exp(2 * (np.cos(angles - preferred[:, None]) - 1))) * rng.lognormal(0, 0.1, (80, 16))
    responses = pd.DataFrame({**key, **dict(zip(DIRECTIONS, rates.T.round(5), strict=True))})
    pre, post = rng.integers(0, CELLS, SYNAPSES), rng.integers(0, CELLS, SYNAPSES)
    at = place[post] + rng.integers(-2000, 2000, (SYNAPSES, 3))
    centre = {f"ctr_pt_position_{axis}": at[:, number] for number, axis in enumerate("xyz")}
    synapses = pd.DataFrame(
        {"id": np.arange(SYNAPSES), "pre_pt_root_id": root[pre], "post_pt_root_id": root[post], "size": 100 + pre, **centre}
    )
    synapses = synapses[pre != post]
    queried = pd.DataFrame({"post_pt_root_id": root})
    for name, table in {
        "coregistration": matched,
        "nuclei": nuclei,
        "responses": responses,
        "synapses": synapses,
        "queried": queried,
    }.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    lines = ['name = "lab"', "[frame]", "voxel_nm = [4.0, 4.0, 40.0]", "tilt_deg = 5.0", "pia_um = 396.67"]
    for name, role in ROLES.items():
        lines += ["[[tables]]", f'role = "{role}"', f'file = "{name}.csv"', "materialization = 661"]
        lines += ['columns = { nucleus_id = "id" }'] if name == "nuclei" else []
    (folder / "lab.toml").write_text("\n".join(lines) + "\n")
    return folder
