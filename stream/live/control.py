"""What a person can change while the program runs, by keys and clicks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from effects import over_black
from segmentation.instances import Instances
from segmentation.segmenter import Segmenter
from stream.foreground import Keep, Picked
from stream.frame import Event, Output
from stream.framing.cropped import cropped_instances
from stream.live.hud import Figures, enlarged, mark_instances, write_lines
from stream.live.keys import KEYS
from stream.live.palette import Palette, effect_of_key
from stream.live.recorder import Recorder
from stream.looks.look import Look, Staging
from stream.running.loop import Run
from stream.sinks.window import Window
from stream.sources.camera import Camera

Image = NDArray[np.uint8]

MICROPHONE_ON, MICROPHONE_LOST = "MICROPHONE ON", "microphone lost: silence"
_MESSAGE_S = 3.0
_REACH = 0.01  # of the long side: how far beside an object a click still means it


class LiveControl:
    """Holds the choices of a person at a running stream, and carries them out.

    Each change makes a new `Look` of the pipeline, which reads it once a frame: no frame waits
    for a change, none is lost by one. May be used from any thread.

    Args:
        run: which is controlled.
        palette: the effects.
        segmenter: the network.
        keep: what the command line says of the foreground.
        window: one of the sinks, at which the person sits.
        recorder: another one.
    """

    def __init__(
        self,
        run: Run,
        palette: Palette,
        segmenter: Segmenter,
        *,
        keep: Keep | None,
        window: Window,
        recorder: Recorder,
    ) -> None:
        """Begin with what the command line says."""
        self._palette, self._pipeline = palette, run.pipeline
        self._invert, self._picked = run.pipeline.look.invert, Picked(keep)
        self._staging = run.pipeline.look.staging
        self._front = self._staging.front
        name = next(name for name, sink in run.sinks.items() if sink is window)
        self._classes, self._figures = segmenter.classes, Figures(run.stats, name)
        self._title = f"{segmenter.name} on {segmenter.device}"
        self._recorder, self._paused, self._stop = recorder, run.paused, run.stop
        self._window, self._source = window, run.source
        self._microphone = run.microphone
        # of photos, which come one by one, each until somebody goes on; `None` for a video
        self._num_photos = run.source.info.num_frames if run.source.info.fps is None else None
        self._shows_mask = self._shows_objects = self._is_mirrored = False
        self._panel = "figures"
        self._message = ("", 0.0)
        self._found: tuple[Instances, Output] | None = None
        self._lock = threading.RLock()
        self._actions = self._actions_by_key()

    def _actions_by_key(self) -> dict[str, Callable[[], None]]:
        palette, stop = self._palette, self._stop
        of_video = {"r": self._toggle_recording, "space": self._toggle_pause}
        of_photo = {
            "r": lambda: self.tell("a photo is not recorded; s writes it"),
            **dict.fromkeys(("space", "enter", "right"), self._paused.clear),
        }
        return {
            "+": lambda: self._change(lambda: palette.strengthen(1)),
            "=": lambda: self._change(lambda: palette.strengthen(1)),
            "-": lambda: self._change(lambda: palette.strengthen(-1)),
            "b": lambda: self._change(palette.next_background),
            "i": self._toggle_invert,
            "t": self._toggle_framed,
            "l": self._toggle_light,
            "w": self._toggle_light_wrap,
            "p": self._toggle_front,
            "m": self._toggle_mask,
            "x": self._toggle_mirror,
            "o": self._toggle_objects,
            "c": self._next_camera,
            "s": self._recorder.snapshot,
            "f": self._window.toggle_fullscreen,
            "h": self._next_panel,
            "q": stop.set,
            "escape": stop.set,
            **(of_video if self._num_photos is None else of_photo),
        }

    def react(self, event: Event) -> None:
        """Do what a key or a click means."""
        with self._lock:
            if event.kind == "closed":
                self._stop.set()
            elif event.kind == "click":
                self._pick(event.at_xy)
            elif (name := effect_of_key(event.key)) is not None:
                self._change(lambda: self._palette.choose(name))
            elif event.key in self._actions:
                self._actions[event.key]()

    def tell(self, text: str) -> None:
        """Show a message for a moment."""
        self._message = text, time.monotonic() + _MESSAGE_S

    def draw(self, output: Output) -> Image:
        """Return what the window shows of an output, (h, w, 3) uint8 RGB, an array of its own."""
        if output.found is not None:
            self._found = output.found, output
        image = over_black(output.in_srgb.rgb)
        if self._shows_mask:
            alpha = output.alpha if output.alpha is not None else np.zeros_like(image[..., 0])
            image = np.asarray(cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB), np.uint8)
        shown = enlarged(image)
        if self._is_mirrored:  # before there is text on it
            shown = np.asarray(cv2.flip(shown, 1), np.uint8)
        if self._shows_objects and output.found is not None:
            chosen = self._picked.chosen(output.found)
            found = cropped_instances(output.found, output.crop)
            found = found.mirrored() if self._is_mirrored else found
            shown = mark_instances(shown, found, chosen, self._classes)
        if shown is output.image or shown is output.frame.image:
            shown = shown.copy()
        self._write_panel(shown, output)
        return shown

    # === What keys do ===

    def _change(self, change: Callable[[], None]) -> None:
        try:
            change()
        except ValueError as error:
            self.tell(str(error))
            return
        self._apply()
        self.tell(self._palette.title)

    def _apply(self) -> None:
        self._pipeline.look = Look(self._palette.effect, self._invert, self._picked, self._staging)

    def _toggle_invert(self) -> None:
        self._invert = not self._invert
        self._apply()
        self.tell("inverted" if self._invert else "not inverted")

    def _stage(self, staging: Staging, told: str) -> None:
        self._staging = staging
        self._apply()
        self.tell(told)

    def _toggle_framed(self) -> None:
        framed = not self._staging.framed
        told = "the picture follows the people" if framed else "the whole picture"
        self._stage(replace(self._staging, framed=framed), told)

    def _toggle_light(self) -> None:
        light = not self._staging.light
        self._stage(replace(self._staging, light=light), f"light {'on' if light else 'off'}")

    def _toggle_light_wrap(self) -> None:
        wrap = not self._staging.light_wrap
        told = f"light of the background {'on' if wrap else 'off'}"
        self._stage(replace(self._staging, light_wrap=wrap), told)

    def _toggle_front(self) -> None:
        if self._front is None:
            self.tell("no picture in front; begin with --front logo.png")
            return
        front = None if self._staging.front is not None else self._front
        told = "picture in front" if front is not None else "no picture in front"
        self._stage(replace(self._staging, front=front), told)

    def _toggle_mask(self) -> None:
        self._shows_mask = not self._shows_mask

    def _toggle_mirror(self) -> None:
        self._is_mirrored = not self._is_mirrored
        self.tell("mirrored in this window alone" if self._is_mirrored else "not mirrored")

    def _toggle_objects(self) -> None:
        self._shows_objects = not self._shows_objects

    def _toggle_recording(self) -> None:
        self._recorder.toggle()
        if self._recorder.recording:
            self.tell("recording")

    def _next_camera(self) -> None:
        """Go on to another camera; the whole picture is covered until its first mask is there."""
        if isinstance(self._source, Camera):
            self.tell("to the next camera")
            self._source.go_on_to_next(self.tell)
        else:
            self.tell("the source is no camera")

    def _toggle_pause(self) -> None:
        if self._paused.is_set():
            self._paused.clear()
        else:
            self._paused.set()

    def _next_panel(self) -> None:
        self._panel = {"figures": "help", "help": "", "": "figures"}[self._panel]

    def _pick(self, at_xy: tuple[int, int]) -> None:
        """Drop the object at that place of the frame, or keep it again."""
        if self._found is None:
            return
        found, output = self._found
        frame_hw = output.picture.size_hw
        if self._is_mirrored:
            at_xy = frame_hw[1] - 1 - at_xy[0], at_xy[1]
        at_xy = output.crop.to_frame(at_xy, frame_hw)
        k = object_at(found, at_xy, frame_hw)
        if k is None:
            self.tell("nothing was found there")
            return
        number, name = int(found.ids[k]), self._classes[found.labels[k]]
        title, picked = f"#{number} {name}", self._picked
        if self._num_photos is not None:
            number, title, picked = k, name, picked.in_photo(found)
        if number < 0:
            self.tell("this network tells no objects apart; begin with --model mask-rcnn-person")
            return
        keep = not picked.chosen(found)[k]
        self._picked = picked.with_one(number, keep=keep)
        self._apply()
        self.tell(f"{title}: {'kept' if keep else 'dropped'}")

    # === What is written on the picture ===

    def _write_panel(self, image: Image, output: Output) -> None:
        lines = self._lines(output) if self._panel else []
        if self._microphone is not None:  # whoever is heard shall know it
            lines.append(MICROPHONE_ON if self._microphone.is_on else MICROPHONE_LOST)
        if lines:
            below = write_lines(image, lines, "top")
            if self._panel == "help":
                write_lines(image[below:], ["\t".join(key) for key in KEYS], "middle")
        text, until = self._message
        if text and time.monotonic() < until:
            write_lines(image, [text], "bottom")

    def _lines(self, output: Output) -> list[str]:
        marks = {
            "inverted": self._invert,
            "framed": self._staging.framed,
            "light": self._staging.light,
            "light wrap": self._staging.light_wrap,
            "mask": self._shows_mask,
            "RECORDING": self._recorder.recording,
            "PAUSED": self._paused.is_set() and self._num_photos is None,
        }
        effect = ", ".join([self._palette.title, *(name for name, on in marks.items() if on)])
        if output.found is None:
            objects = "no mask: all is covered"
        else:
            num, num_kept = len(output.found), len(output.instances or ())
            noun = "object" if num == 1 else "objects"
            objects = f"{num} {noun}" + (f", {num_kept} kept" if num_kept != num else "")
        figures = self._figures.line()
        if self._num_photos is not None:
            place = f" ({output.frame.index + 1} of {self._num_photos})"
            figures = f"{output.frame.name}{place if self._num_photos > 1 else ''}"
        return [effect, self._title, figures, objects]


def object_at(found: Instances, at_xy: tuple[int, int], frame_hw: tuple[int, int]) -> int | None:
    """Return which object lies at a place, or close by; the smallest of several, `None` for none.

    Args:
        found: in an image of any size.
        at_xy: in pixels of the frame.
        frame_hw: size of the frame.
    """
    height, width = found.size_hw
    x, y = at_xy[0] * width // frame_hw[1], at_xy[1] * height // frame_hw[0]
    reach = max(1, round(_REACH * max(height, width)))
    near = found.masks[:, max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
    for masks in (found.masks[:, y : y + 1, x : x + 1], near):
        under = np.flatnonzero((masks >= 128).any(axis=(1, 2)))
        if len(under):
            left, top, right, bottom = found.boxes[under].T
            return int(under[np.argmin((right - left) * (bottom - top))])
    return None
