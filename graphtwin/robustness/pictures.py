"""Labelled pictures in grey: digits, photographs that installed packages ship, folders of classes, and the parts of each."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from graphtwin.config import nearest_of
from graphtwin.execute import rng_for
from graphtwin.robustness.identical_pictures import first_alike, require_apart
from graphtwin.robustness.settings import RobustConfig
from graphtwin.shapes import Bool, Float, Int
from graphtwin.told import told_by_fields

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
BUNDLED = ("digits", "photographs")
PHOTOGRAPHS = {
    "sklearn": ("datasets/images/china.jpg", "datasets/images/flower.jpg"),
    "matplotlib": ("mpl-data/sample_data/grace_hopper.jpg",),
    "skimage": ("data/astronaut.png", "data/chelsea.png", "data/coffee.png", "data/motorcycle_left.png", "data/rocket.jpg"),
}
PIECE, PIECE_OF = 16, 32  # pixels of a piece of a photograph, and of the square of the photograph that is averaged down to it
BLOCK = 4  # pieces along a side of a block, of which all are kept for tests or none
GROUND, DEEPEST = (128, 128, 128, 255), 65535  # colour behind what is transparent; white of 16 bits
FEWEST = 10  # pictures of a class below which no part of it can be kept for tests and validation
log = logging.getLogger("graphtwin")


@told_by_fields
@dataclass(frozen=True)
class LabelledPictures:
    """Pictures of classes, and which of them no classifier may see.

    Attributes:
        name: What they are.
        pictures: Grey levels, black 0, white 1.
        label: Class of each picture, a place in `classes`.
        classes: Names of the classes.
        is_test: Whether each picture is kept for tests.
        keys: What each picture is called: its file, or its number in the source.

    Examples:
        >>> pictures.pictures.shape, pictures.classes[:3]
        ((80, 8, 8), ('0', '1', '2'))
        >>> training, validation = pictures.training(0.2, seed=0, number=0)
        >>> bool(pictures.is_test[training].any())
        False
    """

    name: str
    pictures: Float[np.ndarray, "pictures height width"]
    label: Int[np.ndarray, " pictures"]
    classes: tuple[str, ...]
    is_test: Bool[np.ndarray, " pictures"]
    keys: tuple[str, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the pictures, pixels."""
        return self.pictures.shape[1], self.pictures.shape[2]

    @property
    def test(self) -> Int[np.ndarray, " test"]:
        """Rows of the pictures that are kept for tests."""
        return np.flatnonzero(self.is_test)

    @property
    def chance(self) -> float:
        """Accuracy of whoever always names the commonest class of the test pictures."""
        return float(np.bincount(self.label[self.is_test], minlength=len(self.classes)).max() / self.is_test.sum())

    def training(self, share: float, seed: int, number: int) -> tuple[Int[np.ndarray, " training"], Int[np.ndarray, " validation"]]:
        """Rows that one classifier is fitted to and rows that choose for it, in shares of each class.

        Args:
            share: Share of all pictures that choose.
            seed: Root of the random draws.
            number: Number of the classifier: each draws its own.
        """
        rng, rows = rng_for(seed, "validation pictures", number), np.flatnonzero(~self.is_test)
        chosen = [_drawn(rng, rows[self.label[rows] == at], share * np.sum(self.label == at)) for at in range(len(self.classes))]
        validation = np.sort(np.concatenate(chosen))
        return np.setdiff1d(rows, validation), validation


def load_pictures(source: str | Path, config: RobustConfig | None = None) -> LabelledPictures:
    """Pictures by name, or of a folder.

    Args:
        source: digits (of scikit-learn, 8 x 8), photographs (pieces of those that installed packages ship: which one is it of?), or a
            folder with a folder of images a class, or with `train` and `test`, each with these.
        config: Settings: how many pictures, what share is kept for tests; the usual by default.

    Raises:
        ValueError: Fewer than two classes, a class of fewer than ten pictures or of none to train on, a folder without images beside
            others with, images that are no pictures or have different sizes, the same picture in `train` and in `test`.
        FileNotFoundError: No such name or folder, or a folder without images.

    Examples:
        >>> graphtwin.robustness.load_pictures("digits").pictures.shape
        (1797, 8, 8)
    """
    config = config or RobustConfig()
    if str(source) == "digits":
        return _digits(config)
    if str(source) == "photographs":
        return _photographs(config)
    folder = Path(source)
    if not folder.is_dir():
        told = nearest_of(str(source), BUNDLED)
        raise FileNotFoundError(
            f"{source}: no folder{told}. Give {' or '.join(BUNDLED)}, or a folder with a folder of images for each class."
        )
    return _folder(folder, config)


def _digits(config: RobustConfig) -> LabelledPictures:
    """Handwritten digits. Source: Alpaydin and Kaynak 1998, doi:10.24432/C50P49 (CC BY 4.0), as scikit-learn ships them."""
    from sklearn.datasets import load_digits

    found = load_digits()
    classes = tuple(str(name) for name in found.target_names)
    return _parted("digits", found.images / 16.0, found.target, classes, config)


def _photographs(config: RobustConfig) -> LabelledPictures:
    """Pieces of photographs, none of which shares a pixel with another, the photograph being the class; tests are of blocks of pieces."""
    from PIL import Image

    rng, parts, classes = rng_for(config.seed, "blocks of photographs"), [], []
    for package, names in PHOTOGRAPHS.items():
        spec = find_spec(package)
        for name in names if spec is not None and spec.origin is not None else ():
            path = Path(str(spec and spec.origin)).parent / name
            if path.is_file():
                with Image.open(path) as opened:
                    shot = np.asarray(opened.convert("L"), dtype=np.float64) / 255
                rows, columns = (side // PIECE_OF for side in shot.shape)
                cut = shot[: rows * PIECE_OF, : columns * PIECE_OF].reshape(rows, PIECE, PIECE_OF // PIECE, columns, PIECE, -1)
                blocks = -(-rows // BLOCK), -(-columns // BLOCK)
                kept = np.isin(
                    np.arange(blocks[0] * blocks[1]), _drawn(rng, np.arange(blocks[0] * blocks[1]), config.test * np.prod(blocks))
                )
                is_test = np.kron(kept.reshape(blocks), np.ones((BLOCK, BLOCK), bool))[:rows, :columns].astype(bool)
                parts.append((cut.mean((2, 5)).transpose(0, 2, 1, 3).reshape(-1, PIECE, PIECE), is_test.ravel()))
                classes.append(path.stem)
    label = np.repeat(np.arange(len(parts)), [len(pieces) for pieces, _ in parts])
    pieces, is_test = (np.concatenate(each) for each in zip(*parts, strict=True))
    return _parted("photographs", pieces, label, tuple(classes), config, is_test)


def _folder(folder: Path, config: RobustConfig) -> LabelledPictures:
    """Images in folders that are their classes."""
    inside = {path.name for path in folder.iterdir() if path.is_dir()}
    if binary := sorted(path.name for path in folder.glob("data_batch_*")):
        raise ValueError(
            f"{folder}: has {len(binary)} files of CIFAR batches ({binary[0]}), which are no images. Write a folder of images a class "
            "(CLASS/0001.png ...), as dataset tools export."
        )
    parts = ["train", "test"] if {"train", "test"} <= inside else ["."]
    classes = sorted({path.name for part in parts for path in (folder / part).iterdir() if path.is_dir() and not _is_hidden(path)})
    files = [
        (path, at, part == "test")
        for part in parts
        for at, name in enumerate(classes)
        for path in sorted((folder / part / name).glob("*"))
        if path.suffix.lower() in ENDINGS and not _is_hidden(path)
    ]
    if not files:
        raise FileNotFoundError(
            f"{folder}: no image ({', '.join(ENDINGS)}) in its {len(classes)} folders. Give a folder with one for each class."
        )
    known = {at for _, at, _ in files}
    if empty := [name for at, name in enumerate(classes) if at not in known]:
        raise ValueError(
            f"{folder}: {len(empty)} of {len(classes)} folders hold no image ({', '.join(ENDINGS)}) themselves, first {empty[0]!r}. Every "
            "folder is a class: put images right into it, or take it away."
        )
    unread = sum(path.is_file() for path in folder.rglob("*")) - len(files)
    if unread:
        log.info("%s: %d files are not read: hidden, of other endings, or in no folder of a class.", folder, unread)
    every, kept = np.array([at for _, at, _ in files]), np.array([test for _, _, test in files])
    _require_classes(folder.resolve().name, every, tuple(classes))
    chosen = [files[row] for row in _rows_taken(every, config, kept)]
    images = [_image(path).astype(np.float32) for path, _, _ in chosen]
    sizes = {image.shape for image in images}
    if len(sizes) > 1:
        said = ", ".join(f"{height} x {width}" for height, width in sorted(sizes)[:4])
        raise ValueError(f"{folder}: images of {len(sizes)} sizes ({said}). Scale them to one size first.")
    label, is_test = np.array([at for _, at, _ in chosen]), np.array([test for _, _, test in chosen])
    names, pictures = tuple(path.relative_to(folder).as_posix() for path, _, _ in chosen), np.stack(images)
    if len(parts) > 1:
        require_apart(folder, pictures, is_test, names)
    return _parted(folder.resolve().name, pictures, label, tuple(classes), config, is_test if len(parts) > 1 else None, names)


def _is_hidden(path: Path) -> bool:
    """Whether a file or folder is of a system or a program, as .DS_Store."""
    return path.name.startswith(".")


def _image(path: Path) -> np.ndarray:
    """An image in grey, black 0, white 1, of 8 or 16 bits; what is transparent lies on grey."""
    from PIL import Image

    try:
        with Image.open(path) as opened:
            mode = opened.mode
            if mode[0] not in "IF":
                if "A" in opened.getbands() or "transparency" in opened.info:
                    shown = opened.convert("RGBA")
                    return np.asarray(Image.alpha_composite(Image.new("RGBA", shown.size, GROUND), shown).convert("L"), np.float64) / 255
                return np.asarray(opened.convert("L"), np.float64) / 255
            levels = np.asarray(opened, np.float64)
    except OSError as error:
        raise ValueError(f"{path}: is no picture, or is cut short ({error}). Save it anew, or take it out of the folder.") from error
    if mode == "F" or levels.min() < 0 or levels.max() > DEEPEST:
        raise ValueError(
            f"{path}: grey levels {levels.min():g} to {levels.max():g}, not of 8 or 16 bits. Save it with 8 or 16 bits a pixel."
        )
    return levels / DEEPEST


def _rows_taken(label: np.ndarray, config: RobustConfig, is_test: np.ndarray | None = None) -> np.ndarray:
    """Rows of as many pictures as are asked for, drawn of each class alike, in order; tests that a source names keep their share."""
    if len(label) <= config.pictures:
        return np.arange(len(label))
    rng, classes = rng_for(config.seed, "pictures"), np.unique(label)
    kept = np.zeros(len(label), bool) if is_test is None else is_test
    parts = [np.flatnonzero((label == at) & (kept == test)) for at in classes for test in np.unique(kept[label == at])]
    each = [_drawn(rng, rows, config.pictures / len(classes) * len(rows) / np.sum(label == label[rows[0]])) for rows in parts]
    taken = np.sort(np.concatenate(each))
    log.info("%d of %d pictures are taken, drawn of each class alike. Set pictures=%d for all.", len(taken), len(label), len(label))
    return taken


def _parted(
    name: str,
    pictures: np.ndarray,
    label: np.ndarray,
    classes: tuple[str, ...],
    config: RobustConfig,
    is_test: np.ndarray | None = None,
    files: tuple[str, ...] = (),
) -> LabelledPictures:
    """Pictures with those of tests told apart, drawn of each class alike unless their source names them."""
    keys = files
    if not files:  # files were looked at and drawn before they were read
        _require_classes(name, label, classes)
        rows = _rows_taken(label, config)
        pictures, label, is_test = pictures[rows], label[rows], None if is_test is None else is_test[rows]
        keys = tuple(str(row) for row in rows)
    if np.ptp(pictures) == 0:
        raise ValueError(f"{name}: all pixels of {len(pictures)} pictures are {pictures.flat[0]:g}. Nothing can be told of them.")
    if is_test is None:
        rng = rng_for(config.seed, "test pictures")
        chosen = [_drawn(rng, np.flatnonzero(label == at), config.test * np.sum(label == at)) for at in range(len(classes))]
        is_test = np.isin(np.arange(len(label)), np.concatenate(chosen))
    pictures = pictures.astype(np.float32)
    first = first_alike(pictures)
    if strays := int((is_test != is_test[first]).sum()):
        is_test = is_test[first]
        log.info(
            "%s: %d of %d pictures are pixel for pixel the same as another; %d of them go where that one is, so that none is both trained "
            "on and tested.",
            *(name, int((first != np.arange(len(first))).sum()), len(first), strays),
        )
    lacking = [part for part, rows in (("tests", is_test), ("training", ~is_test)) if len(np.unique(label[rows])) < len(classes)]
    if lacking:
        raise ValueError(f"{name}: not every class has pictures for {lacking[0]}. Give some of each class, in train and in test.")
    found = LabelledPictures(name, pictures, label.astype(np.int64), classes, is_test, keys)
    training, validation = found.training(config.validation, config.seed, 0)  # any number has as many of each class
    if untaught := sorted(set(range(len(classes))) - set(label[training])):
        n = int(np.sum(label[validation] == untaught[0]))
        raise ValueError(
            f"{name}: {len(untaught)} of {len(classes)} classes have no picture to train on, first {classes[untaught[0]]!r}: the {n} that "
            "are not for tests all choose (validation). Set validation lower or pictures higher, or give more to train on."
        )
    return found


def _require_classes(name: str, label: np.ndarray, classes: tuple[str, ...]) -> None:
    """Raise where there are too few classes, or too few pictures of one."""
    present, counts = np.unique(label, return_counts=True)
    if len(present) < 2:
        raise ValueError(f"{name}: {len(label)} pictures of {len(present)} class. A classifier needs two or more: give folders of others.")
    if counts.min() < FEWEST:
        few = [classes[at] for at, n in zip(present, counts, strict=True) if n < FEWEST]
        raise ValueError(
            f"{name}: {len(few)} of {len(present)} classes have fewer than {FEWEST} pictures, first {few[0]!r} with {counts.min()}. Give "
            "more of them, or leave the class out."
        )


def _drawn(rng: np.random.Generator, rows: Sequence[int] | np.ndarray, n: float) -> np.ndarray:
    """Some rows at random: one at least."""
    return np.asarray(rng.permutation(rows)[: max(1, round(n))], dtype=np.int64)
