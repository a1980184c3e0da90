"""A small DataFrame with every kind of column the released tables could hold, and the pickles of it under `pickles/`.

`pickles/pandas_X.pkl` is what `python tests/sources/every_kind.py FILE` wrote under pandas X, protocol 4, and
`pandas_X_pyarrow_protocol_P.pkl` what `python tests/sources/every_kind.py FILE P` wrote beside pyarrow.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd


def every_kind() -> pd.DataFrame:
    """Three rows, indexed by post_nucleus_id."""
    return pd.DataFrame(
        {
            "pre_nucleus_id": np.arange(3),
            "dend_len": [0.0, 0.25, np.nan],
            "n_synapses": np.array([0, 1, 2], dtype=np.int32),
            "proofread": [True, False, True],
            "brain_area": ["V1", "LM", "V1"],
            "population": pd.Categorical(["ADP", None, "Connected"]),
            "readout_cvt": [np.arange(3, dtype=np.float32), np.arange(2.0), None],
            "scan_idx": [np.int64(4), np.float64(0.5), [np.float32(2), "text"]],
            "layer": pd.array(["L4", None, "L5"], dtype="string"),
            "unit_id": pd.array([1, None, 3], dtype="Int64"),
            "is_functional": pd.array([True, None, False], dtype="boolean"),
            "read_on": pd.to_datetime(["2025-04-09", "2025-04-10", None]),
        },
        index=pd.Index([7, 8, 9], name="post_nucleus_id"),
    )


if __name__ == "__main__":
    every_kind().to_pickle(sys.argv[1], protocol=int(sys.argv[2]) if len(sys.argv) > 2 else 4)
