import numpy as np
import pandas as pd
import pytest

from graphtwin.tuning import add_similarities, check_embeddings, require_one_twin
from tests.tuning.test_embeddings import brought


def rows(*told: tuple[int, object, object]) -> pd.DataFrame:
    parts = [pd.DataFrame({"twin": [twin] * number, "twin_core": [core] * number}) for number, twin, core in told]
    return pd.concat(parts, ignore_index=True)


def test_rows_of_one_twin_are_told_and_those_of_another_core_are_refused_with_their_numbers():
    assert require_one_twin(rows((3, "t1", "c1")), "e") == {"twin": ["t1"], "twin_core": ["c1"]}
    with pytest.raises(ValueError, match=r"e: its 5 rows are of 2 twins that share no core: 3 of t1 \(core c1\), 2 of t2 \(core c2\)"):
        require_one_twin(rows((3, "t1", "c1"), (2, "t2", "c2")), "e")


def test_twins_that_keep_one_core_may_stand_together():
    assert require_one_twin(rows((3, "t1", "c1"), (2, "t2", "c1")), "e") == {"twin": ["t1", "t2"], "twin_core": ["c1"]}


def test_twins_are_compared_where_no_core_is_named():
    with pytest.raises(ValueError, match="3 of t1, 2 of t2"):
        require_one_twin(rows((3, "t1", "c1"), (2, "t2", "c1"))[["twin"]], "e")


def test_rows_that_name_no_twin_are_no_part_of_one_that_does_and_alone_are_somebody_elses():
    with pytest.raises(ValueError, match=r"3 of t1 \(core c1\), 2 of no twin that is named"):
        require_one_twin(rows((3, "t1", "c1"), (2, None, None)), "e")
    assert require_one_twin(rows((2, None, None)), "e") == {}
    assert require_one_twin(pd.DataFrame({"twin_core": ["a", "b"]}), "e") == {}  # somebody's own column


def test_brought_embeddings_of_two_twins_are_refused_and_those_of_one_keep_its_name(units):
    table = brought(units).assign(twin="t1", twin_core="c1")
    kept, _ = check_embeddings(table, units, "e.parquet")
    assert kept[["twin", "twin_core"]].drop_duplicates().to_numpy().tolist() == [["t1", "c1"]]
    mixed = table.assign(twin_core=np.where(np.arange(len(units)) < 30, "c2", "c1"))
    with pytest.raises(ValueError, match=rf"its {len(units)} rows .* 30 of t1 \(core c2\).*write the table of all animals"):
        check_embeddings(mixed, units, "e.parquet")
    foreign = mixed.assign(unit_id=mixed["unit_id"].where(mixed["twin_core"] == "c1", mixed["unit_id"] + 10**6))
    assert set(check_embeddings(foreign, units, "e.parquet")[0]["twin_core"]) == {"c1"}  # of units that are not of this cortex


def test_similarities_of_neurons_that_two_twins_tell_are_refused():
    neurons = pd.DataFrame({"nucleus_id": [1, 2, 3], "readout_cvt": list(np.eye(3)), "twin": ["t1", "t2", None]})
    pairs = pd.DataFrame({"pre_nucleus_id": [1, 2], "post_nucleus_id": [2, 3]})
    with pytest.raises(ValueError, match="1 of t1, 1 of t2"):
        add_similarities(pairs, neurons, ["feature_similarity"])
    assert len(add_similarities(pairs.tail(1), neurons, ["feature_similarity"])) == 1
