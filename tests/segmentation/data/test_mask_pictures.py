"""Masks as paint programs save them: one object for one disc, or one line."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from segmentation.data import Annotation, read_dataset
from tests.inputs.annotated_photos import SIZE_HW, overlap, problems, true_masks, write_photo

BALL, CRATE = true_masks().values()


def saved(root: Path, mask: np.ndarray | Image.Image) -> Path:
    """Write a photo and its mask."""
    write_photo(root / "images" / "0.png")
    (root / "masks").mkdir()
    picture = mask if isinstance(mask, Image.Image) else Image.fromarray(mask)
    picture.save(root / "masks" / "0.png")
    return root


def found(root: Path) -> tuple[Annotation, ...]:
    (first,) = read_dataset(root, strict=True).photos
    return first.annotations


def jpeg(mask: np.ndarray) -> np.ndarray:
    data = cv2.imencode(".jpg", mask, [cv2.IMWRITE_JPEG_QUALITY, 75])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED))


def halved(mask: np.ndarray) -> np.ndarray:
    large = np.zeros((2 * SIZE_HW[0], 2 * SIZE_HW[1]), np.uint8)
    cv2.circle(large, (101, 121), 60, 255, -1)
    return np.asarray(cv2.resize(large, SIZE_HW[::-1], interpolation=cv2.INTER_AREA))


def drawn_smooth(mask: np.ndarray) -> np.ndarray:
    smooth = np.zeros(SIZE_HW, np.uint8)
    cv2.circle(smooth, (50, 60), 30, 255, -1, cv2.LINE_AA)
    return smooth


SOFT = {
    "anti-aliased": drawn_smooth,
    "halved": halved,
    "JPEG": lambda mask: jpeg(mask * 255),
    "JPEG in colour": lambda mask: jpeg(mask[..., None] * np.uint8([200, 40, 10])),
    "blurred a little": lambda mask: cv2.GaussianBlur(mask * 255, (5, 5), 0),
    "in colour": lambda mask: drawn_smooth(mask)[..., None] // np.uint8([1, 2, 4]),
}


@pytest.mark.parametrize("name", SOFT)
def test_a_soft_edge_is_no_object(name: str, tmp_path: Path) -> None:
    (ball,) = found(saved(tmp_path, SOFT[name](BALL)))
    assert overlap(ball.mask(SIZE_HW), BALL) > 0.93


def test_soft_edges_of_several_objects(tmp_path: Path) -> None:
    colours = cv2.GaussianBlur(BALL * 255, (3, 3), 0)[..., None] * np.uint8([1, 0, 0])
    colours += cv2.GaussianBlur(CRATE * 200, (3, 3), 0)[..., None] * np.uint8([0, 1, 0])
    objects = found(saved(tmp_path, colours))
    assert len(objects) == 2
    for truth in (BALL, CRATE):
        assert max(overlap(each.mask(SIZE_HW), truth) for each in objects) > 0.93


def test_a_wide_soft_edge_is_one_line(tmp_path: Path) -> None:
    distance = cv2.distanceTransform(BALL, cv2.DIST_L2, 5)
    bands = np.uint8(np.minimum(distance // 4, 6) * 40)
    assert "save masks without smoothing" in problems(saved(tmp_path, bands))


def test_small_objects_that_touch_others_stay(tmp_path: Path) -> None:
    numbers = BALL * np.uint8(5) + CRATE * np.uint8(9)
    numbers[58:60, 80:95] = 7  # a stick of two pixels
    numbers[5, 5] = 3
    assert [each.area for each in found(saved(tmp_path, numbers))] == [
        1,
        numbers[numbers == 5].size,
        30,
        CRATE.sum(),
    ]


def test_transparent_is_no_object(tmp_path: Path) -> None:
    for name, colour in (("white", 255), ("black", 0)):
        rgba = np.full((*SIZE_HW, 4), colour, np.uint8)
        rgba[..., 3] = BALL * 255
        (ball,) = found(saved(tmp_path / name, rgba))
        np.testing.assert_array_equal(ball.mask(SIZE_HW), BALL)


def test_a_white_background_is_no_object(tmp_path: Path) -> None:
    palette = Image.fromarray(BALL).convert("P")
    palette.putpalette([255, 255, 255, 128, 0, 0])
    grey = np.where(BALL > 0, np.uint8(90), np.uint8(255))
    for name, mask in (("palette", palette), ("grey", grey)):
        (ball,) = found(saved(tmp_path / name, mask))
        np.testing.assert_array_equal(ball.mask(SIZE_HW), BALL)


@pytest.mark.parametrize("ground", [(139, 69, 19), (0, 255, 0)])
def test_a_background_of_another_colour_is_one_line(
    ground: tuple[int, int, int], tmp_path: Path
) -> None:
    colours = np.full((*SIZE_HW, 3), ground, np.uint8)
    colours[BALL > 0] = (128, 0, 0)
    told = problems(saved(tmp_path, colours))
    assert f"the colour {', '.join(map(str, ground))} reaches all four corners" in told
    assert "make the background black" in told


def test_the_void_line_is_no_object(tmp_path: Path) -> None:
    line = cv2.dilate(BALL, np.ones((7, 7), np.uint8)) - BALL
    numbers = BALL + line * np.uint8(255)
    palette = Image.fromarray(numbers).convert("P")
    colours = [0, 0, 0, 128, 0, 0] + [0] * 762
    colours[765:768] = [224, 224, 192]
    palette.putpalette(colours)
    for name, mask in (("palette", palette), ("numbers", numbers)):
        (ball,) = found(saved(tmp_path / name, mask))
        np.testing.assert_array_equal(ball.mask(SIZE_HW), BALL)


def test_numbers_of_16_bits(tmp_path: Path) -> None:
    numbers = BALL.astype(np.uint16) * 300 + CRATE.astype(np.uint16) * 65535
    assert [each.area for each in found(saved(tmp_path, numbers))] == [BALL.sum(), CRATE.sum()]


def test_a_folder_of_a_class_that_is_called_as_a_photo(tmp_path: Path) -> None:
    for name in ("apple", "pear"):
        write_photo(tmp_path / "images" / f"{name}.png")
        (tmp_path / "masks" / name).mkdir(parents=True)
        Image.fromarray(BALL * 255).save(tmp_path / "masks" / name / f"{name}.png")
    dataset = read_dataset(tmp_path)
    assert "is taken" in dataset.remarks[0] or "are taken" in dataset.remarks[0]
    Image.fromarray(CRATE * 255).save(tmp_path / "masks" / "apple" / "pear.png")
    Image.fromarray(CRATE * 255).save(tmp_path / "masks" / "pear" / "apple.png")
    assert read_dataset(tmp_path).classes == ("apple", "pear")


def test_masks_that_are_smaller_than_the_photo_are_cleaned_first(tmp_path: Path) -> None:
    small = cv2.resize(drawn_smooth(BALL), (100, 60), interpolation=cv2.INTER_AREA)
    (ball,) = found(saved(tmp_path, small))
    assert overlap(ball.mask(SIZE_HW), BALL) > 0.93


@pytest.mark.parametrize("ending", [".jpg", ".webp"])
@pytest.mark.parametrize("quality", [30, 60, 75, 90])
def test_what_jpeg_and_webp_make_of_colours_is_no_object(
    ending: str, quality: int, tmp_path: Path
) -> None:
    flag = cv2.IMWRITE_JPEG_QUALITY if ending == ".jpg" else cv2.IMWRITE_WEBP_QUALITY
    half = np.where(np.arange(SIZE_HW[1]) < 45, BALL, 0)
    pictures = {
        "grey": [(BALL, 255)],
        "one colour": [(BALL, (200, 30, 60))],
        "some that touch": [(BALL, (255, 0, 0)), (half, (0, 255, 0)), (CRATE, (0, 0, 255))],
    }
    for name, shapes in pictures.items():
        mask = np.zeros((*SIZE_HW, 3), np.uint8)
        for inside, colour in shapes:
            mask[inside > 0] = colour
        root = tmp_path / name
        saved(root, mask)
        (root / "masks" / "0.png").unlink()
        cv2.imwrite(str(root / "masks" / f"0{ending}"), mask, [flag, quality])
        truth = [np.all(mask == colour, axis=2) for _, colour in shapes]
        objects = found(root)
        assert len(objects) == len(shapes), name
        for inside in truth:
            assert max(overlap(each.mask(SIZE_HW), inside) for each in objects) > 0.9, name


def test_many_numbers_next_to_each_other_stay_objects(tmp_path: Path) -> None:
    mask = np.zeros(SIZE_HW, np.uint8)
    for number in range(100):  # cells, the smallest of two pixels
        top, left = divmod(number, 10)
        mask[12 * top + 1 : 12 * top + 3 + number % 9, 19 * left + 1 : 19 * left + 4] = 60 + number
        mask[12 * top + 1 : 12 * top + 3, 19 * left + 4 : 19 * left + 7] = 160 + number % 95
    assert len(found(saved(tmp_path, mask))) == len(np.unique(mask)) - 1


def placed(*numbers: int, width: int = 2, gaps: int = 0) -> np.ndarray:
    """A thin object between two others, in one piece or with gaps."""
    mask = np.zeros(SIZE_HW, np.uint8)
    mask[10:110, 10:99] = numbers[0]
    mask[10:110, 99 + width : 180] = numbers[2]
    mask[10:110, 99 : 99 + width] = numbers[1]
    for top in range(30, 30 + 20 * gaps, 20):
        mask[top : top + 3, 99 : 99 + width] = numbers[0]
    return mask


@pytest.mark.parametrize("gaps", [0, 3])
@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("numbers", [(60, 80, 120), (100, 180, 255), (1, 2, 3)])
def test_a_thin_object_between_others_stays(
    numbers: tuple[int, ...], width: int, gaps: int, tmp_path: Path
) -> None:
    mask = placed(*numbers, width=width, gaps=gaps)
    objects = found(saved(tmp_path, mask))
    assert [each.area for each in objects] == [np.sum(mask == number) for number in numbers]


def test_a_thin_object_between_others_without_a_ground_stays(tmp_path: Path) -> None:
    mask = np.full(SIZE_HW, 60, np.uint8)
    mask[:, 99:101], mask[:, 101:], mask[:40] = 80, 120, 200
    assert len(found(saved(tmp_path, mask))) == 4


def test_a_strip_of_two_pixels_at_an_object_stays(tmp_path: Path) -> None:
    mask = placed(0, 60, 120)
    (strip, large) = found(saved(tmp_path, mask))
    assert (strip.area, large.area) == (200, np.sum(mask == 120))


def test_rectangles_that_were_shrunk_have_no_objects_at_their_edges(tmp_path: Path) -> None:
    large = np.zeros((2 * SIZE_HW[0], 2 * SIZE_HW[1]), np.uint8)
    cv2.rectangle(large, (41, 61), (160, 180), 120, -1)
    cv2.rectangle(large, (161, 61), (300, 180), 255, -1)
    small = np.asarray(cv2.resize(large, SIZE_HW[::-1], interpolation=cv2.INTER_AREA))
    assert len(found(saved(tmp_path, small))) == 2


def test_what_is_taken_as_smoothed_is_remarked(tmp_path: Path) -> None:
    (told,) = read_dataset(saved(tmp_path / "round", drawn_smooth(BALL))).remarks
    assert told.startswith("the masks of 1 photos are taken as smoothed")
    (told,) = read_dataset(saved(tmp_path / "strip", placed(0, 60, 120, width=1))).remarks
    assert "1 of their values are no objects" in told
    assert not read_dataset(saved(tmp_path / "objects", placed(60, 80, 120))).remarks
