"""A methods section says what was fitted, in what software, and what to cite."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin.report.folder import RunFolder
from graphtwin.report.pages.methods import like_to_like_methods as methods


def folder(path: Path, p_spatial: float) -> RunFolder:
    row = {"geometry": "distance, offset along x", "clusters": "axons", "p": 0.01, "p_spatial": p_spatial, "df": 12.34}
    pd.DataFrame([row, row | {"geometry": "", "p": np.nan}]).to_parquet(path / "robust.parquet")
    (path / "models.json").write_text(json.dumps({"sim": {"formula": "n_synapses ~ sim", "family": "negative_binomial"}}))
    (path / "provenance.json").write_text(json.dumps({"graphtwin": "1.2.3", "seed": 7}))
    return RunFolder(path)


def test_formula_family_software_and_what_is_held_are_said(tmp_path: Path):
    text = " ".join(methods(folder(tmp_path, 0.02)))
    assert "`n_synapses ~ sim` (negative binomial, log link)" in text
    assert "natural splines of distance and offset along x held" in text
    assert "clustered by axons (CR2, Student's t with 12.3 to 12.3 degrees of freedom)" in text
    assert "p was adjusted for 1 test (Holm)" in text
    assert "graphtwin 1.2.3, seed 7" in text
    assert text.count("doi:") >= 5


def test_the_spatial_null_is_named_only_where_it_was_drawn(tmp_path: Path):
    assert "equally smooth function (spatial null)" in methods(folder(tmp_path, 0.02))[0]
    assert "too small where function is organised in layers: 0.10 to 0.15" in methods(folder(tmp_path, 0.02))[0]
    assert "equally smooth" not in methods(folder(tmp_path, np.nan))[0]


def test_gamma_in_place_of_tweedie_is_told(tmp_path: Path):
    run = folder(tmp_path, 0.02)
    assert "Tweedie" not in " ".join(methods(run))
    (tmp_path / "models.json").write_text(json.dumps({"sim": {"formula": "l_d_um ~ sim + (1 | pre_nucleus_id)", "family": "gamma"}}))
    assert "no pair has a co-travel of 0 the published Tweedie model has no fit; the gamma model" in " ".join(methods(run))
