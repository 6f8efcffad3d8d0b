"""What one training of the portrait network does: how long, on which photos, at which sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segmentation.portrait.segmenter import SIZES_HW

# Sources are drawn about as often as photos of their kind matter, not as often as there are any.
SOURCE_WEIGHTS = {
    "eg1800": 0.22,
    "coco_single": 0.22,
    "coco_boxes": 0.2,
    "ccp": 0.17,
    "voc_sbd_person": 0.12,
    "vikram": 0.09,
    "coco_full": 0.09,
    "pennfudan": 0.07,
    "viton_studio": 0.06,
    "pelota": 0.04,
    "borrat_teacher": 0.04,
    "aisegment_csneyd": 0.02,
    "multimodal_rgb": 0.02,
    "davis_parkour": 0.015,
    "samsamhuns_samples": 0.01,
}
#: Sizes of crops: of 37,000 pixels, which cost half; of the inputs; and of 108,000, where far
#: people and outlines are finer. Few sizes, since each is compiled by itself.
CROPS_HW = (
    ((224, 160), (192, 192), (160, 224)),
    SIZES_HW,
    ((384, 288), (320, 320), (288, 384)),
)
#: How often each of these is drawn until `LARGER_FROM` of the steps is done, and from then on
CROP_ODDS = ((0.5, 0.4, 0.1), (0.2, 0.5, 0.3))
LARGER_FROM = 0.6
#: One crop in so many is another of its batch once more, as the next frame of a camera shows it.
TWINS_ONE_IN = 5


@dataclass(frozen=True, slots=True)
class Schedule:
    """What one run does; two runs of the same schedule on the same machine are the same run.

    Attributes:
        num_steps: batches in all.
        batch_size: crops of the smallest size a batch; of larger ones fewer, of as many pixels.
        learning_rate: after the warm-up; it falls to 0 along a cosine.
        seed: of everything random.
        teachers: names or files of networks whose masks are learned from too; see `Teacher`.
    """

    num_steps: int = 10_000
    batch_size: int = 32
    learning_rate: float = 1.5e-3
    seed: int = 0
    teachers: tuple[str, ...] = ()

    def crops_of(self, step: int) -> tuple[int, tuple[tuple[int, int], ...]]:
        """Return how many crops the batch of a step has, and the sizes that they may have."""
        odds = CROP_ODDS[step >= LARGER_FROM * self.num_steps]
        rng = np.random.default_rng((self.seed, step, 1))
        crops_hw = CROPS_HW[int(rng.choice(len(CROPS_HW), p=odds))]
        num = self.batch_size * num_pixels(CROPS_HW[0]) / num_pixels(crops_hw)
        return max(1, round(num)), crops_hw


def num_pixels(crops_hw: tuple[tuple[int, int], ...]) -> float:
    """Return the pixels of crops of these sizes, on average."""
    return float(np.mean([height * width for height, width in crops_hw]))
