"""What units of an area answer while the eyes move: from pictures on the retina to spikes.

With e, o the even and odd Gabor of each part over the retina, low-passed in time twice, of which the slower is taken off:

    part        E = (e^2 + o^2) exp(attention state cos 2 (its orientation - the attended one))
    drive       D = mean over places of the arithmetic and of the geometric mean of parts, half each; of V1, which has one part, the share
                1 - complexity is 2 max(0, cos(phase) e + sin(phase) o)^2
    answer      R = D / (1 + D + normalisation C), with D and C over their means on reference films, C the contrast about the field
    rate        rate_hz R / mean R on reference films, times exp(modulated (running + pupil + saccades)), each with the unit's weight

Saccades: answers fall by exp(-weight) 80 ms after a saccade begins and rise 120 ms later (suppression and rebound), and earlier, about
30 ms after it begins, by exp(weight cos(direction - preferred one)): a corollary discharge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphtwin.execute import rng_for
from graphtwin.shapes import Float
from graphtwin.synthetic.function import FRAME_RATE_HZ, GREY, Behaviour, arousal, film
from graphtwin.synthetic.viewing.areas import CYCLES, Area
from graphtwin.synthetic.viewing.gaze import SUBSAMPLES, Gaze, look
from graphtwin.synthetic.viewing.retina import ACROSS, DEGREES, DOWN, retinal_pictures
from graphtwin.synthetic.viewing.settings import ViewingConfig

FAST_S, SLOW_S, SLOW_SHARE = 0.04, 0.15, 0.7  # time constants of the low-passes, seconds, and how much of the slower is taken off
LATENCY_FRAMES = 2  # from retina to area: 67 ms
POOL_SIZES = 2.0  # SD of the normalisation pool over that of the field
FLOOR = 1e-3  # of each part, over its mean on reference films, beneath the geometric mean
SUPPRESSION = (0.08, 0.03, 0.2, 0.05, 0.5)  # seconds of its peak and width, of the rebound's, and the rebound over the suppression
COROLLARY = (0.03, 0.04)  # seconds of its peak and width
REFERENCE_FILMS = 3  # films of 10 s, the same for all animals, that set the scales
WAVELENGTH_STEP = 0.25  # degrees to which the wavelength of gratings is rounded
UNITS_TOGETHER = 64  # units whose parts are in memory at a time


@dataclass(frozen=True)
class AnsweringArea:
    """An area with the means of its parts, pools and answers on reference films, which set its scales."""

    area: Area
    config: ViewingConfig
    part_scale: Float[np.ndarray, "units places parts"]
    drive_scale: Float[np.ndarray, " units"]
    pool_scale: Float[np.ndarray, " units"]
    answer_scale: Float[np.ndarray, " units"]


def answering(area: Area, config: ViewingConfig) -> AnsweringArea:
    """The area with scales.

    Args:
        area: Units.
        config: Screen, eyes and modulation.
    """
    n, places, parts = area.parts.shape[:3]
    one, n_frames = np.ones(n), round(10 * FRAME_RATE_HZ)
    films = []
    for at in range(REFERENCE_FILMS):
        gaze, _ = look(n_frames, config.gaze, 0, "reference", at).at_frames()
        films.append(retinal_pictures(film("dead_leaves", 0, "reference", at, n_frames=n_frames), gaze, config.screen))
    plain = AnsweringArea(area, config, np.ones((n, places, parts)), one, one, one)
    energies = [_energies(plain, seen) for seen in films]
    part_scale = np.mean([part.mean(-1) for part, _ in energies], axis=0)
    plain = AnsweringArea(area, config, part_scale, one, one, one)
    rest = np.zeros(n_frames)
    drive = np.mean([_drive(plain, *both, rest).mean(1) for both in energies], axis=0)
    pool = np.mean([_pool(plain, seen).mean(1) for seen in films], axis=0)
    scaled = AnsweringArea(area, config, part_scale, drive, pool, one)
    answers = np.mean([_answers(scaled, seen, rest).mean(1) for seen in films], axis=0)
    return AnsweringArea(area, config, part_scale, drive, pool, answers)


def state_of(behaviour: Behaviour) -> Float[np.ndarray, " frames"]:
    """State of an animal, about -1 (quiet, small pupil) to 1.5: the mean of running and pupil size as units feel them."""
    return np.clip(np.mean(arousal(behaviour), axis=0), -1.5, 1.5)


def visual_answers(
    of: AnsweringArea, pictures: Float[np.ndarray, "frames places"], state: Float[np.ndarray, " frames"]
) -> Float[np.ndarray, "units frames"]:
    """Spikes a second to what falls on the retina, without gains of behaviour and saccades.

    Args:
        of: The area.
        pictures: Grey level of each place of the retina.
        state: State of the animal, which moves attention.
    """
    return of.area.table["rate_hz"].to_numpy()[:, None] * _answers(of, pictures, state) / of.answer_scale[:, None]


def expected_answers(
    of: AnsweringArea, frames: Float[np.ndarray, "frames height width"], gaze: Gaze, behaviour: Behaviour
) -> Float[np.ndarray, "units frames"]:
    """Spikes a second, without noise, of an animal that looks around and behaves.

    Args:
        of: The area.
        frames: Frames of film, grey levels.
        gaze: Where the eye looks meanwhile.
        behaviour: What the animal does meanwhile.
    """
    degrees, closed = gaze.at_frames()
    pictures = retinal_pictures(frames, degrees, of.config.screen)
    pictures[closed] = GREY
    table, modulated = of.area.table, of.config.modulated
    running, pupil = arousal(behaviour)
    log_gain = np.outer(table["running_weight"], running) + np.outer(table["pupil_weight"], pupil) + saccade_gain(of.area, gaze)
    return visual_answers(of, pictures, state_of(behaviour)) * np.exp(modulated * log_gain)


def saccade_gain(area: Area, gaze: Gaze) -> Float[np.ndarray, "units frames"]:
    """Log of the gain that saccades give each unit in each frame, before it is `modulated`."""
    n_frames = len(gaze.degrees) // SUBSAMPLES
    at_s = (np.arange(n_frames) + 0.5) / FRAME_RATE_HZ
    fall, fell, rise, rose, over = SUPPRESSION
    peak, width = COROLLARY
    suppressed, heard = np.zeros(n_frames), np.zeros((2, n_frames))
    for onset, step in zip(gaze.onsets, gaze.steps, strict=True):
        since = at_s - onset / (SUBSAMPLES * FRAME_RATE_HZ)
        suppressed += over * np.exp(-(((since - rise) / rose) ** 2) / 2) - np.exp(-(((since - fall) / fell) ** 2) / 2)
        heard += np.outer(step / max(float(np.hypot(*step)), 1e-9), np.exp(-(((since - peak) / width) ** 2) / 2))
    direction = np.deg2rad(area.table["corollary_deg"].to_numpy())
    liked = area.table["corollary_weight"].to_numpy()[:, None] * np.stack([np.cos(direction), np.sin(direction)], axis=1)
    return np.outer(area.table["saccade_weight"], suppressed) + liked @ heard


def preferred_orientations(of: AnsweringArea, state: float) -> Float[np.ndarray, " units"]:
    """Orientation of gratings that each unit prefers in a state: direction of the mean vector of `grating_answers`, degrees, 0 to 180."""
    answers = grating_answers(of, state)
    sums = answers @ np.exp(2j * np.pi * np.arange(answers.shape[1]) / answers.shape[1])
    return np.asarray(np.rad2deg(np.angle(sums)) / 2 % 180)


def grating_answers(of: AnsweringArea, state: float, orientations: int = 16, phases: int = 4) -> Float[np.ndarray, "units orientations"]:
    """Drive of each unit by still gratings of its own wavelength in a state, before it saturates; mean over phases.

    Args:
        of: The area.
        state: State of the animal.
        orientations: Orientations that are shown, evenly spaced from 0 (stripes lie flat), counterclockwise.
        phases: Phases that are shown, over which answers are averaged.
    """
    shown = np.repeat(np.arange(orientations) * np.pi / orientations, phases)[:, None]
    steps = np.tile(np.arange(phases) * 2 * np.pi / phases, orientations)[:, None]
    right, up = _places()
    across = up * np.cos(shown) - right * np.sin(shown)  # stripes run along the angle
    answers = np.zeros((len(of.area.table), orientations))
    nearest = np.round(of.area.table["wavelength_deg"].to_numpy() / WAVELENGTH_STEP) * WAVELENGTH_STEP
    for wavelength in np.unique(nearest):
        rows = np.flatnonzero(nearest == wavelength)
        some = _of_units(of, rows)
        even, odd = _gabor_answers(some.area, GREY * (1 + np.cos(2 * np.pi * across / wavelength + steps)))
        drive = _drive(some, even**2 + odd**2, _simple(some.area, even, odd), np.full(len(shown), state))
        answers[rows] = drive.reshape(len(rows), orientations, phases).mean(2)
    return answers


def spikes(rates: Float[np.ndarray, "units frames"], seed: int, *names: str | int) -> Float[np.ndarray, "units frames"]:
    """Spikes in each frame, drawn by Poisson.

    Args:
        rates: Spikes a second.
        seed: Seed of the run.
        names: Name of the trial among all draws.
    """
    return rng_for(seed, "spikes", *names).poisson(rates / FRAME_RATE_HZ).astype(np.float32)


def _places() -> tuple[Float[np.ndarray, " places"], Float[np.ndarray, " places"]]:
    """Degrees rightwards and upwards of the places of the retina."""
    right = (np.arange(ACROSS) - (ACROSS - 1) / 2) * DEGREES
    up = ((DOWN - 1) / 2 - np.arange(DOWN)) * DEGREES
    across, along = np.meshgrid(right, up)
    return across.ravel(), along.ravel()


def _of_units(of: AnsweringArea, rows: np.ndarray) -> AnsweringArea:
    """Some units of an area."""
    area = Area(of.area.name, of.area.table.iloc[rows].reset_index(drop=True), of.area.parts[rows], of.area.attended_deg)
    return AnsweringArea(area, of.config, of.part_scale[rows], of.drive_scale[rows], of.pool_scale[rows], of.answer_scale[rows])


def _gabor_answers(
    area: Area, pictures: Float[np.ndarray, "frames places"]
) -> tuple[Float[np.ndarray, "units at parts frames"], Float[np.ndarray, "units at parts frames"]]:
    """Even and odd answers of every part to every picture alone; a grating of full contrast that fits gives 1."""
    contrast = ((pictures - GREY) / GREY).T.astype(np.float32)
    right, up = _places()
    even, odd = np.empty((2, *area.parts.shape[:3], len(pictures)), dtype=np.float32)
    for start in range(0, len(area.table), UNITS_TOGETHER):
        some = slice(start, start + UNITS_TOGETHER)
        middles, angle = area.parts[some, ..., :2].reshape(-1, 2), np.deg2rad(area.parts[some, ..., 2].reshape(-1, 1))
        wavelength = np.repeat(area.table["wavelength_deg"].to_numpy()[some], area.parts.shape[1] * area.parts.shape[2])[:, None]
        x, y = right - middles[:, :1], up - middles[:, 1:]
        window = np.exp(-(x**2 + y**2) / (2 * (CYCLES * wavelength) ** 2))
        cycle = 2 * np.pi * (y * np.cos(angle) - x * np.sin(angle)) / wavelength
        cosine = window * (np.cos(cycle) - (window * np.cos(cycle)).sum(1, keepdims=True) / window.sum(1, keepdims=True))
        sine = window * np.sin(cycle)
        for out, filters, wave in ((even, cosine, np.cos(cycle)), (odd, sine, np.sin(cycle))):
            filters = (filters / (filters * wave).sum(1, keepdims=True)).astype(np.float32)
            out[some] = (filters @ contrast).reshape(-1, *area.parts.shape[1:3], len(pictures))
    return even, odd


def _simple(
    area: Area, even: Float[np.ndarray, "units at parts frames"], odd: Float[np.ndarray, "units at parts frames"]
) -> Float[np.ndarray, "units frames"]:
    """Half-squared answers of the middle part in each unit's phase."""
    phase = np.deg2rad(area.table["phase_deg"].to_numpy())[:, None]
    return 2 * np.maximum(np.cos(phase) * even[:, 0, 0] + np.sin(phase) * odd[:, 0, 0], 0) ** 2


def _energies(
    of: AnsweringArea, pictures: Float[np.ndarray, "frames places"]
) -> tuple[Float[np.ndarray, "units at parts frames"], Float[np.ndarray, "units frames"]]:
    """Energies of all parts, and half-squared answers, after filters in time."""
    even, odd = (_in_time(answers) for answers in _gabor_answers(of.area, pictures))
    return even**2 + odd**2, _simple(of.area, even, odd)


def _in_time(values: Float[np.ndarray, "*any frames"]) -> Float[np.ndarray, "*any frames"]:
    """A low-pass less a slower one, `LATENCY_FRAMES` late; before the clip all was as in its first frame."""
    from scipy.signal import lfilter

    late = np.concatenate([np.repeat(values[..., :1], LATENCY_FRAMES, axis=-1), values[..., :-LATENCY_FRAMES]], axis=-1)
    found = np.zeros_like(late)
    for constant, share in ((FAST_S, 1.0), (SLOW_S, -SLOW_SHARE)):
        keep = float(np.exp(-1 / (constant * FRAME_RATE_HZ)))
        found += share * lfilter([1 - keep], [1.0, -keep], late, zi=keep * late[..., :1])[0].astype(late.dtype)
    return found


def _drive(
    of: AnsweringArea,
    energies: Float[np.ndarray, "units at parts frames"],
    simple: Float[np.ndarray, "units frames"],
    state: Float[np.ndarray, " frames"],
) -> Float[np.ndarray, "units frames"]:
    """D of the equations, each unit divided by its scale."""
    apart = np.deg2rad(of.area.parts[..., 2] - of.area.attended_deg)
    attended = np.exp(of.config.attention * np.cos(2 * apart)[..., None] * state)
    parts = energies / of.part_scale[..., None] * attended
    together = (parts.mean(2) + np.exp(np.log(parts + FLOOR).mean(2))).mean(1) / 2
    complexity = of.area.table["complexity"].to_numpy()[:, None]
    drive = complexity * together + (1 - complexity) * simple / of.part_scale[:, 0, :1] * attended[:, 0, 0]
    return np.asarray(drive / of.drive_scale[:, None])


def _pool(of: AnsweringArea, pictures: Float[np.ndarray, "frames places"]) -> Float[np.ndarray, "units frames"]:
    """Contrast about each field: squared differences from the mean around, low-passed."""
    from scipy.ndimage import gaussian_filter

    contrast = ((pictures - GREY) / GREY).reshape(-1, DOWN, ACROSS)
    energy = (contrast - gaussian_filter(contrast, (0, 4.0, 4.0), mode="nearest")) ** 2
    right, up = _places()
    table = of.area.table
    apart = (right - table["right_deg"].to_numpy()[:, None]) ** 2 + (up - table["up_deg"].to_numpy()[:, None]) ** 2
    weights = np.exp(-apart / (2 * (POOL_SIZES * table["size_deg"].to_numpy()[:, None]) ** 2))
    near = (weights / weights.sum(1, keepdims=True)).astype(np.float32) @ energy.reshape(len(energy), -1).T.astype(np.float32)
    return np.abs(_low_passed(near)) / of.pool_scale[:, None]


def _low_passed(values: Float[np.ndarray, "units frames"]) -> Float[np.ndarray, "units frames"]:
    from scipy.signal import lfilter

    late = np.concatenate([np.repeat(values[:, :1], LATENCY_FRAMES, axis=1), values[:, :-LATENCY_FRAMES]], axis=1)
    keep = float(np.exp(-1 / (0.1 * FRAME_RATE_HZ)))
    return np.asarray(lfilter([1 - keep], [1.0, -keep], late, zi=keep * late[:, :1])[0])


def _answers(
    of: AnsweringArea, pictures: Float[np.ndarray, "frames places"], state: Float[np.ndarray, " frames"]
) -> Float[np.ndarray, "units frames"]:
    """R of the equations."""
    drive = _drive(of, *_energies(of, pictures), state)
    normalisation = of.area.table["normalisation"].to_numpy()[:, None]
    return drive / (1 + drive + normalisation * _pool(of, pictures))
