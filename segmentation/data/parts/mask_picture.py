"""Masks as paint programs save them: which pixels of a picture are which object.

Each number or colour is an object, but for the background: black, what is transparent, or what the
corners show where nothing is black. The colours between an object and what is around it, where a
program smoothed the edge or JPEG blurred it, are no objects; they go to the nearer side. But few
values that are two pixels wide, or lie between objects whose other edges are not smoothed, are.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.data.parts.dataset import RLE, decoded
from segmentation.data.parts.mask_noise import MANY_SHADES, NOISE, without_noise
from segmentation.data.parts.mask_values import (
    IS_COLOUR,
    LARGEST_ID,
    Mask,
    are_areas,
    colours_of_values,
    indexed,
    is_flat,
    nearest,
    values_of,
)
from segmentation.data.parts.photo_check import Report
from segmentation.errors import DataError

#: More in one mask are the grey edges of a mask that was smoothed, not objects
MAX_OBJECTS = 200
#: More in one mask are a photo
MAX_SHADES = 100_000
#: Share of a photo from which on a colour at all four corners is most likely its background
MOST_OF_PHOTO = 0.5
#: Share of the objects' outline from which on thin areas along it are smoothed edges
SMOOTHED_OUTLINE = 0.15
#: Share of a value's pixels from which on it is two pixels wide
WIDE = 0.5
#: No longer are the pieces in which a value lies along a round edge
MAX_SPECK = 20
#: What VOC paints around objects, where nobody knows (its colour map has it at 255)
VOID = (224, 224, 192)
#: So many rings around each other are a soft edge
MAX_RINGS = 3


def read_mask(path: Path, size_hw: tuple[int, int]) -> NDArray[np.int64]:
    """Return a mask: (H, W) as it was saved, another number for each grey or colour.

    0 is what is transparent, else black. Greys keep their number; of colours it grows with blue,
    then green, then red.

    Args:
        path: of the file.
        size_hw: of the photo, whose shape the mask must have.

    Raises:
        DataError: it cannot be read, or has another shape than the photo.
    """
    height, width = size_hw
    mask = decoded(path, cv2.IMREAD_UNCHANGED, height * width)
    scale = min(height / mask.shape[0], width / mask.shape[1])
    if max(abs(mask.shape[0] * scale - height), abs(mask.shape[1] * scale - width)) > max(1, scale):
        is_turned = (height > width) != (mask.shape[0] > mask.shape[1])
        hint = "; if EXIF turns the photo, turn the mask as well" if is_turned else ""
        raise DataError(
            f"{path}: {mask.shape[1]}x{mask.shape[0]}, its photo is {width}x{height}{hint}"
        )
    if mask.ndim == 2:
        return mask.astype(np.int64)
    numbers = np.zeros(mask.shape[:2], np.int64)
    for channel, place in enumerate((32, 16, 0)):
        numbers += mask[..., channel].astype(np.int64) << place
    numbers[numbers > 0] += IS_COLOUR
    if mask.shape[2] == 4:
        _cut_out(numbers, mask[..., 3])
    return numbers


def _cut_out(numbers: NDArray[np.int64], alpha: NDArray[np.uint8]) -> None:
    """Make what is transparent 0; what is painted black on it, or is a photo, becomes 1."""
    clear = alpha <= np.iinfo(alpha.dtype).max // 2
    if clear.any():
        if not numbers[~clear].any() or _is_photo(numbers, ~clear):
            numbers[~clear] = 1
        numbers[clear] = 0


def _is_photo(numbers: NDArray[np.int64], inside: Mask) -> bool:
    """Tell whether there are more colours in a part of a picture than somebody painted."""
    values, indices = indexed(np.where(inside, numbers, 0))
    flat = is_flat(indices) & inside
    is_uneven = 2 * np.count_nonzero(flat) < np.count_nonzero(inside)
    return len(values) > MAX_OBJECTS and bool(is_uneven)


def objects(
    path: Path, mask: NDArray[np.int64], report: Report, *, may_fill: bool = False
) -> list[Mask]:
    """Return the objects of a mask from `read_mask`, by their number; (H, W) each.

    Args:
        path: of the mask, for the message.
        mask: where every number is an object.
        report: gets how many numbers are taken for what smoothing and JPEG make of others.
        may_fill: one of them may be most of the photo.

    Raises:
        DataError: these are no objects: one is most likely the background, or a soft edge.
    """
    num_shades = len(values_of(mask))
    if num_shades > MAX_SHADES:
        raise _no_objects(path, num_shades)
    mask = without_noise(mask)
    numbers, indices = indexed(mask)
    ground = _position(numbers, 0 if may_fill else _background(path, numbers, indices))
    colours = colours_of_values(numbers)
    is_void = (colours == VOID).all(axis=1) | _is_void_number(numbers, indices)
    if len(numbers) > 2:
        indices = _without_soft_edges(path, indices, colours, ground, is_void)
    left = values_of(indices).tolist()
    report.num_shades += num_shades - len(left)
    found = [number for number in left if number != ground]
    found = [number for number in found if not is_void[number]]
    if len(found) > MAX_OBJECTS or (not found and num_shades > MAX_OBJECTS):
        raise _no_objects(path, max(len(found), num_shades))
    return [indices == number for number in found]


def _no_objects(path: Path, num: int) -> DataError:
    return DataError(
        f"{path}: has {num} different values where each should be an object; "
        "save masks without smoothing, cut-outs with a transparent ground"
    )


def brighter(path: Path, mask: NDArray[np.int64], *, may_fill: bool = False) -> Mask:
    """Return the one object of a mask from `read_mask`: (H, W), smoothed edges cut half way.

    Args:
        path: see `objects`, likewise the next two.
        mask: of one object.
        may_fill: it may be most of the photo.

    Raises:
        DataError: it shows nothing, or the background.
    """
    if not mask.any():
        raise DataError(f"{path}: is all black; as one object's mask it shows nothing")
    mask = without_noise(mask)
    numbers, indices = indexed(mask)
    background = 0 if may_fill else _background(path, numbers, indices)
    if not background and numbers[-1] < IS_COLOUR:
        return np.asarray(mask > mask.max() / 2)
    colours = colours_of_values(numbers)
    (ground,) = colours_of_values(np.array([background]))
    away = np.abs(colours.astype(np.int64) - ground).max(axis=1)
    return np.asarray((away > away.max() / 2)[indices])


def colours_of(mask: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (H, W, 3) red, green and blue of a mask from `read_mask`."""
    return colours_of_values(mask.ravel()).reshape(*mask.shape, 3)


def encode_mask(inside: Mask, size_hw: tuple[int, int]) -> RLE | None:
    """Return a mask at the size of its photo; `None` where nothing of it is left there."""
    from pycocotools.mask import encode

    mask = inside.view(np.uint8)
    if mask.shape != size_hw:
        resized = cv2.resize(mask, size_hw[::-1], interpolation=cv2.INTER_NEAREST)
        mask = np.asarray(resized, np.uint8)
    rle: RLE = encode(np.asfortranarray(mask))
    return rle if mask.any() else None


def reaches_corners(inside: Mask) -> bool:
    """Tell whether a mask reaches three corners of the picture, as a background mostly does."""
    return int(inside[:: len(inside) - 1 or 1, :: inside.shape[1] - 1 or 1].sum()) >= 3


def _position(numbers: NDArray[np.int64], number: int) -> int:
    """Return where a number is among others, -1 where it is not."""
    found = np.flatnonzero(numbers == number)
    return int(found[0]) if len(found) else -1


def _background(path: Path, numbers: NDArray[np.int64], indices: NDArray[np.int32]) -> int:
    """Return the number of the background.

    Raises:
        DataError: something covers most of the photo and all its corners, and is not white.
    """
    corners = {int(indices[y, x]) for y in (0, -1) for x in (0, -1)}
    (first, *others) = corners
    number = int(numbers[first])
    share = float(np.mean(indices == first))
    if others or number == 0 or share < MOST_OF_PHOTO:
        return 0
    (colour,) = colours_of_values(np.array([number]))
    is_white = len(set(colour.tolist())) == 1 and colour[0] in (255, 65535)
    if is_white and 0 not in numbers and len(numbers) > 1:
        return number
    remedy = "make the background black or transparent"
    if is_white and (number < IS_COLOUR or len(numbers) == 2):
        remedy = "if objects are black on white, swap black and white"
    told = f"{number}" if number < 256 else "the colour {}, {}, {}".format(*colour.tolist())
    raise DataError(
        f"{path}: {told} reaches all four corners and covers {share:.0%} of the photo; {remedy}"
    )


def _is_void_number(numbers: NDArray[np.int64], indices: NDArray[np.int32]) -> Mask:
    """Return which number is VOC's void without its colour map: 255 around small ones; (N,)."""
    is_void = np.zeros(len(numbers), np.bool_)
    if numbers[-1] == 255 and len(numbers) > 2 and numbers[-2] <= LARGEST_ID:
        void, known = indices == len(numbers) - 1, (indices < len(numbers) - 1) & (indices > 0)
        near = cv2.dilate(known.view(np.uint8), np.ones((15, 15), np.uint8)) > 0
        is_void[-1] = np.count_nonzero(void & near) > 0.8 * np.count_nonzero(void)
    return is_void


# === Soft edges ===


def _without_soft_edges(
    path: Path,
    indices: NDArray[np.int32],
    colours: NDArray[np.int64],
    ground: int,
    is_void: Mask,
) -> NDArray[np.int32]:
    """Return (H, W) indices in which only the background and objects are left.

    Args:
        path: for the message.
        indices: (H, W), into `colours`.
        colours: (N, 3).
        ground: index of the background, -1 for none.
        is_void: (N,), which are no objects, but stay as they are.

    Raises:
        DataError: the edge is so soft that its greys are wide.
    """
    is_area = is_void | are_areas(indices, len(colours))
    is_object = is_area & ~is_void
    if ground >= 0:
        is_area[ground], is_object[ground] = True, False
    solid = is_object[indices]
    if not is_area.all() and solid.any():
        fades = _between(indices, colours, is_area) & ~is_area
        if np.count_nonzero(fades) <= MANY_SHADES:
            fades &= ~_are_wide(indices, len(colours))
        thin = fades[indices]
        is_soft = _is_soft(thin, solid, indices == ground)
        if not is_soft or colours.max() <= LARGEST_ID:
            fades &= _specks(indices, thin, solid, len(colours))
        elif is_soft:
            fades |= _noise(indices, colours, is_area, ground)
            if np.count_nonzero(~is_area) > MANY_SHADES:  # JPEG mixes colours beyond both sides
                fades |= ~is_area
        if np.count_nonzero(~fades) <= MAX_OBJECTS:
            indices = nearest(indices, colours, fades)
    if ground >= 0:
        _check_rings(path, indices, colours, ground)
    return indices


def _is_soft(thin: Mask, solid: Mask, around: Mask) -> bool:
    """Tell whether so much of the objects' outline is smoothed that it is so wherever it can be.

    What smooths edges between objects does so to those on the background too, which tell.
    """
    outline = (cv2.dilate(solid.view(np.uint8), np.ones((3, 3), np.uint8)) > 0) & ~solid
    at_ground = outline & (cv2.dilate(around.view(np.uint8), np.ones((9, 9), np.uint8)) > 0)
    outline = at_ground if at_ground.any() else outline
    return bool(np.count_nonzero(outline & thin) > SMOOTHED_OUTLINE * np.count_nonzero(outline))


def _are_wide(indices: NDArray[np.int32], num: int) -> Mask:
    """Return which values are mostly two pixels wide or more, as no step of an edge is; (N,)."""
    same = np.ones(indices.shape, np.bool_)
    for shift in ((0, 1), (1, 0), (1, 1)):
        same &= indices == np.roll(indices, shift, (0, 1))
    same[0], same[:, 0] = False, False
    blocks = cv2.dilate(same.view(np.uint8), np.ones((2, 2), np.uint8), anchor=(0, 0)) > 0
    sizes = np.bincount(indices.ravel(), minlength=num)
    return np.asarray(np.bincount(indices[blocks], minlength=num) > WIDE * sizes)


def _between(indices: NDArray[np.int32], colours: NDArray[np.int64], is_area: Mask) -> Mask:
    """Return which values are, nearly everywhere, between those of the areas around them; (N,)."""
    is_known = is_area[indices]
    inside = np.ones(indices.shape, np.bool_)
    reach = np.ones((9, 9), np.uint8)
    for channel in colours.T.astype(np.float32):
        own = channel[indices]
        low = cv2.erode(np.where(is_known, own, np.float32(np.inf)), reach)
        high = cv2.dilate(np.where(is_known, own, np.float32(-np.inf)), reach)
        inside &= (own >= low - NOISE) & (own <= high + NOISE)
    flat = indices.ravel()
    num = np.bincount(flat, minlength=len(colours))
    num_inside = np.bincount(flat, inside.ravel(), minlength=len(colours))
    return np.asarray(num_inside >= 0.8 * num)


def _specks(indices: NDArray[np.int32], thin: Mask, solid: Mask, num: int) -> Mask:
    """Return which values are but pixels here and there at objects, as at round corners; (N,)."""
    at_object = cv2.dilate(solid.view(np.uint8), np.ones((5, 5), np.uint8)) > 0
    is_speck = np.zeros(num, np.bool_)
    for number in np.unique(indices[thin]).tolist():
        mask = indices == number
        _, parts = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
        sizes = np.bincount(parts.ravel())[1:]
        is_scattered = sizes.max() <= (MAX_SPECK if len(sizes) > 2 else 3)
        is_speck[number] = is_scattered and bool(at_object[mask].all())
    return is_speck


def _noise(
    indices: NDArray[np.int32], colours: NDArray[np.int64], is_area: Mask, ground: int
) -> Mask:
    """Return which areas are small and nearly of the colour of a large one, as JPEG makes them."""
    sizes = np.bincount(indices.ravel(), minlength=len(colours))
    if ground >= 0:
        sizes[ground] = indices.size
    is_noise = np.zeros(len(colours), np.bool_)
    kept: list[int] = []
    for number in np.argsort(-sizes, kind="stable").tolist():
        if is_area[number]:
            away = np.abs(colours[kept] - colours[number]).max(axis=1, initial=0)
            near = sizes[kept][away <= NOISE] if kept else np.zeros(0)
            is_noise[number] = bool((sizes[number] < near / 10).any())
            kept += [] if is_noise[number] else [number]
    return is_noise


def _check_rings(
    path: Path, indices: NDArray[np.int32], colours: NDArray[np.int64], ground: int
) -> None:
    """Raise `DataError` where values lie around each other as the rings of a soft edge do."""
    present = values_of(indices)
    steps = 0
    inside = indices != ground
    for position in present[np.argsort(colours[present].sum(axis=1), kind="stable")].tolist():
        if position == ground:
            continue
        ring = indices == position
        rest = inside & ~ring
        if not rest.any():
            break
        # what is left is nowhere at the border of what there was: the ring went all around it
        border = inside & (cv2.erode(inside.view(np.uint8), np.ones((3, 3), np.uint8)) == 0)
        if np.count_nonzero(border & rest) > 0.1 * np.count_nonzero(border):
            return
        steps += 1
        inside = rest
    if steps >= MAX_RINGS:
        raise DataError(
            f"{path}: {steps} greys lie around each other like the rings of a soft edge; "
            "save masks without smoothing"
        )
