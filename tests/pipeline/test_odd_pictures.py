"""Twins of folders of pictures that are odd in one way, through the command line: trained and said, or refused in words."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from graphtwin.cli.app import app
from graphtwin.sources import open_recording
from tests.twin.test_picture_ridge import planted_pictures

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("coarse_ridge")]

FAST = ['twin.core={kind="feedforward", first=4, hidden=4, blocks=0, features=4}', "steps=2", "fit.epochs=1", "twin.bf16=false"]
UNITS = 5
Picture, Response = Callable[[int, np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]


def write(
    folder: Path,
    train: int = 24,
    response: Response = lambda y: y,
    picture: Picture = lambda at, grey: grey,
    averaged: bool = False,
    alike: bool = False,
) -> Path:
    """Pictures in the layout of the 2022 release: six to validate and six to test, these three times."""
    shown, rates = planted_pictures(train + 12, UNITS, size=20)
    rng = np.random.default_rng(0)
    rows: list[tuple[int, str]] = []
    for at, rate in enumerate(rates):
        tier = "train" if at < train else "validation" if at < train + 6 else "test"
        counts = rng.poisson(4 * rate, (3, UNITS))
        counts = counts[:1].repeat(3, 0) if alike else counts
        means = averaged and tier != "test"
        for y in counts.mean(0, keepdims=True) if means else counts if tier == "test" else counts[:1]:
            grey = picture(at, np.clip(128 + 40 * shown[at], 0, 255).round())
            arrays = {"images": grey[None], "responses": response(y), "behavior": np.zeros(3), "pupil_center": np.zeros(2)}
            for kind, values in arrays.items():
                path = folder / "data" / kind / f"{len(rows)}.npy"
                path.parent.mkdir(parents=True, exist_ok=True)
                np.save(path, np.asarray(values, dtype=np.float32))
            rows.append((at, tier))
    of_trials = {"tiers": np.array([tier for _, tier in rows]), "frame_image_id": np.array([at for at, _ in rows])}
    if averaged:
        of_trials["n_repeats"] = np.where(of_trials["tiers"] == "test", 1, 3)
    of_units = {"unit_ids": np.arange(UNITS), "cell_motor_coordinates": np.full((UNITS, 3), np.nan)}
    for where, arrays in (("trials", of_trials), ("neurons", of_units)):
        (folder / "meta" / where).mkdir(parents=True)
        for name, values in arrays.items():
            np.save(folder / "meta" / where / f"{name}.npy", values)
    return folder


def command(*words: object, exits: int = 0) -> str:
    done = CliRunner().invoke(app, ["twin", *map(str, words)])
    assert done.exit_code == exits, done.output
    return " ".join(done.output.split())


def trained(folder: Path, *more: str, exits: int = 0) -> str:
    out = folder.parent / "run"
    return command("train", folder, "--out", out, *[word for setting in (*FAST, *more) for word in ("--set", setting)], exits=exits)


def scored(folder: Path) -> pd.DataFrame:
    command("score", folder.parent / "run", folder, "--out", folder.parent / "scores.csv")
    return pd.read_csv(folder.parent / "scores.csv", keep_default_na=True)


def test_responses_below_zero_in_any_unit_are_trained_and_the_run_says_by_which_family(tmp_path: Path):
    folder = write(tmp_path / "static1-1-1-z", response=lambda y: (y - 4.0) * 10.0 ** np.linspace(-9, 9, UNITS))
    words = trained(folder, "twin.family=poisson", exits=2)
    assert "of 120 training responses of 5 units are negative. The family of responses is poisson, which has none below 0." in words
    trained(folder)
    assert json.loads((tmp_path / "run" / "provenance.json").read_text())["family"] == "gaussian"
    assert scored(folder)[["cc_abs", "bits_per_response", "feve"]].notna().any().all()


def test_declared_means_are_read_and_said_and_training_on_them_leaves_out_bits_of_bins(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    folder = write(tmp_path / "static1-1-1-means", averaged=True)
    assert open_recording(folder).trials["n_repeats"].value_counts().to_dict() == {3: 30, 1: 18}
    with caplog.at_level(logging.INFO, "graphtwin"):
        trained(folder)
    assert "tier train holds 24 means of about 3 showings" in caplog.text
    assert "tier test holds 18 single trials (declared by n_repeats)" in caplog.text
    assert "averages among single trials" not in caplog.text
    table = scored(folder)
    assert table["binned_bits_per_response"].isna().all()
    assert table["single_trial_correlation"].notna().all()


def test_what_was_found_is_said_on_the_screen(tmp_path: Path):
    words = trained(write(tmp_path / "static1-1-1-means", averaged=True))
    assert "not recorded: behaviour (data/behavior is 0 throughout), eye position (data/pupil_center is 0, NaN or inf" in words
    assert "tier train holds 24 means of about 3 showings" in words
    assert "of the prediction is left to the ridge on energies (6 validation trials)" in words


def test_repeats_that_are_all_the_same_have_a_note(tmp_path: Path):
    folder = write(tmp_path / "static1-1-1-copies", alike=True)
    trained(folder)
    assert scored(folder)["note"].str.contains("repeats are all the same: copies, or no noise to tell a ceiling from").all()


def test_nine_pictures_are_trained_on(tmp_path: Path):
    folder = write(tmp_path / "static1-1-1-nine", train=9)
    trained(folder)
    assert len(scored(folder)) == UNITS


def test_pictures_of_two_sizes_are_refused_and_two_units_of_grey_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    cut = write(tmp_path / "static1-1-1-cut", picture=lambda at, grey: grey[:-2] if at == 5 else grey)
    assert "pictures of 2 sizes: 20 x 20 in 47 trials (first 0), 18 x 20 in 1 trials (first 5)" in trained(cut, exits=2)
    mixed = write(tmp_path / "static1-1-2-mixed", picture=lambda at, grey: grey / 255 if at % 4 == 0 else grey)
    with caplog.at_level(logging.WARNING, "graphtwin"):
        trained(mixed)
    assert "grey levels in two units: grey levels of 11 of 48 trials are 0.00" in caplog.text
