"""The key for another camera, and what becomes of a recording meanwhile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from stream.frame import Output, Sink
from stream.running.loop import play
from stream.sources.camera import Camera
from stream.sources.video import VideoSource
from tests.stand_ins.devices.video_kernel import VideoKernel, VideoNode
from tests.stand_ins.fakes import ListSink
from tests.users.desk import Desk, shown_message

RED, GREEN = (10, 10, 200), (10, 200, 10)


class Person(ListSink):
    """Sits at a window: records, takes the next camera, and quits some frames later."""

    def __init__(self, live: Desk) -> None:
        super().__init__()
        self._live = live

    def write(self, output: Output) -> None:
        super().write(output)
        num_of_take = sum(each.frame.take == output.frame.take for each in self.outputs)
        if output.frame.take == 0 and num_of_take == 2:
            self._live.press("r")
        if output.frame.take == 0 and num_of_take == 10:
            self._live.press("c")
        if output.frame.take == 1 and num_of_take == 10:
            self._live.press("q")


def test_a_recording_goes_on_at_the_right_times(kernel: VideoKernel, desk, tmp_path: Path) -> None:
    kernel.add(0, VideoNode("Red", bgr=RED))
    kernel.add(3, VideoNode("Green", {"MJPG": {(48, 48): [30]}}, bgr=GREEN))
    with Camera(0, lambda text: None) as camera:
        live = desk("none", source=camera)
        recorded = _Recorded(live.recorder)
        sinks: dict[str, Sink] = {"window:": Person(live), "recorder": recorded}
        play(replace(live.run, sinks=sinks, source=camera, react=live.control.react))
    (path,) = tmp_path.glob("maskcast-*.mp4")
    with VideoSource(str(path)) as video:
        frames = list(video)
    times = np.array([frame.time_s for frame in frames])
    given = np.array([output.frame.time_s for output in recorded.outputs])
    begun = [
        begin
        for begin in range(len(given) - len(times) + 1)
        if np.abs(given[begin:][: len(times)] - given[begin] - times).max() < 0.002
    ]
    assert len(begun) == 1
    takes = [output.frame.take for output in recorded.outputs[begun[0] :]]
    are_green = [int(frame.image[24, 32, 1] > frame.image[24, 32, 0]) for frame in frames]
    assert are_green == takes[: len(frames)]
    assert set(are_green) == {0, 1}


class _Recorded(ListSink):
    """A recorder, and what it was given."""

    def __init__(self, recorder: Sink) -> None:
        super().__init__(watched=True, accompanies=True)
        self._recorder = recorder

    def write(self, output: Output) -> None:
        super().write(output)
        self._recorder.write(output)

    def complete(self, *, cut_short: bool) -> None:
        self._recorder.finish(cut_short=cut_short)


def test_it_is_said_which_camera_is_next(kernel: VideoKernel, desk) -> None:
    kernel.add(0, VideoNode("Red", bgr=RED))
    kernel.add(3, VideoNode("Green", bgr=GREEN))
    with Camera(0, lambda text: None) as camera:
        live = desk("none", source=camera)
        frames = iter(camera)
        next(frames)
        live.press("c")
        assert shown_message(live) == "to the next camera"
        assert next(frames).take == 1
        assert shown_message(live) == "camera 3: 64x48, 30 frames/s, MJPG"


def test_other_sources_have_no_next_camera(desk) -> None:
    live = desk()
    live.press("c")
    assert shown_message(live) == "the source is no camera"
