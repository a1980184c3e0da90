"""Claims: the graph model and like-to-like of one run ask the same unit of every nucleus."""

import numpy as np
import pandas as pd
import pytest

from graphtwin.cortex.cortex import Cortex
from graphtwin.graph.runs.study import Study, make_study
from graphtwin.graph.settings import Settings
from graphtwin.pipeline.graph import main_job as run
from graphtwin.schema import UNIT_KEY
from graphtwin.wiring.questions import Exposed

pytestmark = pytest.mark.slow


OF_A_UNIT = ["nucleus_id", *UNIT_KEY]


@pytest.fixture(scope="module")
def study(cortex: Cortex) -> Study:
    """The bundle with embeddings of all units but every seventh, reliabilities drawn."""
    rng = np.random.default_rng(0)
    units = cortex.units[np.arange(len(cortex.units)) % 7 > 0].sort_values(UNIT_KEY, ignore_index=True)
    values = pd.DataFrame(rng.normal(size=(len(units), 2)).astype(np.float32), columns=["embedding_0", "embedding_1"])
    reliability = rng.choice([0.1, 0.5, np.nan], len(units))
    return make_study(Settings(), cortex, units[[*UNIT_KEY, "nucleus_id"]].join(values).assign(reliability=reliability))


def test_every_nucleus_has_one_unit_and_an_embedded_one_where_it_can(study: Study):
    assert study.units["nucleus_id"].tolist() == sorted(study.cortex.units["nucleus_id"].unique())
    asked = study.units[OF_A_UNIT].merge(study.features[OF_A_UNIT], on="nucleus_id", suffixes=("", "_of_the_graph"))
    assert len(asked) == len(study.features) < len(study.units)
    assert asked[UNIT_KEY].to_numpy().tolist() == asked[[f"{name}_of_the_graph" for name in UNIT_KEY]].to_numpy().tolist()
    first = study.cortex.units.drop_duplicates("nucleus_id")
    assert len(study.units.merge(first[UNIT_KEY])) < len(study.units) - 50  # the first unit would be another one


def test_both_comparisons_of_a_run_are_given_these_units(study: Study, tmp_path, monkeypatch):
    asked: dict[str, pd.DataFrame] = {}

    def matched(cortex: Cortex, units: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        asked["matched"] = units
        return pd.DataFrame(), pd.DataFrame()

    def conditional(cortex: Cortex, units: pd.DataFrame, seed: int, exposures: dict[int, Exposed]) -> pd.DataFrame:
        asked["conditional"] = units
        return pd.DataFrame()

    monkeypatch.setattr(run, "compare_with_matched", matched)
    monkeypatch.setattr(run, "conditional_like_to_like", conditional)
    run.matched_job(study, tmp_path / "matched.parquet", run.MATCHED)
    run.conditional_job(study, tmp_path / "conditional.parquet", run.CONDITIONAL)
    for units in asked.values():
        pd.testing.assert_frame_equal(units, study.units)
    assert len(asked) == 2
