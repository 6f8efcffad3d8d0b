from __future__ import annotations

import io
import threading

import numpy as np
import pytest
from PIL import Image

from segmentation.data.parts.dataset import picture_size
from segmentation.pillow_limit import without_limit
from stream.photo.animation import Animation
from stream.photo.decoding import decode

SIZE = (300, 200)
KINDS = ("png", "jpeg", "webp", "tiff", "bmp", "gif")


def saved(kind: str, num: int = 1, mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    first, *others = (Image.new(mode, SIZE, value) for value in range(num))
    more = {"save_all": True, "append_images": others} if others else {}
    first.save(file, kind, **more)
    return file.getvalue()


@pytest.fixture(autouse=True)
def limit(monkeypatch: pytest.MonkeyPatch) -> int:
    """So few that any picture is an error of Pillow's."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    return 100


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_of_any_size_are_looked_at(kind: str, limit: int) -> None:
    assert picture_size(saved(kind)) == SIZE[::-1]
    assert picture_size(saved(kind)[:5]) == (0, 0)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_photos_and_animations_of_any_size_are_read(limit: int) -> None:
    assert decode(saved("jpeg", mode="CMYK")).image.shape[:2] == SIZE[::-1]
    assert limit == Image.MAX_IMAGE_PIXELS
    animation = Animation(saved("gif", 3))
    sizes = []
    for photo, _ in animation.frames():
        sizes.append(photo.image.shape[:2])
        assert limit == Image.MAX_IMAGE_PIXELS
    assert sizes == [SIZE[::-1]] * 3


def test_the_limit_is_back_after_the_last_of_several_threads(limit: int) -> None:
    entered, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with without_limit():
            entered.set()
            leave.wait()

    thread = threading.Thread(target=stay)
    thread.start()
    entered.wait()
    with without_limit():
        np.asarray(Image.open(io.BytesIO(saved("png"))))
    assert Image.MAX_IMAGE_PIXELS is None
    leave.set()
    thread.join()
    assert limit == Image.MAX_IMAGE_PIXELS


def test_what_somebody_sets_meanwhile_stays() -> None:
    with without_limit():
        Image.MAX_IMAGE_PIXELS = 7
    assert Image.MAX_IMAGE_PIXELS == 7
