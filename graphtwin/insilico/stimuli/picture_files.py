"""Natural pictures from files: one array of many, or a folder of images; brought to the shape of a screen in grey levels."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Num

from graphtwin.extras import require_packages
from graphtwin.insilico.stimuli.screen import Screen

if TYPE_CHECKING:
    import torch

IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".npy")  # endings of the files of a folder that are taken as images
log = logging.getLogger("graphtwin")


def read_pictures(path: str, numbers: Sequence[int] | slice) -> list[Num[np.ndarray, "_ _"]]:
    """Some pictures in grey levels, each in its own size.

    Args:
        path: A .npy of pictures [pictures rows columns], or a folder of images, in the order of their names.
        numbers: Numbers of the pictures, from 0.
    """
    album = _album(path)
    return [_image(entry) if isinstance(entry, Path) else np.asarray(entry) for entry in _chosen(album, numbers, path)]


def require_pictures(path: str, numbers: Sequence[int] | slice) -> None:
    """Raise where a file or folder has not these pictures; none is read, and what a place holds is looked up once while it stays as it is.

    Args:
        path: A .npy of pictures [pictures rows columns], or a folder of images, in the order of their names.
        numbers: Numbers of the pictures, from 0.
    """
    place = Path(path)
    changed = place.stat().st_mtime_ns if place.exists() else 0
    _chosen(range(_n_pictures(path, changed)), numbers, path)


@lru_cache(maxsize=64)
def _n_pictures(path: str, changed: int) -> int:
    return len(_album(path))


def _album(path: str) -> Sequence[Path] | Num[np.ndarray, "pictures _ _"]:
    """The images of a folder as files, or an array of pictures that is not read yet."""
    place = Path(path)
    if place.is_dir():
        return _files(place)
    if place.suffix != ".npy":
        raise ValueError(f"{path}: no .npy and no folder of images. Give one of them.")
    if not place.is_file():
        raise FileNotFoundError(f"{path}: no such file. Give the path of a .npy of pictures, or of a folder of images.")
    album = np.load(place, mmap_mode="r")
    if album.ndim != 3:
        raise ValueError(f"{path}: an array of shape {album.shape}. Give grey levels [pictures rows columns].")
    return np.asarray(album)


def has_images(folder: Path) -> bool:
    """Whether a folder has files that are taken as images.

    Args:
        folder: Folder.
    """
    return any(file.suffix.lower() in IMAGES for file in folder.iterdir())


def count_pictures(path: str) -> int:
    """How many pictures there are, none of which is opened.

    Args:
        path: A .npy of pictures [pictures rows columns], or a folder of images.
    """
    place = Path(path)
    return len(_files(place)) if place.is_dir() else len(np.load(place, mmap_mode="r", allow_pickle=False))


def in_contrast(
    pictures: Sequence[Num[np.ndarray, "_ _"]], black: float, white: float, screen: Screen, path: str
) -> Float[torch.Tensor, "pictures height width"]:
    """Pictures in contrast, cut around their middle to the shape of the screen in degrees and averaged to its pixels.

    Args:
        pictures: Grey levels.
        black: Grey level of contrast -1.
        white: Grey level of contrast 1.
        screen: Screen that they are shown on.
        path: Name of the place that they come from, for errors and the log.
    """
    import torch

    sizes = {picture.shape for picture in pictures}
    alike = [np.stack(pictures)] if len(sizes) == 1 else [picture[None] for picture in pictures]
    bad = sum(int((~np.isfinite(album)).any((1, 2)).sum()) for album in alike)
    if bad:
        raise ValueError(f"{path}: {bad} of {len(pictures)} pictures have NaN or infinite grey levels. Leave them out.")
    darkest, brightest = min(float(album.min()) for album in alike), max(float(album.max()) for album in alike)
    scaled = brightest - black <= (white - black) / 100 and any((album % 1 != 0).any() for album in alike)  # to 0 to 1, it seems
    if not black <= darkest <= brightest <= white or scaled:
        raise ValueError(
            f"{path}: grey levels from {darkest:g} to {brightest:g}, and black is {black:g}, white {white:g}. "
            "Give the levels of this file as black and white."
        )
    fitted = [_fitted(torch.from_numpy(album.astype(np.float32)), screen, path) for album in alike]
    return torch.cat(fitted).sub_(black).mul_(2 / (white - black)).sub_(1)


def _fitted(album: torch.Tensor, screen: Screen, path: str) -> torch.Tensor:
    """Pictures of the screen's pixels; those that have them already are left as they are."""
    import torch

    rows, columns = album.shape[1:]
    if (rows, columns) == (screen.height, screen.width):
        return album
    height, width = screen.extent_deg
    taken = min(rows, round(columns * height / width)), min(columns, round(rows * width / height))
    top, left = (rows - taken[0]) // 2, (columns - taken[1]) // 2
    cut = album[:, None, top : top + taken[0], left : left + taken[1]]
    _say_resized(path, (rows, columns), taken, (screen.height, screen.width))
    size = screen.height, screen.width
    if screen.inputs:
        raise ValueError(
            f"{path}: {rows} x {columns} numbers a frame, but there are {len(screen.inputs)} inputs: give {size[0]} x {size[1]}."
        )
    return torch.nn.functional.interpolate(cut, size, mode="bilinear", antialias=True, align_corners=False)[:, 0]


@lru_cache(maxsize=256)
def _say_resized(path: str, size: tuple[int, int], taken: tuple[int, int], screen: tuple[int, int]) -> None:
    """Tell in the log what was done to pictures of a size, once a file and size."""
    told = path, *size, *taken, *screen
    log.info("%s: pictures of %d x %d pixels, of which the middle %d x %d fill the screen of %d x %d.", *told)


def _files(folder: Path) -> list[Path]:
    """Images of a folder by name."""
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in IMAGES)
    if not files:
        raise FileNotFoundError(f"{folder}: no image ({', '.join(IMAGES)}). Give a folder that has some.")
    return files


def _image(file: Path) -> Num[np.ndarray, "rows columns"]:
    """One image in grey levels."""
    if file.suffix.lower() == ".npy":
        try:
            picture = np.load(file, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise ValueError(f"{file}: is no picture, or is cut short ({error}). Save it anew, or take it out of the folder.") from error
        if picture.ndim != 2:
            raise ValueError(f"{file}: an array of shape {picture.shape}. Give grey levels [rows columns].")
        return picture
    require_packages("images in files", "PIL")
    from PIL import Image

    try:
        with Image.open(file) as opened:
            return np.asarray(opened.convert("L"))
    except OSError as error:
        raise ValueError(f"{file}: is no picture, or is cut short ({error}). Save it anew, or take it out of the folder.") from error


def _chosen(album: Sequence | np.ndarray, numbers: Sequence[int] | slice, path: str) -> list:
    """Entries of these numbers."""
    if isinstance(numbers, slice):
        if numbers.stop > len(album):
            raise ValueError(f"{path}: pictures up to number {numbers.stop - 1} are asked for, of {len(album)}. Ask for fewer.")
        return list(album[numbers])
    beyond = [number for number in numbers if number >= len(album)]
    if beyond:
        raise ValueError(f"{path}: no picture of number {beyond[0]} ({len(beyond)} of {len(numbers)} asked for), of {len(album)} from 0.")
    return [album[number] for number in numbers]
