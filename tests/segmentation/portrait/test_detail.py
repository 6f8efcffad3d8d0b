"""How long portrait looks at photos, and at the frames of videos."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from segmentation.loading import choose_model, load
from segmentation.portrait.segmenter import FINE, Portrait
from segmentation.segmenter import DetailedSegmenter, Options


class Network:
    """Finds what is bright, or is as sure of everything as it is told; remembers sizes."""

    device = "nowhere"

    def __init__(self, *logits: float) -> None:
        self.logits = list(logits)
        self.sizes_hw: list[tuple[int, ...]] = []

    def __call__(self, images: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        self.sizes_hw.append(images.shape[1:3])
        small = (images[:, ::2, ::2, :1].astype(np.float32) - 128) / 16
        return [np.full_like(small, self.logits.pop(0)) if self.logits else small]


def seen_of(network: Network, **values: Any) -> Portrait:
    return Portrait(network, **values)  # type: ignore[arg-type]


def test_fine_sees_an_image_in_several_ways_and_tells_where_things_are() -> None:
    network = Network()
    image = np.zeros((256, 256, 3), np.uint8)
    image[:, :64] = 255
    found = seen_of(network, views=FINE).segment(image[None])[0].union()
    assert network.sizes_hw == [(256, 256), (256, 256), (448, 448)]
    assert found[:, :60].min() >= 254
    assert found[:, 68:].max() <= 1


def test_what_is_seen_counts_alike() -> None:
    network = Network(2, 1, -1.5)
    found = seen_of(network, views=FINE).segment(np.zeros((1, 90, 120, 3), np.uint8))[0].union()
    mean = sum(1 / (1 + np.exp(-logit)) for logit in (2, 1, -1.5)) / 3
    assert np.abs(found - 255 * mean).max() <= 0.51


@pytest.mark.parametrize(
    ("detail", "of_photos", "of_frames"),
    [("auto", len(FINE), 1), ("live", 1, 1), ("fine", len(FINE), len(FINE))],
)
def test_what_detail_means(monkeypatch, detail: str, of_photos: int, of_frames: int) -> None:
    network = Network()
    monkeypatch.setattr(
        "segmentation.portrait.segmenter.OpenVINONetwork", lambda *given, **more: network
    )
    portrait = load("portrait", detail=detail)
    assert isinstance(portrait, DetailedSegmenter)
    frames = portrait.for_frames()
    for segmenter, num in ((portrait, of_photos), (frames, of_frames)):
        network.sizes_hw.clear()
        segmenter.segment(np.zeros((1, 90, 120, 3), np.uint8))
        assert len(network.sizes_hw) == num
        assert segmenter.fast == (num == 1)
        assert segmenter.max_input == (352 if num == 1 else 608)
    assert frames.for_frames() is frames


def test_networks_of_others_are_told_that_they_have_none(monkeypatch) -> None:
    told = "detail is for portrait and mask-rcnn-person; mask-rcnn looks at every image once"
    with pytest.raises(ValueError, match=told):
        load("mask-rcnn", detail="fine")
    monkeypatch.setattr("segmentation.loading._best_on_disk", lambda *_, **__: "mask-rcnn")
    with pytest.raises(ValueError, match=r"person; auto takes mask-rcnn here, which looks"):
        load("auto", detail="fine", asks_for_instances=True)
    with pytest.raises(ValueError, match=r"person; auto takes mask-rcnn here, which looks"):
        choose_model(Options(detail="fine"), asks_for_instances=True)  # as batch does
    with pytest.raises(ValueError, match="detail must be one of auto, live, fine, got 'best'"):
        load("portrait", detail="best")
