import numpy as np
import pandas as pd
import pytest

from graphtwin.tuning.leakage import scan_leakage


def test_a_scan_that_tilts_every_curve_is_found_and_removed(learned_tilted):
    before = scan_leakage(learned_tilted.uncorrected, permutations=0).set_index("decoder")
    after = scan_leakage(learned_tilted.embeddings, permutations=0).set_index("decoder")
    assert (before["low"] > before["chance"] + 0.05).all()
    assert (after["low"] <= after["chance"]).all()


def test_shuffled_scans_are_decoded_at_chance(learned_tilted):
    leakage = scan_leakage(learned_tilted.uncorrected, permutations=20, decoders=("linear",)).iloc[0]
    assert leakage["null_low"] <= leakage["chance"] <= leakage["null_high"]


def test_one_scan_cannot_be_told_apart(learned):
    one = learned.embeddings[learned.embeddings["session"] == 4].assign(scan_idx=1)
    with pytest.raises(ValueError, match="1 scans have at least 5 of the 200 units"):
        scan_leakage(one)


def test_a_decoder_never_sees_the_unit_it_names():
    noise = np.random.default_rng(0).normal(size=(400, 4))
    frame = pd.DataFrame(noise, columns=[f"embedding_{index}" for index in range(4)]).assign(session=np.arange(400) % 2, scan_idx=1)
    leakage = scan_leakage(frame, permutations=0)
    assert ((leakage["estimate"] > 0.4) & (leakage["estimate"] < 0.6)).all()
