import numpy as np
import pandas as pd
import pytest

from graphtwin import schema
from graphtwin.tuning.embeddings import align_scans, check_embeddings, embedding_columns, normalise
from graphtwin.tuning.learned import learn_embeddings

KEY = ["session", "scan_idx", "unit_id"]


def brought(units: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """A table as another twin would export it: twelve numbered columns, keys of the units."""
    vectors = np.random.default_rng(seed).normal(size=(len(units), 12)).astype(np.float32)
    return pd.concat([units[KEY], pd.DataFrame(vectors, columns=[f"embedding_{index}" for index in range(12)])], axis=1)


def test_learned_embeddings_pass_the_wall_and_cover_every_unit(units, learned):
    schema.check(learned.embeddings, schema.WALLS["embeddings"], "learned")
    assert len(learned.embeddings) == len(units)
    assert learned.embeddings["reliability"].median() > 0.5  # planted curves, little noise


def test_the_order_of_the_table_changes_nothing(units, learned, small_config):
    shuffled = learn_embeddings(units.sample(frac=1.0, random_state=3), small_config).embeddings
    pd.testing.assert_frame_equal(learned.embeddings, shuffled)


def test_units_without_a_curve_are_left_out_and_a_missing_direction_is_carried(units, small_config):
    spoiled = units.copy()
    spoiled.loc[7, "direction_090_0"] = np.nan
    columns = [name for name in units if name.startswith("direction_")]
    spoiled.loc[[3, 8], columns] = np.nan
    spoiled.loc[5, columns[:12]] = 0.0
    learned = learn_embeddings(spoiled, small_config)
    assert learned.funnel["n_dropped"].tolist() == [2, 1]
    assert set(units["unit_id"]) - set(learned.embeddings["unit_id"]) == set(units.loc[[3, 5, 8], "unit_id"])
    assert np.isfinite(learned.embeddings[embedding_columns(learned.embeddings)].to_numpy()).all()


def test_a_repeated_unit_is_refused(units, small_config):
    with pytest.raises(ValueError, match=r"units: 1 of 401 rows repeat the key \['session', 'scan_idx', 'unit_id'\]"):
        learn_embeddings(pd.concat([units, units.head(1)]), small_config)


def test_scans_share_mean_and_covariance_after_alignment():
    rng = np.random.default_rng(0)
    scan = np.repeat([0, 1], [3000, 3000])
    values = rng.normal(size=(6000, 3)) * np.where(scan, 3.0, 1.0)[:, None] + scan[:, None]
    aligned = align_scans(values, scan)
    np.testing.assert_allclose(aligned[scan == 0].mean(0), aligned[scan == 1].mean(0), atol=1e-9)
    np.testing.assert_allclose(np.cov(aligned[scan == 0].T), np.cov(aligned[scan == 1].T), rtol=0.05, atol=0.05)


def test_length_normalisation_leaves_vectors_of_length_one(units):
    table, _ = check_embeddings(brought(units), units, "twin.parquet")
    unit_length = normalise(table, "length")
    np.testing.assert_allclose(np.linalg.norm(unit_length[embedding_columns(unit_length)], axis=1), 1.0, rtol=1e-5)


def test_a_brought_table_comes_through_with_its_vectors_in_the_order_of_their_numbers(units):
    frame = brought(units)
    shuffled = frame[frame.columns[::-1]].sample(frac=1.0, random_state=1)
    table, funnel = check_embeddings(shuffled, units, "twin.parquet")
    merged = table.merge(frame, on=KEY, suffixes=("", "_in"))
    np.testing.assert_array_equal(merged["embedding_11"], merged["embedding_11_in"])
    assert funnel["n_dropped"].sum() == 0


def test_rows_the_cortex_does_not_know_or_that_hold_nan_are_counted(units):
    frame = brought(units)
    frame.loc[0, "embedding_3"] = np.nan
    frame.loc[1, "unit_id"] = 999_999
    table, funnel = check_embeddings(frame, units, "twin.parquet")
    assert len(table) == len(units) - 2
    assert funnel.set_index("step")["n_dropped"].to_dict() == {"finite": 1, "known to the cortex": 1, "covered units": 2}


def test_a_table_by_nucleus_gives_every_unit_of_the_nucleus_the_row(units):
    shared = units.assign(nucleus_id=units["nucleus_id"] // 2)  # two units a nucleus
    frame = brought(units).drop(columns=KEY).head(50).assign(nucleus_id=shared["nucleus_id"].unique()[:50])
    table, _ = check_embeddings(frame, shared, "twin.csv")
    assert len(table) == 100
    assert (table.groupby("nucleus_id")["embedding_0"].nunique() == 1).all()


def test_a_table_of_another_data_set_is_refused(units):
    with pytest.raises(ValueError, match="none of 400 rows matches a unit of the cortex"):
        check_embeddings(brought(units).assign(unit_id=units["unit_id"] + 10**6), units, "twin.csv")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.assign(unit_id=f["unit_id"] + 0.5), "400 of 400 ids are no whole numbers"),
        (lambda f: pd.concat([f, f.head(2)]), r"2 of 402 rows repeat the key"),
        (lambda f: f.rename(columns=lambda name: name.replace("embedding_", "dim")), "no embedding_0, embedding_1"),
        (lambda f: f.assign(embedding_2="much"), r"1 embedding columns are not numbers, first \['embedding_2'\]"),
        (lambda f: f.assign(nucleus_id=7), "400 of 400 units have another nucleus_id"),
        (lambda f: f.drop(columns="scan_idx"), "nucleus_id"),
        (lambda f: f.assign(**dict.fromkeys(embedding_columns(f), 0.5)), r"all 400 embeddings are the same vector \(0.5, 0.5, 0.5"),
        (lambda f: f.drop(columns=embedding_columns(f)[1:]).assign(embedding_0=2), r"all 400 embeddings are the same vector \(2\)"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_with_what_was_found(units, spoil, message):
    with pytest.raises(ValueError, match=message):
        check_embeddings(spoil(brought(units)), units, "twin.parquet")


def named(units: pd.DataFrame, *names: str) -> pd.DataFrame:
    """The brought table with a column `animal`, the names in turn scan by scan."""
    scans = units.groupby(["session", "scan_idx"]).ngroup()
    return brought(units).assign(animal=[names[scan % len(names)] for scan in scans])


def test_rows_of_two_animals_are_not_joined_to_one_volume(units):
    frame = named(units, "static1111-6-2-ColorImages", "dynamic2222-4-7-Video")
    with pytest.raises(ValueError, match=r"rows of 2 animals, '(static1111|dynamic2222).*animal = \.\.\.. in the TOML"):
        check_embeddings(frame, units, "twin.parquet")


def test_scans_of_one_animal_are_joined_whatever_their_recordings_are_called(units):
    frame = named(units, "static1111-6-2-ColorImages", "dynamic1111-4-7-Video", "sub-1111_ses-4-scan-7", "1111")
    assert len(check_embeddings(frame, units, "twin.parquet")[0]) == len(units)


def test_the_animal_that_the_source_names_is_taken_and_the_others_are_counted(units):
    own, other = named(units, "dynamic1111-4-7-Video"), named(units, "dynamic2222-4-7-Video").assign(embedding_0=9.0)
    for animal in ("1111", "dynamic1111-4-7-Video", "sub-1111_ses-1-scan-1"):
        table, funnel = check_embeddings(pd.concat([other, own]), units, "twin.parquet", animal)
        assert (table["embedding_0"] != 9.0).all()
        assert funnel.iloc[0][["step", "n_dropped"]].tolist() == ["of the animal", len(units)]


def test_an_animal_that_the_source_does_not_name_is_said_and_a_number_with_a_point_is_the_number(units, caplog):
    check_embeddings(named(units, "1111"), units, "twin.parquet")
    assert "twin.parquet: is of animal 1111. The source names none" in caplog.text
    table, _ = check_embeddings(named(units, "1111").assign(animal=1111.0), units, "twin.csv", "1111")
    assert len(table) == len(units)


def test_embeddings_of_another_animal_than_the_source_names_are_refused(units):
    with pytest.raises(ValueError, match=r"400 rows are of 'dynamic2222-4-7-Video', and the source is of animal '1111'"):
        check_embeddings(named(units, "dynamic2222-4-7-Video"), units, "twin.parquet", "1111")


def test_session_and_scan_that_changed_places_are_refused(units):
    shifted = units.assign(session=units["session"] + 10)
    frame = brought(shifted).rename(columns={"session": "scan_idx", "scan_idx": "session"})
    with pytest.raises(ValueError, match="0 of 400 units are in the coregistration, and 400 when session and scan_idx change places"):
        check_embeddings(frame, shifted, "twin.parquet")
