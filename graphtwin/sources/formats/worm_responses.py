"""Signal propagation in the worm with its raw values, where a user has installed wormneuroatlas (GPL-3); it is no dependency."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin.extras import require_packages
from graphtwin.sources.formats.installed_data import hashes, package_folder

WORMNEUROATLAS = "0.0.7.3"  # version whose file was looked at
FILE = "data/funatlas.h5"
EACH = "wt/dFF_all"  # single responses of each pair, of which wt/dFF is the mean
RAW = (
    f"Randi et al. 2023, doi:10.1038/s41586-023-06683-4, raw values from the file of wormneuroatlas {WORMNEUROATLAS} (GPL-3), which you "
    "installed: mean calcium response amplitude (dF/F) of wild-type animals to the stimulation of a neuron; a gap where the pair was "
    "never measured"
)


def raw_responses(neurons: pd.Index) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, str]]:
    """Mean response of each neuron to the stimulation of others, NaN where never measured; single ones; and the sha256 of the file.

    Neurons that have no name of one side, AWCOFF and AWCON, are left out, and so are those without any value. The package's code, which
    asks a web service, is not run.

    Args:
        neurons: Names of neurons.

    Returns:
        A row a responding neuron, a column a stimulated one; a row a single response, with names `stimulated` and `responding`, none where
        the file has none. It does not say which of these are of one animal.
    """
    what_for = "raw responses of the source 'worm'"
    folder = package_folder("wormneuroatlas", WORMNEUROATLAS, what_for, f"pip install --no-deps wormneuroatlas=={WORMNEUROATLAS}")
    require_packages(what_for, "h5py")
    import h5py

    of_file = hashes(folder, [FILE])
    with h5py.File(folder / FILE) as file:
        names = [name.decode() for name in file["neuron_ids"][:]]
        seen = file["wt/occ1"][:] > 0
        values = np.where(seen, file["wt/dFF"][:], np.nan)  # rows are the responding neurons
        each = file[EACH][:] if EACH in file else np.empty(seen.shape, dtype=object)
    table = pd.DataFrame(values, index=names, columns=names)
    kept = table.index[table.index.isin(neurons)]
    return table.loc[kept, kept].dropna(how="all").dropna(axis=1, how="all"), _single(each, seen, names, neurons), of_file


def _single(each: np.ndarray, seen: np.ndarray, names: list[str], neurons: pd.Index) -> pd.DataFrame:
    """A row a single response of two of the neurons."""
    asked = np.isin(names, neurons)
    responding, stimulated = np.nonzero(seen & asked[:, None] & asked)
    found = [np.asarray([] if each[place] is None else each[place], dtype=np.float64) for place in zip(responding, stimulated, strict=True)]
    count, of = [len(some) for some in found], np.array(names)
    columns = {"stimulated": np.repeat(of[stimulated], count), "responding": np.repeat(of[responding], count)}
    table = pd.DataFrame(columns | {"response": np.concatenate([*found, np.empty(0)])})
    return table[np.isfinite(table["response"])]
