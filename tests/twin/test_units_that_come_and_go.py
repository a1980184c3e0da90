"""NaN says that a unit was not held: it counts in nothing, and what it leaves out is as if it had never been recorded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from graphtwin.checks import check_recording
from graphtwin.execute import rng_for
from graphtwin.sources.formats.recording import Recording, Trial
from graphtwin.twin.data.clips import clips_of, held_out_clips
from graphtwin.twin.data.field_evidence import Tally
from graphtwin.twin.data.receptive_fields import locate_fields
from graphtwin.twin.fitting.foundation import Objective, train_foundation, validation_losses
from graphtwin.twin.fitting.picture_ridge import FEWEST, Pictures, fit_ridge, least_error
from graphtwin.twin.fitting.readout_prior import evidence
from graphtwin.twin.model.network import AnimalStart, Twin
from graphtwin.twin.model.picture_drive import PictureDrive
from graphtwin.twin.model.scattering import BLOCKS
from graphtwin.twin.population.noise_correlations import measured_noise_correlations
from graphtwin.twin.scores.energy_ridge import fit_energy_ridge
from graphtwin.twin.scores.generalisation import medians
from graphtwin.twin.scores.holding import held_in
from graphtwin.twin.scores.likelihood import baseline_of
from graphtwin.twin.scores.paired_differences import compare, mean_response_sums
from graphtwin.twin.scores.prediction import sums_of
from graphtwin.twin.scores.unit_scores import SCORES, Shown, all_scores, gather_sums, score_units
from tests.twin.planted_recording import plant
from tests.twin.test_foundation import config

UNITS = 8


@pytest.fixture(scope="module")
def whole() -> Recording:
    return plant(units=UNITS, train=12, test=4, repeats=4, frames=60).recording


def spoilt(recording: Recording, held: np.ndarray) -> Recording:
    """The recording with NaN for units that were not held in a trial: held is (trials, units)."""

    def open_trial(row: int) -> Trial:
        trial = recording.open_trial(row)
        return replace(trial, responses=np.where(held[row], trial.responses, np.float32(np.nan)))

    return replace(recording, open_trial=open_trial)


def without(recording: Recording, rows: np.ndarray) -> Recording:
    """The recording without some trials."""
    kept = np.setdiff1d(np.arange(len(recording.trials)), rows)
    return replace(
        recording, trials=recording.trials.iloc[kept].reset_index(drop=True), open_trial=lambda row: recording.open_trial(int(kept[row]))
    )


def gaps(recording: Recording, units: list[int], share: float = 0.3, seed: int = 0) -> np.ndarray:
    """Whether each unit is held in each trial: some units miss a share of the trials at random."""
    held = np.ones((len(recording.trials), UNITS), dtype=bool)
    held[:, units] = np.random.default_rng(seed).random((len(held), len(units))) > share
    return held


@pytest.fixture(scope="module")
def twin(whole: Recording) -> Twin:
    torch.manual_seed(0)
    start = AnimalStart(np.random.default_rng(0).uniform(-0.5, 0.5, (UNITS, 2)), np.ones(UNITS), 2, frame_rate_hz=30.0)
    return Twin(config(bf16=False).twin, {"planted": start}).eval()


def test_what_is_held_throughout_carries_no_mask(whole: Recording):
    window = clips_of(whole)[0].read(0)
    assert window.held is None
    assert window.cells.shape == window.responses.shape
    assert window.cells.strides[-1] == 0  # a view


def test_a_frame_counts_where_one_unit_is_held_and_cells_where_that_unit_is(whole: Recording):
    trial = whole.open_trial(0)
    responses = trial.responses.copy()
    responses[5:, 2] = np.nan
    responses[50:] = np.nan
    clips = clips_of(replace(whole, open_trial=lambda row: replace(trial, responses=responses) if row == 0 else whole.open_trial(row)))[0]
    window = clips.read(0)
    assert window.counted[0].tolist() == [True] * 50 + [False] * 10
    assert window.cells[0].sum(0).tolist() == [50, 50, 5] + [50] * (UNITS - 3)
    assert np.isfinite(window.responses).all()
    np.testing.assert_array_equal(np.isnan(window.known()[0, :50]), np.isnan(responses[:50]))


def test_a_bin_of_another_rate_is_held_where_all_its_samples_are(whole: Recording):
    trial = whole.open_trial(0)
    responses = trial.responses.copy()
    responses[31, 2] = np.nan
    gappy = replace(whole, open_trial=lambda row: replace(trial, responses=responses) if row == 0 else whole.open_trial(row))
    clips, full = (clips_of(one, config().clips.model_copy(update={"frame_rate_hz": 10.0}))[0] for one in (gappy, whole))
    window, other = clips.read(0), full.read(0)
    assert np.flatnonzero(~window.cells[0, :, 2]).tolist() == [10]
    cells = window.cells
    scale = (clips.scales.responses / full.scales.responses).astype(np.float32)
    np.testing.assert_allclose((window.responses * scale)[cells], other.responses[cells], rtol=1e-5)


def test_an_infinite_response_is_refused_in_words(whole: Recording):
    trial = whole.open_trial(1)
    responses = trial.responses.copy()
    responses[3, 1], responses[4, 1] = np.inf, np.nan
    broken = replace(whole, open_trial=lambda row: replace(trial, responses=responses) if row == 1 else whole.open_trial(row))
    with pytest.raises(ValueError, match=r"planted, trial 1: 1 responses of 1 of 8 units are infinite, in 1 of 60 frames\. Set to NaN"):
        clips_of(broken)


def test_gaps_of_other_units_leave_losses_as_they_are(whole: Recording, twin: Twin):
    some = [0, 3, 4]
    others = np.setdiff1d(np.arange(UNITS), some)
    full = clips_of(whole)[0]
    clips = replace(full, recording=spoilt(full.recording, gaps(whole, some, 0.5)))
    objective = Objective(twin)
    one, other = (part.draw(rng_for(0, "w"), 4, 1.0) for part in (full, clips))
    with torch.no_grad():
        np.testing.assert_allclose(objective.of_units("planted", other)[others], objective.of_units("planted", one)[others], rtol=1e-5)


def test_the_loss_is_the_mean_over_held_responses_and_0_without_any(whole: Recording, twin: Twin):
    full = clips_of(whole)[0]
    clips = replace(full, recording=spoilt(full.recording, gaps(whole, [0, 3], 0.5)))
    window = clips.draw(rng_for(1, "w"), 4, 1.0)
    with torch.no_grad():
        numbers, _ = twin("planted", *(torch.from_numpy(part) for part in (window.video, window.behaviour, window.eye_position)))
        parts = (torch.from_numpy(part) for part in (window.responses, window.n_repeats))
        likelihood = twin.log_likelihood("planted", numbers, *parts).numpy()
    assert Objective(twin)("planted", window).item() == pytest.approx(-likelihood[window.cells].mean(), rel=1e-5)
    nothing = replace(window, held=np.zeros(window.responses.shape, dtype=bool), counted=np.zeros_like(window.counted))
    loss = Objective(twin)("planted", nothing)
    loss.backward()
    assert loss.item() == 0
    assert all(torch.isfinite(part.grad).all() for part in twin.parameters() if part.grad is not None)
    twin.zero_grad()


def test_validation_knows_no_loss_of_a_unit_that_it_does_not_hold(whole: Recording, twin: Twin):
    train, validation = clips_of(whole)
    held = np.ones((len(whole.trials), UNITS), dtype=bool)
    held[validation.rows, 5] = False
    gappy = replace(validation, recording=spoilt(train.recording, held))
    one, other = (validation_losses(Objective(twin), {"planted": (train, part)}, config())["planted"] for part in (validation, gappy))
    assert torch.isnan(other).tolist() == [unit == 5 for unit in range(UNITS)]
    known = ~torch.isnan(other)
    np.testing.assert_allclose(other[known], one[known], rtol=1e-5)
    held[validation.rows] = False
    nothing = replace(validation, recording=spoilt(train.recording, held))
    with pytest.raises(ValueError, match=r"planted: no unit is held in any of \d+ validation trials after their first 0\.2 s"):
        validation_losses(Objective(twin), {"planted": (train, nothing)}, config())


def test_validation_trials_that_are_left_out_whole_are_called_too_short(whole: Recording, twin: Twin):
    train, validation = clips_of(whole)
    without = config().model_copy(update={"left_out_s": 60.0})
    with pytest.raises(ValueError, match=r"the longest of \d+ validation trials lasts \S+ s, of which the first 60 s are left out"):
        validation_losses(Objective(twin), {"planted": (train, validation)}, without)


def test_readouts_are_told_by_held_trials_alone(whole: Recording, twin: Twin):
    """Evidence of a unit that misses trials is that of the recording without them; the factor for repeating frames is common to all."""
    train = clips_of(whole)[0]
    missing = train.rows[4::3]  # beyond the trials that tell how far frames repeat each other
    held = np.ones((len(whole.trials), UNITS), dtype=bool)
    held[missing, 2] = False
    gappy, full, few = (
        evidence(twin, "planted", part, 0.2)
        for part in (
            replace(train, recording=spoilt(train.recording, held)),
            train,
            replace(train, rows=np.setdiff1d(train.rows, missing)),
        )
    )
    for name in ("precision", "pull"):
        found = getattr(gappy, name)
        np.testing.assert_allclose(found[2], getattr(few, name)[2], rtol=1e-4, atol=1e-5)
        others = np.setdiff1d(np.arange(UNITS), 2)
        np.testing.assert_allclose(found[others], getattr(full, name)[others], rtol=1e-4, atol=1e-5)


def repeated(rng: np.random.Generator, repeats: list[int], frames: int = 40) -> list[Shown]:
    shown = []
    for count in repeats:
        signal = rng.standard_normal((1, frames, UNITS))
        parts = [signal + rng.standard_normal((count, frames, UNITS)) for _ in range(2)]
        shown.append(Shown(*parts, *(rng.standard_normal((count, frames, UNITS)) for _ in range(2))))
    return shown


@pytest.mark.parametrize("seed", range(6))
def test_every_score_of_a_unit_with_gaps_is_that_of_the_recording_without_these_trials(seed: int):
    rng = np.random.default_rng(seed)
    shown = repeated(rng, [5, 4, 7, 1, 2, 5])
    held = [rng.random(len(one.responses)) > 0.4 for one in shown]
    gappy = [replace(one, responses=one.responses.copy()) for one in shown]
    for one, there in zip(gappy, held, strict=True):
        one.responses[~there, :, 3] = np.nan
    parts = ("responses", "predictions", "log_likelihood", "log_probability")
    several = [(one, there) for one, there in zip(shown, held, strict=True) if there.any()]
    left = [Shown(**{name: getattr(one, name)[there] for name in parts}) for one, there in several]
    found, full, expected = (all_scores(gather_sums(part, 5), np.ones(len(part))) for part in (gappy, shown, left))
    others = np.setdiff1d(np.arange(UNITS), 3)
    for name in SCORES:
        np.testing.assert_allclose(found[name][3], expected[name][3], rtol=1e-9, err_msg=name)
        np.testing.assert_allclose(found[name][others], full[name][others], rtol=1e-9, err_msg=name)


def test_frames_in_which_a_unit_was_lost_count_for_the_repeats_that_held_it():
    """FEVE of the truth stays 1, and noise that of the responses, where repeats miss frames."""
    rng = np.random.default_rng(3)
    signal = rng.standard_normal((1, 4000, UNITS))
    responses = signal + 0.8 * rng.standard_normal((6, 4000, UNITS))
    responses[rng.random(responses.shape) < 0.3] = np.nan
    sums = gather_sums([Shown(responses, np.repeat(signal, 6, axis=0))])
    found = all_scores(sums, np.ones(1))
    assert found["feve"] == pytest.approx(np.ones(UNITS), abs=0.05)
    assert sums.noise[0] / sums.rated[0] == pytest.approx(np.full(UNITS, 0.64), abs=0.03)
    assert found["cc_norm"] == pytest.approx(np.ones(UNITS), abs=0.05)


def test_a_unit_that_is_held_in_no_scored_trial_has_no_score_and_is_in_no_median():
    shown = repeated(np.random.default_rng(0), [4, 4, 4])
    for one in shown:
        one.responses[:, :, 6] = np.nan
    sums = gather_sums(shown)
    units = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": np.arange(UNITS)})
    table = score_units(sums, units, replicates=5)
    assert table.loc[6, "note"] == "not held in these trials: no score"
    assert table.loc[6, [*SCORES, "sensorium_correlation"]].isna().all()
    assert table.drop(index=6)[["cc_abs", "single_trial_correlation", "feve"]].notna().all().all()
    assert {row["n_units"] for row in medians(sums) if row["score"] == "cc_abs"} == {UNITS - 1}
    null = mean_response_sums(sums, np.ones(UNITS))
    stimuli = pd.DataFrame({"kind": "movie", "tier": "test", "n_repeats": 4}, index=range(3))
    rows = compare(sums, {"mean response": null}, stimuli, np.ones(3, dtype=bool))
    assert rows.query("kind == 'all' and score == 'cc_abs'")["n_units"].item() == UNITS - 1
    for one in shown:
        one.responses[:] = np.nan
    with pytest.raises(ValueError, match=r"no unit is held in any of the 3 stimuli"):
        gather_sums(shown)


def test_a_unit_that_nothing_was_fitted_to_has_its_ceiling_and_a_note_and_is_in_no_median():
    sums = gather_sums(repeated(np.random.default_rng(1), [4, 4, 4, 4, 4]))
    fitted = np.arange(UNITS) != 2
    units = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": np.arange(UNITS)})
    told = sums.predicting(fitted)
    table = score_units(told, units, replicates=5, others={"ridge": told})
    of_prediction = ["single_trial_correlation", "cc_abs", "cc_norm", "feve", "sensorium_correlation", "ridge_cc_abs"]
    assert table.loc[2, of_prediction].isna().all()
    assert table.loc[2, "cc_max"] == score_units(sums, units, replicates=5).loc[2, "cc_max"] > 0
    assert table.loc[2, "note"] == "not held in training: nothing was fitted to it, and how well it is predicted has no score"
    assert table.drop(index=2)[of_prediction].notna().all().all()
    assert not table.drop(index=2)["note"].str.contains("training").any()
    assert {row["n_units"] for row in medians(told) if row["score"] == "cc_abs"} == {UNITS - 1}
    stimuli = pd.DataFrame({"kind": "movie", "tier": "test", "n_repeats": 4}, index=range(5))
    rows = compare(sums, {"ridge": told}, stimuli, np.ones(5, dtype=bool))  # a model of somebody else may predict it, our ridge does not
    assert rows.query("kind == 'all' and score == 'cc_abs'")["n_units"].item() == UNITS - 1
    of_other = score_units(sums, units, replicates=5, others={"ridge": told})
    assert of_other.loc[2, "note"] == "not held in training: there is no ridge on energies to compare it with"
    assert of_other["cc_abs"].notna().all()


def test_units_are_held_in_the_trials_that_are_asked_for(whole: Recording):
    held = np.ones((len(whole.trials), UNITS), dtype=bool)
    train = clips_of(whole)[0]
    held[train.rows, 3], held[train.rows[:-1], 5] = False, False
    assert held_in(train).all()
    assert np.flatnonzero(~held_in(replace(train, recording=spoilt(train.recording, held)))).tolist() == [3]


def test_bits_are_counted_from_what_a_unit_held_in_training(whole: Recording, twin: Twin):
    train = clips_of(whole)[0]
    missing = train.rows[::2]
    held = np.ones((len(whole.trials), UNITS), dtype=bool)
    held[missing, 4] = False
    held[:, 1] = False
    full, few, gappy = (
        baseline_of(twin.family, part)
        for part in (train, replace(train, rows=np.setdiff1d(train.rows, missing)), replace(train, recording=spoilt(train.recording, held)))
    )
    for unit, expected in ((4, few), (0, full)):
        torch.testing.assert_close(gappy.intercept.numbers[unit], expected.intercept.numbers[unit])
        torch.testing.assert_close(gappy.bins.log_share[unit], expected.bins.log_share[unit])
    assert torch.isfinite(gappy.intercept.numbers).all()


def test_correlations_with_energies_are_those_over_held_samples():
    rng = np.random.default_rng(0)
    energies = rng.standard_normal((90, 2, 3, 4)).astype(np.float32) + 1
    responses = (energies[:, 0, 1, 2, None] + rng.standard_normal((90, 5))).astype(np.float32)
    gappy = np.where(rng.random(responses.shape) < 0.4, np.nan, responses).astype(np.float32)
    gappy[:, 3] = np.nan
    tally = Tally(5, 2, 3, 4)
    for part in np.array_split(np.arange(90), 4):
        tally.add(energies[part], gappy[part])
    found = tally.evidence().with_units
    flat = energies.reshape(90, 2, 12)
    for unit in (0, 1, 2, 4):
        kept = np.isfinite(gappy[:, unit])
        y, of = gappy[kept, unit], flat[kept]
        expected = ((y - y.mean())[:, None, None] * of).mean(0) / y.std() / flat.std(0)
        np.testing.assert_allclose(found[:, :, unit], expected.T, atol=1e-4)
    assert not found[:, :, 3].any()


@pytest.mark.slow
def test_fields_are_found_in_the_trials_that_held_a_unit():
    planted = plant(units=20, train=30, test=2, frames=120)
    held = np.random.default_rng(0).random((len(planted.recording.trials), 20)) > 0.4
    fewer = without(planted.recording, np.arange(0, 30)[::5])
    fewer = without(fewer, np.arange(0, 24)[::4])  # 60 % of the training trials
    errors = []
    for recording in (spoilt(planted.recording, held), fewer):
        fields = locate_fields(clips_of(recording)[0])
        errors.append(np.median(np.abs(fields.centres - planted.centres) * [12, 8]))
    assert errors[0] < errors[1] + 0.3  # pixels
    assert errors[0] < 1.5


def pictures(count: int, units: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    energies = rng.standard_normal((count, sum(BLOCKS), 36)) + 2
    drive = energies[:, : BLOCKS[0]].mean(2) @ rng.standard_normal((BLOCKS[0], units))
    responses = 6 + (drive - drive.mean(0)) / drive.std(0) + 0.5 * rng.standard_normal(drive.shape)
    return torch.tensor(energies, dtype=torch.float32), torch.tensor(responses, dtype=torch.float32)


@pytest.mark.parametrize("scattered_gaps", [False, True])
def test_the_ridge_on_pictures_is_the_closed_form_on_those_that_a_unit_was_held_in(scattered_gaps: bool, monkeypatch: pytest.MonkeyPatch):
    energies, responses = pictures(60, 7)
    rng = np.random.default_rng(1)
    held = np.ones((60, 7), dtype=bool)
    held[:25, 1], held[:25, 2], held[30:, 3], held[:, 4], held[FEWEST - 1 :, 5] = False, False, False, False, False
    if scattered_gaps:
        monkeypatch.setattr("graphtwin.twin.fitting.picture_ridge.MOST", 60)  # time for no more than one pattern
        held[:, 6] = rng.random(60) > 0.3
    drive = PictureDrive(7)
    fit_ridge(drive, Pictures(energies, torch.where(torch.from_numpy(held), responses, torch.nan), torch.ones(60)))
    found = drive.rates(energies)
    deviation, mean = torch.std_mean(energies, dim=0)
    scale = torch.cat([torch.full((n,), (v / n) ** 0.5) for n, v in zip(BLOCKS, (0.3, 1.0, 0.2), strict=True)])[:, None] / deviation
    seen = ((energies - mean) * scale).permute(2, 0, 1).double()
    for unit in (0, 1, 2, 3):
        rows = torch.from_numpy(np.flatnonzero(held[:, unit]))
        own = seen[:, rows] - seen[:, rows].mean(1, keepdim=True)
        middle = responses[rows, unit].double().mean()
        dual, through, _ = least_error(own @ own.mT, (responses[rows, unit].double() - middle)[:, None])
        about = seen - seen[:, rows].mean(1, keepdim=True)
        expected = middle + torch.einsum("c,cij,j->i", through[:, 0], about @ own.mT, dual[:, 0])
        if not scattered_gaps:
            torch.testing.assert_close(found[:, unit], expected.clamp(min=0.05 * float(middle)).float(), rtol=1e-2, atol=1e-2)
        else:  # window and penalty of rare patterns are chosen with gaps filled in
            assert np.corrcoef(found[:, unit], expected)[0, 1] > 0.95
    torch.testing.assert_close(found[:, 4], torch.zeros(60))
    assert found[:, 5].std() < 1e-4 * found[:, 0].std()
    assert torch.isfinite(found).all()


def test_the_ridge_of_scores_is_fitted_to_the_trials_that_held_a_unit(whole: Recording):
    """Units of a group are fitted as if nobody had been held in the other trials; units held throughout as if there were no gaps."""
    train = clips_of(whole)[0]
    some, missing = [1, 5], train.rows[1::3]
    held = np.ones((len(whole.trials), UNITS), dtype=bool)
    held[np.ix_(missing, some)] = False
    nobody = held.copy()
    nobody[missing] = False
    places = np.zeros((UNITS, 2))
    gappy, full, few = (
        fit_energy_ridge(replace(train, recording=recording), places, 0.1)
        for recording in (spoilt(train.recording, held), train.recording, spoilt(train.recording, nobody))
    )
    others = np.setdiff1d(np.arange(UNITS), some)
    for name in ("weights", "constant", "mean", "reaches"):
        of_gappy, of_full, of_few = (getattr(ridge, name) for ridge in (gappy, full, few))
        np.testing.assert_allclose(of_gappy[..., others], of_full[..., others], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(of_gappy[..., some], of_few[..., some], rtol=1e-4, atol=1e-6)


def test_noise_correlations_of_units_never_held_together_are_unknown():
    residuals = np.random.default_rng(0).standard_normal((60, 3))
    residuals[:30, 0], residuals[30:, 1] = np.nan, np.nan
    found = measured_noise_correlations(residuals)
    assert np.isnan(found[0, 1])
    assert np.isfinite(found[[0, 1], 2]).all()


@pytest.mark.slow
def test_an_animal_whose_units_come_and_go_is_trained_settled_and_scored(whole: Recording, caplog: pytest.LogCaptureFixture):
    """Of its units one is in no training trial, one in no test trial, and all miss 40 % of the trials."""
    held = np.random.default_rng(0).random((len(whole.trials), UNITS)) > 0.4
    training = (whole.trials["tier"] == "train").to_numpy()
    held[training, 6], held[~training, 7] = False, False
    trained = train_foundation([spoilt(whole, held)], config(bf16=False))
    assert "planted: 1 of 8 units are held in none of" in caplog.text
    assert "first unit_id 7: they have no readout of their own" in caplog.text
    assert all(torch.isfinite(part).all() for part in trained.twin.state_dict().values())
    assert np.isfinite([row["validation"] for row in trained.state.history]).all()
    train = trained.clips["planted"][0]
    found = all_scores(sums_of(trained.twin, held_out_clips(train, ["test"]), 0.2, train), np.ones(4))
    for name in ("cc_abs", "binned_bits_per_response"):
        known = np.isfinite(found[name])
        assert known[:6].all()  # that of unit 6 has no cc_abs where the ridge has all of the prediction: it is expected at its mean
        assert not known[7]


@pytest.mark.parametrize("quick", [True, False])
def test_checks_look_at_units_that_were_held_throughout_and_count_the_others(whole: Recording, quick: bool):
    complete = [str(finding) for finding in check_recording(whole, quick)]
    for units in ([0, 3], list(range(UNITS))):
        found = check_recording(spoilt(whole, gaps(whole, units)), quick)
        assert found[0].check == "units not held throughout"
        assert f"{len(units)} of 8 units have NaN" in found[0].what
        assert {finding.check for finding in found[1:]} <= {text.split(": ")[1].split("\n")[0] for text in complete}
