"""Cameras, videos and photos, their backgrounds changed: sources, sinks and what lies between.

A file to a file, a camera to a window, as the command line does it:

    from stream import open_run, outputs, play

    with open_run("talk.mp4", "out.mp4", effect="replace=#2a6f97") as run:
        play(run)
    with open_run(0, "window:", "virtualcam:", effect="blur=0.6") as run:
        play(run)                                         # until q in the window

What was found in each frame, as arrays:

    with open_run("talk.mp4", effect="none") as run:
        for output in outputs(run):
            output.frame.image                            # (H, W, 3) uint8 RGB
            output.alpha                                  # (H, W) uint8, 255 = foreground, or None
            output.instances                              # `segmentation.Instances`, or None
            output.image                                  # with the effect

`None` means that no mask is known, and the effect has fallen on the whole frame. Instances are in
pixels of the image that the network saw: `instances.scaled_to(alpha.shape)`.

What there is; each has a help of its own:

    open_run                 source, network, effect and sinks, ready to run
    play, outputs            run it; run it and take every output here
    Run                      what is open: source, sinks, pipeline, stats; stop.set() ends it
    open_source, Source      where frames come from; a class of one's own may be one
    open_sink, Sink          where outputs go, likewise
    SinkOptions, OutputInfo  how they are written; what a sink is told of them first
    read_photo               a photo as networks see it, whatever its format and colours
    Frame, Output            a picture of the source; that and what became of it
    StreamInfo               size, rate and more of a source
    Event                    what a person did at a sink
    Keyframes                which frames the network sees
    Staging                  framing, light, a picture in front
    StreamError              one line for people: which source or sink, what is wrong, what to do

`effects` and `segmentation` have the other two parts.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stream.errors import StreamError
    from stream.files.photos import read_photo
    from stream.frame import Event, Frame, Output, OutputInfo, Sink, Source, StreamInfo
    from stream.looks.look import Staging
    from stream.opening import open_run
    from stream.running.loop import Run, outputs, play
    from stream.sinks import SinkOptions, open_sink
    from stream.sources import open_source
    from stream.tracking import Keyframes

__all__ = [
    "Event",
    "Frame",
    "Keyframes",
    "Output",
    "OutputInfo",
    "Run",
    "Sink",
    "SinkOptions",
    "Source",
    "Staging",
    "StreamError",
    "StreamInfo",
    "open_run",
    "open_sink",
    "open_source",
    "outputs",
    "play",
    "read_photo",
]

# where each of them is: imported when it is asked for, since a start needs a few of them only
_HOMES = {
    "StreamError": "errors",
    **dict.fromkeys(("Event", "Frame", "Output", "OutputInfo"), "frame"),
    **dict.fromkeys(("Sink", "Source", "StreamInfo"), "frame"),
    **dict.fromkeys(("Run", "outputs", "play"), "running.loop"),
    "open_run": "opening",
    **dict.fromkeys(("SinkOptions", "open_sink"), "sinks"),
    "open_source": "sources",
    "read_photo": "files.photos",
    "Keyframes": "tracking",
    "Staging": "looks.look",
}


def __getattr__(name: str) -> object:
    """Return what `__all__` names."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
