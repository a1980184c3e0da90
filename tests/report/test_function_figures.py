"""The page of a run on function of any kind speaks of columns and names them."""

import numpy as np
import pandas as pd
import pytest

from graphtwin.report.figures import embedding_figures
from graphtwin.report.folder import RunFolder
from graphtwin.report.words import number_text
from graphtwin.tuning.learned import LearnedEmbeddings, learn_embeddings
from graphtwin.tuning.selection import BasisConfig
from tests.tuning.planted import any_columns, planted_function


@pytest.fixture(scope="module")
def learned() -> LearnedEmbeddings:
    values, _, _ = planted_function(60, 12, 1, seed=0, gaps=0.2)
    keys = pd.DataFrame({"session": 0, "scan_idx": 0, "unit_id": np.arange(60), "nucleus_id": np.arange(60)})
    columns = any_columns(12, what="dF/F to odours")
    units = keys.join(pd.DataFrame(values, columns=columns["column"]))
    return learn_embeddings(units, BasisConfig(ranks=(1, 2), folds=2), columns)


@pytest.mark.parametrize("axis", ["free", "linear"])
def test_the_basis_and_its_score_are_told_of_columns_and_not_of_directions(learned, axis, tmp_path):
    basis = learned.columns.assign(component_0=learned.basis.basis[0], axis=axis, position=np.arange(12.0))
    tables = {"basis": basis, "embedding_scores": learned.held_out.scores, "embedding_grid": learned.held_out.grid}
    for name, frame in tables.items():
        frame.to_parquet(tmp_path / f"{name}.parquet")
    drawn, scored = embedding_figures.draw_embedding(RunFolder.open(tmp_path))
    largest = basis["column"].iloc[int(np.abs(learned.basis.basis[0]).argmax())]
    assert f"1 learned functions of 12 columns; the first weighs most on {largest}" in drawn.sentence
    assert "dF/F to odours" in drawn.caption
    ours = learned.held_out.scores.iloc[0]["estimate"]
    assert f"On columns a unit did not show, the embedding explains {number_text(ours)} of the variance" in scored.sentence
    assert "SVD with gaps" in scored.sentence
    for block in (drawn, scored):
        assert "direction" not in f"{block.title} {block.sentence} {block.caption}"
