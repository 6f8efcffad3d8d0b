"""What the frames of one visitor go through: temporal state, effect, background."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from effects import Blur, Effect, parse_effect
from segmentation.refinement.refiner import Refiner
from segmentation.tracking.tracker import Tracker
from stream.frame import Frame, Output
from stream.looks.look import FADE_S, Look
from stream.pipeline import Pipeline
from stream.serve.shared_networks import SharedNetworks
from stream.serve.site.limits import Refusal
from stream.stats import Stats
from stream.yuv420 import YuvCoding, YuvPicture

Image = NDArray[np.uint8]

#: What a visitor may choose; `cutout` needs a picture with alpha, which video calls have not.
SHOWN_EFFECTS = ("blur", "replace", "grey", "overlay", "mask", "none")
#: Stands for the visitor's own photo in `replace=`; no file of this machine is ever opened.
UPLOADED = "uploaded"
#: What browsers send as VP8 says nothing of its colours; they mean BT.601.
CODING = YuvCoding("unknown")


class Masking:
    """Masks the frames of one visitor, one after the other.

    Args:
        networks: shared with the others.

    Attributes:
        model: name of the network used.
        background: (h, w, 3) uint8 RGB, the visitor's own; `None` until they upload one.
        covered: the last frame had no mask, so that the effect fell on all of it.
        kept: share of the last frame that is foreground, 0 to 1.
        failure: what the network said last when it failed.
        stats: counts and times since they came.
    """

    def __init__(self, networks: SharedNetworks) -> None:
        """Begin with the first network and a blurred background."""
        self._networks = networks
        self._late_runs = networks.late_runs()
        self._effect: Effect = Blur()
        self._pipeline: Pipeline | None = None
        self._tracker: Tracker | None = None
        self._size_hw = (0, 0)
        self._num = 0
        self.model = next(iter(networks.segmenters))
        self.background: Image | None = None
        self.covered = True
        self.kept = 0.0
        self.failure: str | None = None
        self.stats = Stats()

    def choose_effect(self, text: str) -> None:
        """Change the effect from the next frame on.

        Args:
            text: `NAME[=VALUE]`, as on the command line; `replace=uploaded` is their own photo.

        Raises:
            Refusal: there is no such effect, or no photo was uploaded.
        """
        if text.partition("=")[0] not in SHOWN_EFFECTS:
            raise Refusal(400, f"effect must be one of {', '.join(SHOWN_EFFECTS)}")
        try:
            self._effect = parse_effect(text, self._uploaded)
        except ValueError as error:
            raise Refusal(400, str(error)) from error
        if self._pipeline is not None:
            self._pipeline.look = replace(self._pipeline.look, effect=self._effect)

    def choose_model(self, name: str) -> None:
        """Change the network; from the next frame on it starts without a past.

        Raises:
            Refusal: it is not offered.
        """
        if name not in self._networks.segmenters:
            raise Refusal(400, f"model must be one of {', '.join(self._networks.segmenters)}")
        if name != self.model:
            self.model = name
            self._pipeline = None

    def end(self) -> None:
        """Let go of their background, and of what waits for a network; nothing runs from now on."""
        self.background = None
        self._late_runs.shutdown(wait=False)

    @property
    def device(self) -> str:
        """What the network runs on, for people."""
        return self._networks.segmenters[self.model].device

    @property
    def mask_age_s(self) -> float:
        """Time from the frame the network saw to the frame shown with its masks."""
        return (self._tracker.age_s if self._tracker is not None else None) or 0.0

    async def apply(self, video: av.VideoFrame) -> av.VideoFrame:
        """Return the frame masked, with its timestamp; its sides made even."""
        size_hw = video.height // 2 * 2, video.width // 2 * 2
        if self._pipeline is None or size_hw != self._size_hw:
            self._start(size_hw)
        pipeline, model = self._pipeline, self.model
        assert pipeline is not None
        picture = await self._networks.in_background(partial(self._picture, video))
        frame = Frame(picture, self._num, float((video.pts or 0) * (video.time_base or 0)))
        self._num += 1
        (tracked,) = await self._networks.in_order(model, partial(pipeline.track, frame))
        shown = await self._networks.in_background(lambda: self._video(pipeline.composite(tracked)))
        shown.pts, shown.time_base = video.pts, video.time_base
        return shown

    def _start(self, size_hw: tuple[int, int]) -> None:
        """Begin a stream of this size, with this network."""
        if self._tracker is not None:
            self._tracker.finish()  # what it still waits for is of no use
        self._size_hw = size_hw
        self._tracker = self._networks.tracker(self.model, self._failed, self._late_runs)
        self._pipeline = Pipeline(
            self._tracker,
            Refiner(blend=True),
            Look(self._effect, choose=self._networks.choose.get(self.model)),
            max_input=self._networks.segmenters[self.model].max_input,
            fade_s=FADE_S,
            stats=self.stats,
        )

    def _failed(self, error: Exception) -> None:
        self.failure = " ".join(str(error).split()) or type(error).__name__

    def _uploaded(self, path: Path) -> Image:
        if path != Path(UPLOADED):
            raise ValueError(f"replace: needs #RRGGBB or {UPLOADED}")
        if self.background is None:
            raise ValueError("replace: upload a photo first")
        return self.background

    def _picture(self, video: av.VideoFrame) -> YuvPicture:
        height, width = self._size_hw
        planes = []
        for plane, half in zip(video.planes, (1, 2, 2), strict=True):
            rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
            planes.append(rows[: height // half, : width // half].copy())
            planes[-1].flags.writeable = False
        luma, blue, red = planes
        return YuvPicture(luma, blue, red, CODING)

    def _video(self, output: Output) -> av.VideoFrame:
        self.covered = output.alpha is None
        self.kept = 0.0 if output.alpha is None else float(output.alpha.mean()) / 255
        shown = output.picture
        if not isinstance(shown, YuvPicture):
            shown = YuvPicture.of_rgb(shown.rgb, CODING)
        height, width = self._size_hw
        planes = np.concatenate([plane.reshape(-1) for plane in shown.planes])
        return av.VideoFrame.from_ndarray(planes.reshape(height * 3 // 2, width), format="yuv420p")
