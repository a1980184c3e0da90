"""`graphtwin types`: embeddings in; types that were found, or the finding that there are none, with agreement with known types, out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphtwin import artifacts, schema
from graphtwin.clusters import CLASSIFIER, FEWEST, FoundTypes, TypesConfig, agreement_with_known, principal, types_in
from graphtwin.cortex import build
from graphtwin.folders import written
from graphtwin.kinds import RUN, TYPES, kind_of, require_kind
from graphtwin.schema import UNIT_KEY
from graphtwin.sources import load
from graphtwin.sources.formats import read_file
from graphtwin.sources.loaders import brought_embeddings as embedding_files
from graphtwin.tuning import check_embeddings, embedding_columns, normalise, scan_labels, speaking_units

KNOWN = "known_type"  # column of the answer: the type that the table of known types gives a neuron
FOUND, PART = "found types", "parts of the mixture"  # names of the two ways in the table of agreement


def run_types(
    embeddings: Path,
    out: Path,
    known: Path | None = None,
    source: str | None = None,
    column: str = "cell_type",
    config: TypesConfig | None = None,
    force: bool = False,
    draw: Callable[[Path], object] | None = None,
) -> Path:
    """Look for types and write the folder.

    Args:
        embeddings: Table with embedding_* columns, `.npy` with its ids beside it, or the folder of a run.
        out: Folder to write: new, empty, or of an analysis that has not finished, which is begun anew.
        known: Table of known types with nucleus_id, or session, scan_idx and unit_id; those of the run where its folder is given.
        source: Name or TOML of a source whose units are asked for and whose types are known, in place of a table of known types.
        column: Name of the column of known types.
        config: How types are looked for.
        force: Take away what is in the folder, once types are looked for.
        draw: Function that draws the page of a folder into it; None leaves the page out.

    Returns:
        The folder.
    """
    config = config or TypesConfig()
    with written(out, TYPES, force=force, inputs=(embeddings, known)) as begin:
        path = _table_of(Path(embeddings))
        frame, notes = embedding_files.read_embeddings(path), []
        if source is not None:
            tables = load(source)
            cortex = build(tables)
            named = [table.frame for table in tables.of("coregistration")] or [cortex.units]
            matched = pd.concat([table[[*UNIT_KEY, "nucleus_id"]] for table in named]).dropna()
            frame, counted = check_embeddings(frame, matched.drop_duplicates(UNIT_KEY), str(path), cortex.animal)
            notes += [f"{row.n_dropped:,} of {row.n_before:,} {row.unit}: {row.reason}." for row in counted.itertuples() if row.n_dropped]
        units = _alike(frame, str(path), notes)
        types = _types_of(cortex.neurons, units, column, source) if source else _known_types(units, Path(embeddings), known, column)
        vectors = units[embedding_columns(units)].to_numpy(np.float64)
        found = types_in(vectors, config, _shown)
        agreement = pd.DataFrame()
        large = 0 if types is None else int((types.value_counts() >= FEWEST).sum())
        if types is not None and known is None and large < 2:
            notes.append(f"{large} known types of {FEWEST} neurons or more: too few to compare with, two are needed.")
        elif types is not None:
            labels = {PART: found.part} | ({FOUND: found.type_found} if found.n_types > 1 else {})
            points = principal(vectors, config.components)
            agreement = agreement_with_known(points, labels, types.to_numpy(), _scans(units), config.permutations, config.seed)
        begin()
        _write(units, types, found, agreement, out)
        said = {"notes": notes, "found": sentences(found, len(units), agreement)}
        artifacts.write_json(said, out / "notes.json")
        inputs = {str(file): artifacts.sha256(file) for file in (*embedding_files.files(path), *([known] if known else []))}
        inputs |= cortex.provenance if source is not None else {}
        asked = {"question": config.model_dump() | {"known": None if types is None else column}}
        artifacts.write_json(artifacts.provenance(config.seed, inputs) | asked, out / "provenance.json")
        if draw is not None:
            draw(out)
    return out


def _shown(numbers: Any) -> Any:
    """The numbers of the continua behind a bar."""
    from graphtwin.progress import tqdm

    return tqdm(list(numbers), desc="continua", unit="continuum")


def _table_of(path: Path) -> Path:
    """The embeddings file, which in the folder of a run has a name of its own."""
    if not path.is_dir():
        return path
    require_kind(path, RUN)
    return path / "embeddings.parquet"


def _alike(frame: pd.DataFrame, origin: str, notes: list[str]) -> pd.DataFrame:
    """One finite embedding a neuron, alike in every scan; what is left out is noted."""
    names = embedding_columns(frame)
    if not names:
        raise ValueError(
            f"{origin}: no embedding_0, embedding_1, ... column (found {list(map(str, frame.columns))[:8]}). Name the vector's entries so."
        )
    key = UNIT_KEY if set(UNIT_KEY) <= set(frame.columns) else ["nucleus_id"]
    schema.require_columns(frame, key, origin)
    frame = frame.assign(**{name: schema.as_ids(frame[name], f"{origin}, column {name!r}") for name in key})
    frame = frame.assign(**{name: schema.as_numbers(frame[name], f"{origin}, column {name!r}") for name in names})
    finite = np.isfinite(frame[names].to_numpy(np.float64)).all(axis=1)
    if not finite.all():
        notes.append(f"{int((~finite).sum())} of {len(frame)} embeddings have an entry that is missing or infinite: left out.")
    frame = frame[finite].reset_index(drop=True)
    if key == UNIT_KEY and "nucleus_id" in frame and frame["nucleus_id"].notna().all():
        spoken = speaking_units(frame, "reliability" if "reliability" in frame else None, origin)
        if len(spoken) < len(frame):
            notes.append(f"{len(frame) - len(spoken)} of {len(frame)} units are of a nucleus for which another unit speaks: left out.")
        frame = spoken
    schema.require_unique(frame, [*key, *(["animal"] if "animal" in frame else [])], origin)
    if key == UNIT_KEY:
        frame = normalise(frame, "within_scan")
        notes.append(f"Embeddings were given the same mean and covariance in each of {len(np.unique(_scans(frame)))} scans.")
    return frame


def _scans(units: pd.DataFrame) -> np.ndarray:
    """Number of the scan of each row; one where the table does not name scans."""
    return scan_labels(units) if set(UNIT_KEY) <= set(units.columns) else np.zeros(len(units), dtype=np.int64)


def _known_types(units: pd.DataFrame, embeddings: Path, known: Path | None, column: str) -> pd.Series | None:
    """The known type of each row, None where it has none; None in place of all where nothing is known."""
    if known is None and not (embeddings.is_dir() and kind_of(embeddings) == RUN):
        return None
    path = known or embeddings / "tables" / "neurons.parquet"
    table = read_file(path)
    keys = [key for key in (UNIT_KEY, ["nucleus_id"]) if set(key) <= set(table.columns) & set(units.columns)]
    if not keys:
        raise ValueError(
            f"{path}: {list(map(str, table.columns))[:10]} have neither nucleus_id nor session, scan_idx, unit_id in common with the "
            f"embeddings "
            f"({[name for name in units.columns if not str(name).startswith('embedding_')]}). Name the neurons alike in both."
        )
    schema.require_columns(table, [*keys[0], column], str(path))
    table = table.assign(**{name: schema.as_ids(table[name], f"{path}, column {name!r}") for name in keys[0]})
    schema.require_unique(table, keys[0], str(path))
    return _types_of(table, units, column, None if known is None else str(path), keys[0])


def _types_of(table: pd.DataFrame, units: pd.DataFrame, column: str, origin: str | None, key: list[str] | None = None) -> pd.Series | None:
    """The type that a table gives each row; where it gives none, None or, of a table that was named, an error."""
    key = key or ["nucleus_id"]
    schema.require_columns(table, [*key, column], str(origin))
    types = units[key].merge(table[[*key, column]], on=key, how="left")[column]
    if types.notna().any():
        return types.astype(object).where(types.notna(), None)
    if origin is None:
        return None
    raise ValueError(f"{origin}: none of {len(table)} rows gives one of {len(units)} neurons a {column}. Check that ids are the same.")


def _write(units: pd.DataFrame, types: pd.Series | None, found: FoundTypes, agreement: pd.DataFrame, out: Path) -> None:
    """Tables of the folder, as Parquet and CSV."""
    keys = [name for name in (*UNIT_KEY, "nucleus_id", "animal", schema.TWIN, schema.TWIN_CORE) if name in units]
    table = units[keys].assign(type_found=found.type_found, part=found.part, part_probability=found.part_probability)
    if types is not None:
        table = table.assign(**{KNOWN: types.to_numpy()})
    first = principal(units[embedding_columns(units)].to_numpy(np.float64), 2)
    table = table.assign(component_0=first[:, 0], component_1=first[:, 1] if first.shape[1] > 1 else 0.0)
    tables = {"types": table, "modes": found.modes, "continua": found.continua, "mixtures": found.choice.tried, "agreement": agreement}
    for name, frame in tables.items():
        artifacts.write_parquet(frame, out / f"{name}.parquet")
        artifacts.write_table(frame, out / f"{name}.csv")


def sentences(found: FoundTypes, n: int, agreement: pd.DataFrame) -> list[str]:
    """What was found, in words: types or none, what the mixture is worth, and what known types say.

    Args:
        found: What was found.
        n: Number of neurons.
        agreement: Agreement with known types; empty where none are known.
    """
    deepest = float(found.modes["prominence"].max()) if len(found.modes) else 0.0
    highest = float(found.continua["prominence"].max())
    p, k = found.p_value, found.n_neighbours
    valley = f"{deepest:.2f} nats over {k} neighbours, continua without clusters up to {highest:.2f}, p = {p:.2g}"
    if found.n_types == 1:
        said = [f"No clusters: the density of {n:,} embeddings has no valley that a continuum lacks (deepest {valley})."]
    else:
        said = [f"{found.n_types} types: the density of {n:,} embeddings has valleys that a continuum lacks (deepest {valley})."]
    said.append(_of_mixture(found))
    if len(agreement):
        said += _of_known(agreement)
    return said


def _of_mixture(found: FoundTypes) -> str:
    """What the mixture is worth, and whether its parts are more than a way to describe a continuum."""
    number, tried = found.choice.n_components, found.choice.tried
    if number == 1:
        return "One normal predicts held-out neurons as well as any mixture."
    chosen = tried[tried["n_components"].eq(number) & tried["shape"].eq(found.choice.shape)]["log_likelihood"].iloc[0]
    one = tried[tried["n_components"] == 1]["log_likelihood"].max()
    agree, null = found.stability, found.continua
    what = (
        f"A mixture of {number} normals predicts held-out neurons better than one by {chosen - one:.2f} nats a neuron; its parts agree by "
        f"an adjusted Rand index of {agree.over_seeds:.2f} over starts and {agree.over_halves:.2f} over halves of the neurons (continua "
        f"{null['over_seeds'].mean():.2f} and {null['over_halves'].mean():.2f})."
    )
    return what + (" Without a valley between them they describe a continuum and are no types." if found.n_types == 1 else "")


def _of_known(agreement: pd.DataFrame) -> list[str]:
    """Agreement with known types, and whether embeddings tell these at all."""
    rand = agreement[agreement["metric"] == "adjusted_rand"].set_index("method")
    told = agreement[agreement["method"] == CLASSIFIER].iloc[0]
    each = "; ".join(f"{name} {row.estimate:.2f} [{row.low:.2f}, {row.high:.2f}], p = {row.p:.2g}" for name, row in rand.iterrows())
    return [
        f"With {told['n_known']} known types of {told['n']:,} neurons the adjusted Rand index is: {each}.",
        f"A classifier that is given the types tells them in held-out neurons with balanced accuracy {told['estimate']:.2f} "
        f"[{told['low']:.2f}, {told['high']:.2f}] (chance {told['chance']:.2f}), clusters or not.",
    ]
