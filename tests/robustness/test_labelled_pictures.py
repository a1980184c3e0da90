"""Labelled pictures: what is read, what is kept for tests, and what is refused in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graphtwin.robustness import RobustConfig, load_pictures


def write(folder: Path, classes: dict[str, int], size: tuple[int, int] = (12, 10), deep: bool = False) -> Path:
    """A folder of images a class, each of a grey level of its own."""
    rng = np.random.default_rng(list(folder.name.encode()))  # train and test share no picture
    for name, n in classes.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for at in range(n):
            levels = rng.integers(0, 65536 if deep else 256, size).astype(np.uint16 if deep else np.uint8)
            Image.fromarray(levels).save(folder / name / f"{at:03d}.png")
    return folder


@pytest.mark.parametrize("source", ["digits", "photographs"])
def test_no_classifier_sees_a_picture_of_the_tests_and_each_draws_its_own_for_validation(source):
    data = load_pictures(source, RobustConfig())
    parts = [data.training(0.2, 0, number) for number in range(3)]
    for training, validation in parts:
        assert not set(training) & set(validation)
        assert sorted([*training, *validation]) == list(np.flatnonzero(~data.is_test))
        assert set(data.label[training]) == set(data.label[validation]) == set(range(len(data.classes)))
    assert len({tuple(validation) for _, validation in parts}) == 3
    assert abs(data.is_test.mean() - 0.3) < 0.05
    assert 0 <= data.pictures.min() < data.pictures.max() <= 1


def test_pieces_of_photographs_share_no_pixel_and_are_means_of_the_photograph():
    from sklearn.datasets import load_sample_image

    data = load_pictures("photographs", RobustConfig())
    shot = np.asarray(Image.fromarray(load_sample_image("china.jpg")).convert("L"), float) / 255
    first = data.pictures[data.label == data.classes.index("china")]
    assert len(first) == (shot.shape[0] // 32) * (shot.shape[1] // 32)
    np.testing.assert_allclose(first[0], shot[:32, :32].reshape(16, 2, 16, 2).mean((1, 3)), atol=1e-6)
    np.testing.assert_allclose(first[1], shot[:32, 32:64].reshape(16, 2, 16, 2).mean((1, 3)), atol=1e-6)


def test_a_folder_of_classes_is_read_in_grey_of_any_depth(tmp_path):
    data = load_pictures(write(tmp_path / "eight", {"b": 20, "a": 30}), RobustConfig())
    assert data.classes == ("a", "b")
    assert data.keys[0] == "a/000.png"
    assert data.size == (12, 10)
    np.testing.assert_allclose(data.pictures[0], np.asarray(Image.open(tmp_path / "eight/a/000.png")) / 255, atol=1e-6)
    deep = load_pictures(write(tmp_path / "sixteen", {"a": 20, "b": 20}, deep=True), RobustConfig())
    np.testing.assert_allclose(deep.pictures[0], np.asarray(Image.open(tmp_path / "sixteen/a/000.png")) / 65535, atol=1e-6)


def test_tests_that_a_folder_names_are_its_own(tmp_path):
    write(tmp_path / "train", {"a": 20, "b": 20})
    write(tmp_path / "test", {"a": 5, "b": 7})
    data = load_pictures(tmp_path, RobustConfig())
    assert data.is_test.sum() == 12
    assert all(key.startswith("test/") for key, test in zip(data.keys, data.is_test, strict=True) if test)


def test_of_many_pictures_as_many_are_drawn_of_each_class_as_can_be(tmp_path):
    data = load_pictures(write(tmp_path, {"a": 60, "b": 60, "c": 15}), RobustConfig(pictures=45))
    assert list(np.bincount(data.label)) == [15, 15, 15]
    assert len(set(data.keys)) == 45


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        ({"a": 30}, "of 1 class. A classifier needs two or more"),
        ({"a": 30, "b": 4}, "1 of 2 classes have fewer than 10 pictures, first 'b' with 4"),
        ({"a": 0}, "no image"),
    ],
)
def test_too_few_classes_or_pictures_are_refused(tmp_path, classes, said):
    with pytest.raises((ValueError, FileNotFoundError), match=said):
        load_pictures(write(tmp_path, classes), RobustConfig())


def test_images_that_are_none_or_differ_in_size_and_batches_of_cifar_are_refused(tmp_path):
    write(tmp_path / "sizes", {"a": 20, "b": 20})
    write(tmp_path / "sizes", {"c": 20}, size=(9, 10))
    with pytest.raises(ValueError, match=r"images of 2 sizes \(9 x 10, 12 x 10\)"):
        load_pictures(tmp_path / "sizes", RobustConfig())
    write(tmp_path / "cut", {"a": 20, "b": 20})
    whole = (tmp_path / "cut/a/003.png").read_bytes()
    (tmp_path / "cut/a/003.png").write_bytes(whole[:60])
    with pytest.raises(ValueError, match=r"003\.png: is no picture, or is cut short"):
        load_pictures(tmp_path / "cut", RobustConfig())
    (tmp_path / "cifar").mkdir()
    (tmp_path / "cifar/data_batch_1").write_bytes(b"1")
    with pytest.raises(ValueError, match="1 files of CIFAR batches"):
        load_pictures(tmp_path / "cifar", RobustConfig())
    with pytest.raises(FileNotFoundError, match=r"digitz: no folder.*nearest 'digits'"):
        load_pictures("digitz", RobustConfig())


def test_pictures_all_of_one_grey_are_refused(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for at in range(12):
            Image.fromarray(np.full((8, 8), 7, np.uint8)).save(tmp_path / name / f"{at}.png")
    with pytest.raises(ValueError, match="all pixels of 24 pictures are"):
        load_pictures(tmp_path, RobustConfig())


def test_what_a_system_leaves_in_folders_is_no_class_and_no_picture(tmp_path, caplog):
    folder = write(tmp_path / "made", {"a": 20, "b": 20, "a/more": 3})
    (folder / ".DS_Store").mkdir()
    (folder / "a/._000.png").write_bytes(b"resource fork")
    (folder / "notes.txt").write_text("of whom")
    caplog.set_level("INFO", logger="graphtwin")
    data = load_pictures(folder, RobustConfig())
    assert data.classes == ("a", "b")
    assert len(data.keys) == 40
    assert "5 files are not read" in caplog.text


def test_a_folder_without_images_beside_classes_is_refused(tmp_path):
    folder = write(tmp_path / "made", {"a": 20, "b": 20, "c/more": 20})
    with pytest.raises(ValueError, match=r"1 of 3 folders hold no image .* first 'c'"):
        load_pictures(folder, RobustConfig())


def test_few_pictures_of_many_classes_are_drawn_of_large_ones(tmp_path):
    data = load_pictures(write(tmp_path, {f"{at}": 20 for at in range(10)}), RobustConfig(pictures=80))
    assert list(np.bincount(data.label)) == [8] * 10


def test_tests_that_a_folder_names_keep_their_share_where_few_are_drawn(tmp_path):
    write(tmp_path / "train", {"a": 150, "b": 150})
    write(tmp_path / "test", {"a": 50, "b": 50})
    data = load_pictures(tmp_path, RobustConfig(pictures=80))
    assert [list(np.bincount(data.label[rows])) for rows in (data.is_test, ~data.is_test)] == [[10, 10], [30, 30]]


def test_a_class_of_which_all_but_tests_would_choose_is_refused(tmp_path):
    write(tmp_path / "train", {"a": 20, "b": 10})
    write(tmp_path / "test", {"a": 10, "b": 60})
    with pytest.raises(ValueError, match="1 of 2 classes have no picture to train on, first 'b': the 10 that are not for tests"):
        load_pictures(tmp_path, RobustConfig())
    with pytest.raises(ValueError, match="10 of 10 classes have no picture to train on"):
        load_pictures("digits", RobustConfig(pictures=20))


@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_what_is_transparent_lies_on_grey_whatever_colour_it_hides(tmp_path, mode):
    levels = np.random.default_rng(0).integers(0, 256, (40, 6, 6)).astype(np.uint8) // 128 * 255
    for at, picture in enumerate(levels):
        place = tmp_path / "ab"[at % 2] / f"{at:02d}.png"
        place.parent.mkdir(exist_ok=True)
        shown = Image.fromarray(picture)
        if mode == "RGBA":
            Image.merge("RGBA", [shown, shown, shown, Image.fromarray(255 - picture)]).save(place)  # white is transparent
        else:
            paletted = Image.fromarray(picture // 255, "P")
            paletted.putpalette([0, 0, 0, 255, 255, 255])
            paletted.save(place, transparency=bytes([255, 0]))
    data = load_pictures(tmp_path, RobustConfig())
    np.testing.assert_allclose(np.unique(data.pictures), [0, 128 / 255], atol=1e-6)


def test_images_of_fractions_or_of_more_than_16_bits_are_refused(tmp_path):
    for name, levels in (
        ("float", np.random.default_rng(0).random((12, 8, 8)).astype(np.float32)),
        ("deep", np.full((12, 8, 8), 70_000, np.int32)),
    ):
        for at, picture in enumerate(levels):
            for label in "ab":
                (tmp_path / name / label).mkdir(parents=True, exist_ok=True)
                Image.fromarray(picture).save(tmp_path / name / label / f"{at}.tif")
        with pytest.raises(ValueError, match=r"0\.tif: grey levels .* not of 8 or 16 bits"):
            load_pictures(tmp_path / name, RobustConfig())


def again(folder: Path, copies: dict[str, str]) -> None:
    """Save pictures once more, each under another name and in another file format, with the same pixels."""
    for of, name in copies.items():
        Image.open(folder / of).save(folder / name)


def test_pictures_of_train_that_are_among_the_tests_are_refused_with_their_number_and_the_first_pair(tmp_path):
    write(tmp_path / "train", {"a": 20, "b": 20})
    write(tmp_path / "test", {"a": 5, "b": 6})
    load_pictures(tmp_path, RobustConfig())
    again(tmp_path, {"train/a/007.png": "test/a/seen.bmp", "train/b/003.png": "test/a/other.png", "train/a/001.png": "train/a/twice.png"})
    with pytest.raises(ValueError, match=r"2 of 13 test pictures are pixel for pixel .* first test/a/other\.png and train/b/003\.png"):
        load_pictures(tmp_path, RobustConfig())


def test_of_pictures_with_the_same_pixels_all_or_none_are_for_tests_and_the_log_counts_them(tmp_path, caplog):
    folder = write(tmp_path / "made", {"a": 30, "b": 30})
    alone = load_pictures(folder, RobustConfig())
    again(folder, {f"{label}/{at:03d}.png": f"{label}/{at:03d}_again.bmp" for label in "ab" for at in range(10)})
    caplog.set_level("INFO", logger="graphtwin")
    data = load_pictures(folder, RobustConfig())
    test = {key.partition(".")[0].removesuffix("_again"): of for key, of in zip(data.keys, data.is_test, strict=True)}
    assert all(test[key.partition(".")[0].removesuffix("_again")] == of for key, of in zip(data.keys, data.is_test, strict=True))
    assert "20 of 80 pictures are pixel for pixel the same as another" in caplog.text
    assert len(alone.test) == 18
    assert 16 <= len(data.test) <= 32
