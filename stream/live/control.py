"""What a person can change while the program runs: what `actions` lists, done."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from effects import EFFECTS
from segmentation.instances import Instances
from segmentation.segmenter import Segmenter
from stream.foreground import Keep, Picked
from stream.frame import Event, Output
from stream.live.actions import BY_KEY, NEXT, Action, Wish, action_of, checked
from stream.live.hud import Figures, enlarged
from stream.live.palette import Palette
from stream.live.panel import Message, Panel, found_text
from stream.live.picking import object_at, picked_again, pixel_at
from stream.live.recorder import Recorder
from stream.live.view import View
from stream.looks.look import Look, Staging
from stream.running.loop import Run
from stream.sinks.window import Window
from stream.sources.camera import Camera

Image = NDArray[np.uint8]


class LiveControl:
    """Holds the choices of a person at a running stream, and carries them out.

    Each change makes a new `Look` of the pipeline, which reads it once a frame: no frame waits
    for a change, none is lost by one. May be used from any thread.

    Args:
        run: which is controlled.
        palette: the effects.
        segmenter: the network.
        keep: what the command line says of the foreground.
        recorder: one of the sinks.
        window: another one, at which the person sits; `None` where they are elsewhere.

    Attributes:
        message: the last one.
        view: how the person looks at it.
        title: the network and where it runs.
    """

    def __init__(
        self,
        run: Run,
        palette: Palette,
        segmenter: Segmenter,
        *,
        keep: Keep | None,
        recorder: Recorder,
        window: Window | None = None,
    ) -> None:
        """Begin with what the command line says."""
        self._palette, self._pipeline = palette, run.pipeline
        self._invert, self._picked = run.pipeline.look.invert, Picked(keep)
        self._staging = run.pipeline.look.staging
        self._front = self._staging.front
        names = [name for name, sink in run.sinks.items() if window in (None, sink)]
        self._classes, self._figures = segmenter.classes, Figures(run.stats, (names or [""])[0])
        self.title = f"{segmenter.name} on {segmenter.device}"
        self._recorder, self._paused, self._stop = recorder, run.paused, run.stop
        self._window, self._source = window, run.source
        # of photos, which come one by one, each until somebody goes on; `None` for a video
        self._num_photos = run.source.info.num_frames if run.source.info.fps is None else None
        self.view = View()
        self._panel = Panel(self._figures, self.title, self._num_photos, run.microphone)
        self.message = Message()
        self._found: tuple[Instances, Output] | None = None
        self._shown: Output | None = None
        self._lock = threading.RLock()
        self._doing = self._what_is_done()

    def _what_is_done(self) -> dict[str, Callable[..., str]]:
        """Return by action what is done with its value; each returns what to tell."""
        return {
            "effect": self._choose_effect,
            "strength": self._blur,
            "invert": self._set_invert,
            "background": self._choose_background,
            "frame": self._set_framed,
            "light": self._set_light,
            "light-wrap": self._set_light_wrap,
            "front": self._set_front,
            "mirror": self._set_mirror,
            "mask": self._set_mask,
            "objects": self._set_objects,
            "pick": self._pick,
            "snapshot": self._snapshot,
            "record": self._set_recording,
            "camera": self._next_camera,
            "pause": self._set_pause,
            "next": self._next_photo,
            "full-screen": self._toggle_fullscreen,
            "help": self._next_panel,
            "quit": self._quit,
        }

    def react(self, event: Event) -> None:
        """Do what a key or a click at the window means."""
        if event.kind == "closed":
            self._stop.set()
        elif event.kind == "click":
            with self._lock:
                self._try(lambda: self._pick_at(event.at_xy))
        elif event.key in BY_KEY:
            action, wish = BY_KEY[event.key]
            self._try(lambda: self._do(action, wish))

    def ask(self, name: str, wish: object) -> None:
        """Do what is asked from elsewhere, as a key would.

        Args:
            name: of an action.
            wish: see `stream.live.actions.checked`.

        Raises:
            ValueError: it cannot be done; says why, in one line.
        """
        action = action_of(name)
        self._need(name)
        self._tell_if(self._do(action, wish))

    def check(self, name: str, wish: object) -> None:
        """Do nothing, but raise `ValueError` as `ask` does where there is no such value."""
        self._checked(action_of(name), wish)

    def add_background(self, name: str, photo: Image) -> None:
        """Put another background, which is in memory alone, behind the people.

        Args:
            name: for people.
            photo: (h, w, 3) uint8 RGB.
        """
        size_hw = self._source.info.height, self._source.info.width
        with self._lock:
            added = self._palette.add_photo(name, photo, size_hw)
            self.ask("background", added)

    def tell(self, text: str) -> None:
        """Show a message for a moment."""
        self.message = Message(text, self.message.number + 1, time.monotonic())

    # === What there is to know ===

    # None of it waits for a change that takes its time: what is half done is seen at the next look.

    def values(self) -> dict[str, Wish]:
        """Return the present value of each action that has one."""
        return {
            "effect": self._palette.name,
            "strength": self._palette.strength,
            "invert": self._invert,
            "background": self._palette.background,
            "frame": self._staging.framed,
            "light": self._staging.light,
            "light-wrap": self._staging.light_wrap,
            "front": self._staging.front is not None,
            "mirror": self.view.is_mirrored,
            "mask": self.view.mask,
            "objects": self.view.objects,
            "record": self._recorder.recording,
            "pause": self._paused.is_set() and self._num_photos is None,
        }

    def choices(self) -> dict[str, list[str]]:
        """Return by name what can be chosen."""
        return {"effect": self._palette.effects, "background": self._palette.backgrounds}

    def unavailable(self) -> dict[str, str]:
        """Return which actions mean nothing in this run, each with the reason."""
        why = {}
        if self._palette.name != "blur":
            why["strength"] = f"{self._palette.name}: has no strength"
        if self._front is None:
            why["front"] = "no picture in front; begin with --front logo.png"
        if not isinstance(self._source, Camera):
            why["camera"] = "the source is no camera"
        if self._num_photos is None:
            why["next"] = "the source is no photos"
        else:
            why["record"] = "a photo is not recorded; s writes it"
            why["pause"] = "a photo stands still as it is"
        return why

    def figures(self) -> dict[str, object]:
        """Return what changes by itself: network, frames a second, what was found, who is heard."""
        return {
            "network": self.title,
            "rates": self._figures.line(),
            "objects": "" if self._shown is None else found_text(self._shown),
            "microphone": self._panel.microphone,
        }

    @property
    def rests(self) -> bool:
        """Whether the camera is off, because nobody looks on."""
        return isinstance(self._source, Camera) and not self._source.is_on

    @property
    def looked_at(self) -> tuple[View, Picked]:
        """All that `draw_small` goes by beside the output."""
        return self.view, self._picked

    def see(self, output: Output) -> None:
        """Know what is shown now, which is what `pick` means."""
        self._shown = output
        if output.found is not None:
            self._found = output.found, output

    # === What is seen ===

    def draw(self, output: Output) -> Image:
        """Return what the window shows of an output, (h, w, 3) uint8 RGB, an array of its own."""
        self.see(output)
        shown = enlarged(self.view.image(output))
        shown = self.view.of(output, shown, self._picked, self._classes)
        if shown is output.image or shown is output.frame.image:
            shown = shown.copy()
        self._panel.write(shown, output, self._palette.title, self.values(), self.message)
        return shown

    def draw_small(self, output: Output, max_side: int) -> Image:
        """Return what is seen elsewhere, without text: (h, w, 3) uint8 RGB, not to be written to.

        Args:
            output: as `Preview` holds it.
            max_side: in pixels.
        """
        shown = self.view.small_image(output, max_side)
        return self.view.of(output, shown, self._picked, self._classes)

    # === What is done ===

    def _try(self, do: Callable[[], str]) -> None:
        try:
            self._tell_if(do())
        except ValueError as error:
            self.tell(str(error))

    def _tell_if(self, text: str) -> None:
        if text:
            self.tell(text)

    def _do(self, action: Action, wish: object) -> str:
        with self._lock:
            return self._doing[action.name](self._checked(action, wish))

    def _checked(self, action: Action, wish: object) -> Wish:
        if action.name == "background" and wish == NEXT:  # which goes by the effect as well
            return NEXT
        present = self.values().get(action.name)
        # those that the outputs cannot show say why themselves
        choices = list(EFFECTS) if action.name == "effect" else self.choices().get(action.name, ())
        return checked(action, wish, present, choices)

    def _apply(self) -> None:
        self._pipeline.look = Look(self._palette.effect, self._invert, self._picked, self._staging)

    def _chosen(self) -> str:
        self._apply()
        return self._palette.title

    def _choose_effect(self, name: str) -> str:
        self._palette.choose(name)
        return self._chosen()

    def _blur(self, strength: float) -> str:
        self._palette.blur(strength)
        return self._chosen()

    def _choose_background(self, name: str) -> str:
        if name == NEXT:
            self._palette.next_background()
        else:
            self._palette.choose_background(name)
        return self._chosen()

    def _set_invert(self, invert: bool) -> str:
        self._invert = invert
        self._apply()
        return "inverted" if invert else "not inverted"

    def _stage(self, staging: Staging, told: str) -> str:
        self._staging = staging
        self._apply()
        return told

    def _set_framed(self, framed: bool) -> str:
        told = "the picture follows the people" if framed else "the whole picture"
        return self._stage(replace(self._staging, framed=framed), told)

    def _set_light(self, light: bool) -> str:
        return self._stage(replace(self._staging, light=light), f"light {'on' if light else 'off'}")

    def _set_light_wrap(self, wrap: bool) -> str:
        told = f"light of the background {'on' if wrap else 'off'}"
        return self._stage(replace(self._staging, light_wrap=wrap), told)

    def _set_front(self, is_there: bool) -> str:
        self._need("front")
        front = self._front if is_there else None
        told = "picture in front" if is_there else "no picture in front"
        return self._stage(replace(self._staging, front=front), told)

    def _set_mirror(self, is_mirrored: bool) -> str:
        self.view = replace(self.view, is_mirrored=is_mirrored)
        return "mirrored where you look alone" if is_mirrored else "not mirrored"

    def _set_mask(self, mask: bool) -> str:
        self.view = replace(self.view, mask=mask)
        return ""

    def _set_objects(self, objects: bool) -> str:
        self.view = replace(self.view, objects=objects)
        return ""

    def _snapshot(self, now: bool) -> str:
        if self.rests:
            raise ValueError("snapshot: the camera is off while nobody looks on; open the page")
        self._recorder.snapshot()
        return ""

    def _set_recording(self, recording: bool) -> str:
        self._need("record")
        if recording == self._recorder.recording:
            return ""
        number = self.message.number
        self._recorder.toggle()
        if recording and not self._recorder.recording:
            is_told = self.message.number > number
            raise ValueError(self.message.text if is_told else "record: the run is ending")
        return "recording" if recording else ""

    def _next_camera(self, now: bool) -> str:
        """Go on to another camera; the whole picture is covered until its first mask is there."""
        self._need("camera")
        assert isinstance(self._source, Camera)
        self.tell("to the next camera")
        self._source.go_on_to_next(self.tell)
        return ""

    def _set_pause(self, paused: bool) -> str:
        if paused and self._num_photos is None:
            self._paused.set()
        else:
            self._paused.clear()
        return ""

    def _next_photo(self, now: bool) -> str:
        return "" if self._num_photos is None else self._set_pause(False)

    def _toggle_fullscreen(self, now: bool) -> str:
        if self._window is not None:
            self._window.toggle_fullscreen()
        return ""

    def _next_panel(self, now: bool) -> str:
        self._panel.next()
        return ""

    def _quit(self, now: bool) -> str:
        self._stop.set()
        return ""

    def _need(self, name: str) -> None:
        """Raise `ValueError` where an action means nothing in this run."""
        if (reason := self.unavailable().get(name)) is not None:
            raise ValueError(reason)

    def _pick(self, place: tuple[float, float]) -> str:
        if self._found is None:
            raise ValueError("pick: nothing was found yet")
        return self._pick_at(pixel_at(place, self._found[1].picture.size_hw))

    def _pick_at(self, at_xy: tuple[int, int]) -> str:
        """Drop the object at that place of the picture, or keep it again."""
        if self._found is None:
            return ""
        found, output = self._found
        frame_hw = output.picture.size_hw
        if self.view.is_mirrored:
            at_xy = frame_hw[1] - 1 - at_xy[0], at_xy[1]
        at_xy = output.crop.to_frame(at_xy, frame_hw)
        k = object_at(found, at_xy, frame_hw)
        if k is None:
            raise ValueError("nothing was found there")
        is_photo = self._num_photos is not None
        self._picked, told = picked_again(self._picked, found, k, self._classes, is_photo=is_photo)
        self._apply()
        return told
