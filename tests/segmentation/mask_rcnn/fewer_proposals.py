"""Matterport's network with fewer proposals, for what does not depend on their number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from segmentation.mask_rcnn import by_backbone
from segmentation.mask_rcnn.config import MaskRCNNConfig

NUM_PROPOSALS, NUM_DETECTIONS = 200, 30


def propose_less(patch: pytest.MonkeyPatch) -> None:
    """Let networks of weight files have a fifth of the proposals, and fewer objects.

    Of a small input they take most of the time. The layers and their weights stay as they are.
    """
    published = by_backbone.matterport_config

    def smaller(*arguments: int, **more: int) -> MaskRCNNConfig:
        return replace(
            published(*arguments, **more),
            num_proposals=NUM_PROPOSALS,
            num_detections=NUM_DETECTIONS,
        )

    patch.setattr(by_backbone, "matterport_config", smaller)
