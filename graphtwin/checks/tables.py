"""Faults of a folder of tables that fits its schema: other places, other scans, other scales, tunings that are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin import schema
from graphtwin.checks.finding import Finding, refused, some
from graphtwin.checks.raw_tables import check_files
from graphtwin.checks.tiers import spread_of
from graphtwin.execute import rng_for
from graphtwin.sources import SourceTables, load

DEPTH_UM = (-100.0, 2500.0)  # depths below the pia between which cortex and the white matter below it lie
BESIDE = 100.0  # um beside the cells of all tables from which the units of a scan lie outside the tissue
LAYERS = ("1", "2", "2/3", "23", "3", "4", "5", "5a", "5b", "6", "6a", "6b", "wm")  # words of layers from the pia downwards
OTHER_SCALE = 6.0  # ratio of a scan's responses to those of the other scans from which they are in another unit
FEWEST_UNITS = 20
SMOOTH = 0.01  # p above which neighbouring directions are called no more alike than others
KNOWN = 0.5  # share of keys that must be known in the table they point to
OTHER_ROOTS = 0.2  # share of nuclei with another root id in a table of the same materialization, from which one of both is of another
PERMUTATIONS = 999


def check_tables(source: str | Path) -> list[Finding]:
    """What is wrong with the tables of a folder.

    Args:
        source: The TOML that names the tables, or the name of a bundled source.
    """
    found = check_files(Path(source)) if Path(source).is_file() else []
    try:
        tables = load(source)
    except (ValueError, OSError) as error:
        return [refused(error, str(source)), *found]
    return found + check_source(tables)


def check_source(source: SourceTables) -> list[Finding]:
    """What is wrong with tables that were read and that agree with their schema.

    Args:
        source: The tables, as `sources.load` hands them over.
    """
    checks: tuple[Callable[[SourceTables], list[Finding]], ...] = (
        unknown_keys,
        other_roots,
        impossible_places,
        layers_upside_down,
        scales_of_scans,
        rough_tuning,
        copied_responses,
        odd_pairs,
    )
    return [finding for check in checks for finding in check(source)]


def unknown_keys(source: SourceTables) -> list[Finding]:
    """Tables of units and cells that hardly have a key in common with the others, and scans whose session and number are exchanged."""
    found = []
    matched = source.of("coregistration")
    scans = set().union(*(_scans(table.frame) for table in matched))
    for table in source.of("responses", "areas", "unit_roots"):
        own = _scans(table.frame)
        exchanged = sorted(scan for scan in own - scans if scan[::-1] in scans - own)
        # A list of all units has those of the coregistration in it, and is none of the wrong ones for having more.
        shared = max(
            _share_known(table.frame, matched, schema.UNIT_KEY), min(_share_known(one.frame, [table], schema.UNIT_KEY) for one in matched)
        )
        if exchanged or (shared < KNOWN / 5 and len(table.frame) >= FEWEST_UNITS):
            hint = f"; as scan_idx, session {some([scan[::-1] for scan in exchanged])} are in it, and nowhere here" if exchanged else ""
            what = (
                f"session, scan_idx {some(exchanged)} of {table.origin} are not in the coregistration"
                if exchanged
                else (f"{shared:.0%} of {len(table.frame)} units of {table.origin} are in the coregistration")
            )
            found.append(
                _finding(
                    "keys that nobody knows",
                    what,
                    table.origin,
                    f"counted{hint}",
                    "units lose their responses or their place",
                    "exchange the columns session and scan_idx" if exchanged else "number sessions, scans and units alike",
                )
            )
    cells = source.of("nuclei", "cell_types_fine", "cell_types_coarse")
    for table in matched:
        if cells and (shared := _share_known(table.frame, cells, ["nucleus_id"])) < KNOWN:
            found.append(
                _finding(
                    "keys that nobody knows",
                    f"{shared:.0%} of {len(table.frame)} nuclei of {table.origin} are in a table of cells",
                    table.origin,
                    "counted",
                    "functional cells have no type and no place",
                    "export both tables from one volume",
                )
            )
    return found


def _scans(frame: pd.DataFrame) -> set[tuple[int, int]]:
    return {(int(session), int(scan)) for session, scan in frame[["session", "scan_idx"]].drop_duplicates().to_numpy()}


def _share_known(frame: pd.DataFrame, others: list, key: list[str]) -> float:
    known = pd.MultiIndex.from_frame(pd.concat([other.frame[key] for other in others]))
    return float(pd.MultiIndex.from_frame(frame[key]).isin(known).mean())


def other_roots(source: SourceTables) -> list[Finding]:
    """Tables of one materialization that give the same nuclei other root ids."""
    found = []
    rooted = [table for table in source.tables if {"nucleus_id", "root_id"} <= set(table.frame)]
    for place, later in enumerate(rooted):
        for earlier in rooted[:place]:
            if earlier.materialization != later.materialization:
                continue
            both = (
                earlier.frame[["nucleus_id", "root_id"]]
                .drop_duplicates("nucleus_id")
                .merge(later.frame[["nucleus_id", "root_id"]], on="nucleus_id")
            )
            both = both[(both["root_id_x"] != 0) & (both["root_id_y"] != 0)]
            other = (both["root_id_x"] != both["root_id_y"]).mean() if len(both) else 0.0
            if other > OTHER_ROOTS:
                found.append(
                    _finding(
                        "root ids of another materialization",
                        f"{other:.0%} of {len(both)} nuclei have other root ids in {later.origin} than in {earlier.origin}",
                        f"{earlier.origin}, {later.origin}",
                        f"counted; both are said to be of materialization {later.materialization}",
                        "synapses are joined with other cells, or with none",
                        "say the materialization of each table as it was exported",
                    )
                )
    return found


def impossible_places(source: SourceTables) -> list[Finding]:
    """Depths at which there is no cortex, and scans whose units lie beside all cells."""
    found = []
    placed = [table for table in source.tables if set(schema.POSITION) <= set(table.frame)]
    if source.axes == schema.AXES:  # a frame of cortex
        for table in placed:
            depth = table.frame["depth_um"].dropna()
            off = (depth < DEPTH_UM[0]) | (depth > DEPTH_UM[1])
            if len(depth) and off.mean() > 0.01:
                found.append(
                    _finding(
                        "impossible depths",
                        f"{off.mean():.0%} of {len(depth)} rows of {table.origin} "
                        f"lie {depth.min():.0f} to {depth.max():.0f} um below the pia",
                        table.origin,
                        f"certain: cortex is {DEPTH_UM[0]:g} to {DEPTH_UM[1]:g} um deep",
                        "depth, layer and distance are wrong",
                        "correct [frame] (voxel_nm, tilt_deg, pia_um), or the unit of the positions",
                    )
                )
    cells = [
        table.frame[schema.POSITION].dropna()
        for table in placed
        if table.role in ("nuclei", "cell_types_fine", "cell_types_coarse", "somata")
    ]
    if not cells:
        return found
    everything = pd.concat(cells)
    low, high = everything.quantile(0.001) - BESIDE, everything.quantile(0.999) + BESIDE
    for table in source.of("coregistration", "unit_roots"):
        if not set(schema.POSITION) <= set(table.frame):
            continue
        for (session, scan), rows in table.frame.dropna(subset=schema.POSITION).groupby(["session", "scan_idx"]):
            outside = ((rows[schema.POSITION] < low) | (rows[schema.POSITION] > high)).any(axis=1)
            if outside.mean() > 0.5 and len(rows) >= 3:
                found.append(
                    _finding(
                        "scans outside the tissue",
                        f"{outside.mean():.0%} of {len(rows)} units lie {BESIDE:g} um or more beside all cells",
                        f"{table.origin}, session {session}, scan_idx {scan}, depths "
                        f"{rows['depth_um'].min():.0f} to {rows['depth_um'].max():.0f} um",
                        f"counted; cells lie at depths of {everything['depth_um'].min():.0f} to {everything['depth_um'].max():.0f} um",
                        "distances of these units are wrong",
                        "find the unit and frame of this scan's positions",
                    )
                )
    return found


def layers_upside_down(source: SourceTables) -> list[Finding]:
    """Cells of deep layers above those of shallow ones."""
    found = []
    for table in source.of("somata", "nuclei"):
        if "layer" not in table.frame or "depth_um" not in table.frame:
            continue
        names = table.frame["layer"].astype(str).str.lower().str.removeprefix("layer").str.removeprefix("l").str.strip()
        order = names.map({name: at for at, name in enumerate(LAYERS)})
        known = order.notna() & table.frame["depth_um"].notna()
        if known.sum() < FEWEST_UNITS or order[known].nunique() < 2:
            continue
        correlation = float(order[known].corr(table.frame["depth_um"][known], method="spearman"))
        if correlation < 0.2:
            found.append(
                _finding(
                    "depth against layers",
                    f"depth and layer of {int(known.sum())} cells do not go together (rank correlation {correlation:.2f})",
                    table.origin,
                    f"of {int(known.sum())} cells; chance gives 0 +- {1 / np.sqrt(known.sum()):.2f}, cortex about 0.9",
                    "depth is upside down, along another axis, or of other cells",
                    "check the order of x, y, z and the sign of depth",
                )
            )
    return found


def scales_of_scans(source: SourceTables) -> list[Finding]:
    """Scans whose responses are a multiple of those of the others."""
    found = []
    for table in source.of("responses"):
        values = table.frame.drop(columns=schema.UNIT_KEY).to_numpy(np.float64)
        size = pd.Series(np.log(np.maximum(np.abs(values).mean(1), 1e-12)))
        scan = table.frame[["session", "scan_idx"]].apply(tuple, axis=1)
        middles = size.groupby(scan).agg(["median", "size"])
        middles = middles[middles["size"] >= 5]
        within = spread_of((size - size.groupby(scan).transform("median")).to_numpy())
        if len(middles) < 2:
            continue
        for key, row in middles.iterrows():
            others = size[scan != key]
            ratio = float(np.exp(row["median"] - others.median()))
            error = 1.25 * within * np.sqrt(1 / row["size"] + 1 / len(others))
            if abs(np.log(ratio)) > max(np.log(OTHER_SCALE), 5 * error):
                found.append(
                    _finding(
                        "units of scans differ",
                        f"responses of session, scan {key} are {ratio:.3g} times those of the other scans in the median",
                        f"{table.origin}, {int(row['size'])} units",
                        f"{abs(np.log(ratio)) / error:.0f} standard errors; scans of one microscope differ by less than {OTHER_SCALE:g}",
                        "similarity and tuning strength tell scans from each other, and not neurons",
                        "export all scans in one unit",
                    )
                )
    return found


def rough_tuning(source: SourceTables) -> list[Finding]:
    """Directions whose neighbours are no more alike than others: columns in another order, or responses that no direction predicts."""
    found = []
    for table in source.of("responses"):
        columns = sorted(name for name in table.frame if name not in schema.UNIT_KEY)
        values = table.frame[columns].to_numpy(np.float64)
        values = values[values.std(1) > 0]
        angles = np.array([float(name.removeprefix("direction_").replace("_", ".")) for name in columns])
        steps = np.diff(np.append(np.sort(angles), np.sort(angles)[0] + 360))
        if len(columns) < 8 or len(values) < FEWEST_UNITS or np.ptp(steps) > 1:
            continue
        scaled = values / np.maximum(values.mean(0), 1e-12)  # a direction's own gain is no tuning
        scaled = scaled - scaled.mean(1, keepdims=True)
        scaled /= np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1e-12)
        alike = scaled.T @ scaled
        n = len(columns)

        def beside(order: np.ndarray, alike: np.ndarray = alike) -> float:
            return float(alike[order, np.roll(order, 1)].sum())

        rng = rng_for(0, "directions dealt anew", n)
        observed = beside(np.arange(n))
        p = (1 + sum(beside(rng.permutation(n)) >= observed for _ in range(PERMUTATIONS))) / (1 + PERMUTATIONS)
        if p > SMOOTH:
            found.append(
                _finding(
                    "tuning that is not smooth",
                    f"responses of {len(values)} units to neighbouring directions are no more alike than to any others",
                    table.origin,
                    f"p = {p:.2g} that directions dealt anew are as smooth ({PERMUTATIONS} permutations)",
                    "preferred directions, selectivity and every similarity of tuning are chance",
                    "check the order of the columns, and that rows are units",
                )
            )
    return found


def copied_responses(source: SourceTables) -> list[Finding]:
    """Units with exactly the responses of another."""
    found = []
    for table in source.of("responses"):
        values = table.frame.drop(columns=schema.UNIT_KEY)
        varied = values[(values.nunique(axis=1) > 2)]
        copies = varied.duplicated(keep=False)
        if copies.any():
            rows = table.frame.loc[copies[copies].index, schema.UNIT_KEY].head(3).to_dict("records")
            found.append(
                _finding(
                    "copied responses",
                    f"{int(copies.sum())} of {len(values)} units have exactly the responses of another",
                    f"{table.origin}, first {rows}",
                    "certain: equal in all directions",
                    "similarities of 1 between cells that were measured once",
                    "export each unit's own responses",
                )
            )
        constant = values.nunique(axis=1) == 1
        if constant.any() and (values[constant] != 0).any(axis=None):
            found.append(
                _finding(
                    "constant channel",
                    f"{int(constant.sum())} of {len(values)} units have one response to all directions",
                    table.origin,
                    "certain",
                    "they have no tuning",
                    "leave the units out, or export what was measured",
                )
            )
    return found


def odd_pairs(source: SourceTables) -> list[Finding]:
    """Synapses of cells onto themselves, more than reconstructions have, and onto cells that nobody queried."""
    found = []
    for table in source.of("synapses", "synapse_list"):
        own = (table.frame["pre_root_id"] == table.frame["post_root_id"]).mean()
        if own > 0.1 and len(table.frame) >= 50:
            found.append(
                Finding(
                    "synapses onto themselves",
                    "warning",
                    f"{own:.0%} of {len(table.frame)} rows have one cell on both sides",
                    table.origin,
                    "counted; reconstructions have some in a hundred, and a few animals have many autapses",
                    "they are left out of everything; if they are no autapses, the wrong column is read as the other side",
                    "leave them in if they are autapses, else export both sides of the synapses",
                )
            )
        queried = [other.frame["post_root_id"] for other in source.of("queried_post") if other.materialization == table.materialization]
        if queried:
            outside = 1 - table.frame["post_root_id"].isin(np.concatenate(queried)).mean()
            if outside > 0.2:
                found.append(
                    _finding(
                        "synapses onto cells that nobody queried",
                        f"{outside:.0%} of {len(table.frame)} rows have a target that is not in the list of queried cells",
                        table.origin,
                        "counted",
                        "these synapses are left out, and pairs without one may be missing in the same way",
                        "export the list of the same query",
                    )
                )
    return found


def _finding(check: str, what: str, where: str, sure: str, effect: str, do: str) -> Finding:
    return Finding(check, "fault", what, where, sure, effect, do)
