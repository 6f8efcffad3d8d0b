"""What a network finds on JAX, as one compiled program; run by `test_on_jax`."""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from segmentation.loading import DETAILED, load
from segmentation.segmenter import Options, TwofoldSegmenter
from tests.segmentation.mask_rcnn.fewer_proposals import propose_less
from tests.undrawn import undrawn


def main(name: str, weights: str, size: str, images: str, result: str) -> None:
    """Find objects of images, two at a time where the network takes several, and write them."""
    assert keras.backend.backend() == "jax"
    options = Options(
        weights=Path(weights) if weights else None,
        size=int(size) if size else None,
        backend="keras",
        device="cpu",
        detail="live" if name in DETAILED else "auto",
    )
    with pytest.MonkeyPatch.context() as patch, undrawn():
        propose_less(patch)
        segmenter = load(name, options)
        segmenter = getattr(segmenter, "instances", segmenter)  # without portrait's outlines
        if isinstance(segmenter, TwofoldSegmenter):
            segmenter = segmenter.for_video()
        if segmenter.max_images > 1:
            segmenter.max_images = 2
        found = segmenter.segment(np.load(images))
    arrays = {
        f"{index}/{part}": getattr(each, part)
        for index, each in enumerate(found)
        for part in ("boxes", "scores", "labels", "masks", "ids")
    }
    num_compiled = segmenter.network.num_compiled  # type: ignore[attr-defined]
    np.savez(result, num_compiled=num_compiled, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
