"""Matterport's network with fewer proposals, for what does not depend on their number."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from segmentation.mask_rcnn import by_backbone
from segmentation.mask_rcnn.config import MaskRCNNConfig
from tests.recipes import Recipes

NUM_PROPOSALS, NUM_DETECTIONS = 100, 15


def propose_less(patch: pytest.MonkeyPatch, num_proposals: int = NUM_PROPOSALS) -> None:
    """Let networks of weight files have a tenth of the proposals, and fewer objects.

    Of a small input they take most of the time. The layers and their weights stay as they are.
    """
    published = by_backbone.matterport_config

    def smaller(*arguments: int, **more: int) -> MaskRCNNConfig:
        return replace(
            published(*arguments, **more),
            num_proposals=num_proposals,
            num_detections=NUM_DETECTIONS,
        )

    patch.setattr(by_backbone, "matterport_config", smaller)


@contextlib.contextmanager
def fewer_proposals(recipes: Recipes) -> Iterator[None]:
    """The same within a block, and exports are shared by all tests that have it so."""
    with pytest.MonkeyPatch.context() as patch, recipes.exported("fewer proposals"):
        propose_less(patch)
        yield
