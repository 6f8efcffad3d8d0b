"""Live control of one run, wired to its window, or to whoever controls it from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event as Flag

from segmentation.segmenter import Segmenter
from stream.foreground import Keep
from stream.frame import Event, OutputInfo
from stream.live.control import LiveControl
from stream.live.palette import Palette
from stream.live.preview import Preview
from stream.live.recorder import Recorder
from stream.running.loop import Run, free_name
from stream.sinks import SinkOptions
from stream.sinks.window import Window

#: Told of a run that begins what controls it and what is seen of it: whoever controls it from
#: elsewhere, as from a page.
Attend = Callable[[LiveControl, Preview], None]


@dataclass(frozen=True, slots=True)
class Live:
    """A run that is controlled.

    Attributes:
        run: with what reacts to a person and tells them what happens.
        is_wanted: whether somebody looks on or records, so that a camera is on for them.
    """

    run: Run
    is_wanted: Callable[[], bool]


def open_live_control(
    run: Run,
    palette: Palette,
    segmenter: Segmenter,
    *,
    info: OutputInfo,
    options: SinkOptions,
    keep: Keep | None,
    attend: Attend | None,
    stack: ExitStack,
) -> Live:
    """Return the run with what reacts to a person and tells them what happens.

    Where there is a window, it has all the keys.

    Args:
        run: to be controlled; a recorder is added to its sinks, and a preview where one attends.
        palette: the effects.
        segmenter: the network.
        info: of the outputs.
        options: how recordings are written, and who is told.
        keep: what the command line says of the foreground.
        attend: see `Attend`; `None` where there is at most a window.
        stack: leaves the recorder.
    """
    window = next((sink for sink in run.sinks.values() if isinstance(sink, Window)), None)
    if window is None and attend is None:
        react = partial(_quit, stop=run.stop)
        return Live(replace(run, react=react, on_message=options.on_message), lambda: False)
    messages = Messages(options.on_message)
    told_both = replace(options, on_message=messages.tell, is_private=attend is not None)
    recorder = Recorder(Path.cwd(), info, told_both)
    palette.prepare((info.stream.height, info.stream.width))
    control = LiveControl(run, palette, segmenter, keep=keep, window=window, recorder=recorder)
    run.sinks[free_name("recorder", run.sinks)] = stack.enter_context(recorder)
    messages.also = control.tell
    if window is not None:
        window.decorate(control.draw)
    preview = Preview(control.see)
    if attend is not None:
        run.sinks[free_name("preview", run.sinks)] = stack.enter_context(preview)
        attend(control, preview)
    return Live(
        replace(run, react=control.react, on_message=messages.tell),
        lambda: preview.num_viewers > 0 or recorder.recording,
    )


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


def _quit(event: Event, *, stop: Flag) -> None:
    if event.kind == "closed" or event.key in ("q", "escape"):
        stop.set()
