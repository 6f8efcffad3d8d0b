"""Live control of one run, wired to its window."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from segmentation.segmenter import Segmenter
from stream.foreground import Keep
from stream.frame import Event, OutputInfo
from stream.live.control import LiveControl
from stream.live.palette import Palette
from stream.live.recorder import Recorder
from stream.running.loop import Run, free_name
from stream.sinks import SinkOptions
from stream.sinks.window import Window


def open_live_control(
    run: Run,
    palette: Palette,
    segmenter: Segmenter,
    *,
    info: OutputInfo,
    options: SinkOptions,
    keep: Keep | None,
    stack: ExitStack,
) -> Run:
    """Return the run with what reacts to a person and tells them what happens.

    Where there is a window, it has all the keys.

    Args:
        run: to be controlled; a recorder is added to its sinks.
        palette: the effects.
        segmenter: the network.
        info: of the outputs.
        options: how recordings are written, and who is told.
        keep: what the command line says of the foreground.
        stack: leaves the recorder.
    """
    window = next((sink for sink in run.sinks.values() if isinstance(sink, Window)), None)
    if window is None:
        react = partial(_quit, stop=run.stop)
        return replace(run, react=react, on_message=options.on_message)
    messages = Messages(options.on_message)
    told_both = replace(options, on_message=messages.tell)
    recorder = stack.enter_context(Recorder(Path.cwd(), info, told_both))
    run.sinks[free_name("recorder", run.sinks)] = recorder
    palette.prepare((info.stream.height, info.stream.width))
    control = LiveControl(run, palette, segmenter, keep=keep, window=window, recorder=recorder)
    messages.also = control.tell
    window.decorate(control.draw)
    return replace(run, react=control.react, on_message=messages.tell)


class Messages:
    """Passes messages on to the terminal and to the window.

    Args:
        first: told each message.

    Attributes:
        also: told each message as well; at first nobody.
    """

    def __init__(self, first: Callable[[str], None]) -> None:
        """Know no window yet."""
        self._first = first
        self.also: Callable[[str], None] = lambda text: None

    def tell(self, text: str) -> None:
        """Pass a message on."""
        self._first(text)
        self.also(text)


def _quit(event: Event, *, stop: threading.Event) -> None:
    if event.kind == "closed" or event.key in ("q", "escape"):
        stop.set()
