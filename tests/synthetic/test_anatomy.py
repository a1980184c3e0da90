from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.stats import ks_2samp

from graphtwin.coordinates import MINNIE65, pia_from_voxels
from graphtwin.schema import POSITION
from graphtwin.sources.loaders import minnie65
from graphtwin.synthetic.brain import anatomy
from graphtwin.synthetic.brain.anatomy import em_nm, grow_anatomy
from graphtwin.synthetic.brain.sheet import SHARES, Sheet


@pytest.fixture(scope="module")
def labelled():
    return next(table.frame for table in minnie65.load_minnie65().tables if table.role == "cell_types_fine")


def test_proportions_of_types_are_those_of_the_labelled_cells_to_a_twentieth_of_a_percent(labelled):
    neurons = grow_anatomy(2000, seed=0, animal=0).neurons
    difference = neurons["cell_type"].value_counts(normalize=True) - labelled["cell_type"].value_counts(normalize=True)
    assert difference.abs().max() < 0.0005


def test_depths_of_every_type_lie_within_a_ks_distance_of_0_05_of_the_labelled_cells(labelled):
    neurons = grow_anatomy(100_000, seed=0, animal=0).neurons
    distances = {
        name: ks_2samp(group["depth_um"], labelled.loc[labelled["cell_type"] == name, "depth_um"]).statistic
        for name, group in neurons.groupby("cell_type")
    }
    assert max(distances.values()) < 0.05, distances


def test_areas_share_the_sheet_as_recorded_units_do():
    neurons = grow_anatomy(100_000, seed=0, animal=0).neurons
    share = neurons["brain_area"].value_counts(normalize=True)
    assert max(abs(share[area] - SHARES[area]) for area in SHARES) < 0.005


def test_nuclei_do_not_overlap_even_in_whole_tissue():
    neurons = grow_anatomy(5000, density_per_mm2=60_000.0, seed=0, animal=0).neurons
    points, radius = neurons[POSITION].to_numpy(), neurons["nucleus_radius_um"].to_numpy()
    near = cKDTree(points).query_pairs(2 * radius.max(), output_type="ndarray")
    assert (np.linalg.norm(points[near[:, 0]] - points[near[:, 1]], axis=1) >= radius[near].sum(1)).all()


def test_the_sheet_grows_so_that_the_density_stays():
    sides = [grow_anatomy(n, seed=0, animal=0).sheet.side_um for n in (500, 2000)]
    assert sides[1] == pytest.approx(2 * sides[0])


def test_the_map_is_continuous_and_runs_back_at_every_border():
    sheet = Sheet(1000.0, 0.8)
    along = np.linspace(0.001, 999.0, 20_001)
    for x, z in (
        (along + 200, np.full_like(along, 900.0)),
        (np.full_like(along, 500.0), along + 600),
        (along + 200, np.full_like(along, 1550.0)),
    ):
        rf, area = sheet.visual_field_at(x, z), sheet.areas(x, z)
        assert np.abs(np.diff(rf, axis=0)).max() < 0.001  # no jump
        borders = np.flatnonzero(area[1:] != area[:-1])
        assert len(borders) == 1
        before, after = rf[borders[0]] - rf[borders[0] - 50], rf[borders[0] + 51] - rf[borders[0] + 1]
        changed = int(np.argmax(np.abs(before)))
        assert before[changed] * after[changed] < 0  # mirrored


def test_v1_and_al_have_one_sign_of_the_map_and_lm_and_rl_the_other():
    sheet, signs = Sheet(1000.0, 0.8), {}
    for area, (x, z) in {"V1": (500.0, 900.0), "LM": (1150.0, 700.0), "RL": (500.0, 1550.0), "AL": (1100.0, 1550.0)}.items():
        places = np.array([[x, z], [x + 1, z], [x, z + 1]])
        rf = sheet.visual_field_at(places[:, 0], places[:, 1])
        assert set(sheet.areas(places[:, 0], places[:, 1])) == {area}
        signs[area] = np.sign(np.linalg.det(rf[1:] - rf[0]))
    assert signs["V1"] == signs["AL"] == -signs["LM"] == -signs["RL"]


@pytest.mark.parametrize("area", ["V1", "LM", "RL", "AL"])
def test_a_place_that_was_looked_up_in_an_area_looks_there(area):
    sheet, rf = Sheet(1000.0, 0.8), np.random.default_rng(0).uniform(-0.79, 0.79, (50, 2))
    x, z = sheet.place_of(rf, area).T
    assert set(sheet.areas(x, z)) == {area}
    np.testing.assert_allclose(sheet.visual_field_at(x, z), rf, atol=1e-12)


def test_the_em_frame_is_that_of_minnie65_in_whole_nm():
    anatomy = grow_anatomy(100, seed=0, animal=0)
    soma_nm = em_nm(anatomy.neurons[POSITION].to_numpy())
    back = pia_from_voxels(soma_nm / np.array([4.0, 4.0, 40.0]), MINNIE65)
    assert np.abs(back - anatomy.neurons[POSITION].to_numpy()).max() < 0.001
    assert (soma_nm == np.rint(soma_nm)).all()


def test_animals_share_no_nucleus_and_the_same_animal_is_the_same_again():
    one, other, again = (grow_anatomy(200, seed=1, animal=animal).neurons for animal in (0, 1, 0))
    assert not set(one["nucleus_id"]) & set(other["nucleus_id"])
    assert one["nucleus_id"].is_monotonic_increasing
    assert one.equals(again)


def test_impossible_sizes_are_refused(monkeypatch):
    with pytest.raises(ValueError, match=r"9 neurons were asked for\. Give 10 or more"):
        grow_anatomy(9, seed=0, animal=0)
    with pytest.raises(ValueError, match=r"animals are numbered from 0"):
        grow_anatomy(2000, seed=0, animal=-1)
    monkeypatch.setattr(anatomy, "NUCLEUS_RADIUS_UM", 8.0)
    with pytest.raises(ValueError, match=r"nuclei still overlap after .* Give a lower density_per_mm2"):
        grow_anatomy(3000, seed=0, animal=0, density_per_mm2=67_900.0)
