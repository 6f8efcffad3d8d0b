"""Somebody at the keys, without a window: a `LiveControl` with everything around it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest.mock import patch

from segmentation.picture import RgbPicture
from segmentation.refinement.refiner import Refiner
from segmentation.tracking.per_frame_tracker import PerFrameTracker
from stream.frame import Event, Frame, Output, OutputInfo, StreamInfo
from stream.live.control import LiveControl
from stream.live.palette import Palette
from stream.live.recorder import Recorder
from stream.looks.look import Look, Staging
from stream.pipeline import Pipeline
from stream.running.loop import Run, play
from stream.sinks import SinkOptions
from stream.stats import Stats
from tests.stand_ins.fakes import ListSink, MovingSquare, Oracle, output_of, square

INFO = OutputInfo(StreamInfo(64, 48, Fraction(25)))
BLUE = (0x2A, 0x6F, 0x97)


class Screen(ListSink):
    """A window that nobody sees."""

    num_fullscreen = 0

    def toggle_fullscreen(self) -> None:
        self.num_fullscreen += 1


class Desk:
    """A `LiveControl` with everything around it."""

    def __init__(self, folder: Path, text: str = "blur", *backgrounds: str, **more: Any) -> None:
        self.stack = ExitStack()
        self.messages: list[str] = []
        self.stats = Stats()
        self.palette = Palette(text, backgrounds, self.stack)
        self.pipeline = Pipeline(
            PerFrameTracker(Oracle()),
            Refiner(blend=True),
            Look(self.palette.effect, staging=more.get("staging", Staging())),
            stats=self.stats,
        )
        self.recorder = Recorder(
            folder, INFO, SinkOptions(preset="ultrafast", on_message=self.messages.append)
        )
        self.screen = Screen()
        source, network = more.get("source", MovingSquare()), Oracle()
        if "num_photos" in more:
            source.info = replace(source.info, fps=None, num_frames=more["num_photos"])
        network.classes = ("person", "dog", "cat")
        sinks, microphone = {"window:": self.screen}, more.get("microphone")
        self.run = Run(source, self.pipeline, sinks, self.stats, microphone=microphone)
        self.paused, self.stop = self.run.paused, self.run.stop
        self.control = LiveControl(
            self.run,
            self.palette,
            network,
            keep=more.get("keep"),
            window=self.screen,
            recorder=self.recorder,
        )

    def press(self, *keys: str) -> None:
        for key in keys:
            self.control.react(Event("key", key))

    def click(self, x: int, y: int) -> None:
        self.control.react(Event("click", at_xy=(x, y)))

    def output(self, index: int = 0) -> Output:
        return self.pipeline.process(Frame(RgbPicture(square(index)), index, index / 25))


def watch(live: Desk, source: MovingSquare, sink: ListSink) -> None:
    with source:
        run = replace(live.run, source=source, sinks={"window:": sink}, react=live.control.react)
        play(run)


def written(live: Desk, output: Output) -> dict[str, list[str]]:
    """Return the lines that are written over an output, by where they stand."""
    with patch("stream.live.panel.write_lines") as write:
        live.control.draw(output)
    return {where: lines for _, lines, where in (call.args for call in write.call_args_list)}


def shown_message(live: Desk) -> str:
    (message,) = written(live, output_of(square(0)))["bottom"]
    return message
