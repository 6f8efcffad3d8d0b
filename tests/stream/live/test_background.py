"""Backgrounds that are videos."""

from __future__ import annotations

from contextlib import ExitStack

import cv2
import numpy as np
import pytest

import stream.live.background
from stream.errors import StreamError
from stream.live.background import LoopingVideo, open_background
from tests.fakes import square


def test_looping_background_follows_the_clock_and_starts_over(square_clip):
    background = LoopingVideo(square_clip)

    def shown(time_s: float) -> int:
        image = background(time_s, (48, 64))
        columns = np.nonzero((image[24] > (128, 0, 128)).all(axis=1))[0]
        return int(columns.min()) - 10

    # the stream's own clock begins at 7 s; frames are 0.04 s apart, ten of them
    assert [shown(7 + step * 0.04 + 0.001) for step in range(10)] == pytest.approx(range(10), abs=1)
    assert shown(7 + 0.4 + 0.001) == pytest.approx(0, abs=1), "the first again"
    assert shown(7 + 0.4 + 0.121) == pytest.approx(3, abs=1)
    assert shown(7 + 1.6 + 0.201) == pytest.approx(5, abs=1), "whole rounds skipped"
    background.close()


def test_background_does_not_make_up_for_a_camera_that_was_gone(square_clip, monkeypatch):
    background = LoopingVideo(square_clip)
    background(7.0, (48, 64))
    advanced = []
    advance = LoopingVideo._advance
    monkeypatch.setattr(LoopingVideo, "_advance", lambda video: advanced.append(advance(video)))
    background(7.0 + 3600, (48, 64))
    assert len(advanced) == 1
    background(7.0 + 3600 + 0.081, (48, 64))
    assert len(advanced) == 3, "from there on it keeps pace"
    background.close()


def test_background_is_a_photo_or_a_video_and_is_closed(tmp_path, square_clip, monkeypatch):
    cv2.imwrite(str(tmp_path / "b.png"), square(0))
    closed = []
    monkeypatch.setattr(
        stream.live.background.LoopingVideo, "close", lambda self: closed.append(self)
    )
    with ExitStack() as stack:
        assert isinstance(open_background(tmp_path / "b.png", stack), np.ndarray)
        video = open_background(square_clip, stack)
        assert isinstance(video, LoopingVideo)
    assert closed == [video]
    with ExitStack() as stack, pytest.raises(StreamError, match="no such file"):
        open_background(tmp_path / "missing.mp4", stack)
    monkeypatch.undo()
    video.close()
