"""What stands behind a person instead of their room: a photo, or a video that starts over."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from effects.effect import Pixels
from effects.placing import squared
from stream.colour.deep_picture import ToDeep
from stream.errors import StreamError
from stream.files.inputs import reading
from stream.files.photos import is_animation, is_photo, read_photo, refuse_unread
from stream.frame import TONE_MAPPED, Frame, Source
from stream.sources.animation import AnimatedPhoto
from stream.sources.video import VideoSource

Image = NDArray[np.uint8]

#: What is missing of the stream for longer, a camera that was gone, is not made up for: to decode
#: it would hold up the next frame.
MAX_GAP_S = 5.0


def open_background(
    path: Path,
    opened: contextlib.ExitStack,
    on_message: Callable[[str], None] = lambda text: None,
) -> Image | LoopingVideo:
    """Return the photo, or the video, in `path`.

    Args:
        path: a photo by its ending, else a video.
        opened: closes the video's decoder.
        on_message: told, in one line, what of it is not shown as it is.

    Raises:
        StreamError: it cannot be read.
    """
    with reading(path):
        is_there, is_fifo, is_folder = path.exists(), path.is_fifo(), path.is_dir()
    if is_fifo:
        raise StreamError(f"{path}: can be read only once; a background is read again and again")
    if not is_there or is_folder:
        what = "is a folder" if is_folder else "no such file"
        raise StreamError(f"{path}: {what}; a background is a photo, a video or #RRGGBB")
    refuse_unread(path)
    if is_photo(path) and not is_animation(path):
        return read_photo(path, on_message)
    video = LoopingVideo(path, on_message)
    opened.callback(video.close)
    return video


class LoopingVideo:
    """A background that moves; asked for a time, it shows the frame that is due then.

    Args:
        path: of the video.
        on_message: told, in one line, once HDR is not shown as bright as it is, that some of it
            is missing, and that it cannot be read on.

    Raises:
        StreamError: the video cannot be read.
    """

    def __init__(self, path: Path, on_message: Callable[[str], None] = lambda text: None) -> None:
        """Open the video and read its first frames."""
        self._path, self._on_message = path, on_message
        self._turn = _Turn(path)
        self._tells = self._turn.is_hdr
        self._offset_s = 0.0  # from the video's clock to that of the stream it stands behind
        self._begun = self._told_part = False
        self._outlasts = self._is_over = False

    def outlast(self) -> None:
        """Where it cannot be read on, show its last picture, and say so; else that is an error.

        So it should be behind what will not come again.
        """
        self._outlasts = True

    def __call__(self, time_s: float, size_hw: tuple[int, int]) -> Image:
        """Return the frame for a time that does not go back, (h, w, 3) uint8 RGB of any size."""
        self._tell()
        due = self._due(time_s)
        return squared(due.image, due.pixel_aspect)

    def in_colours(
        self, convert: Callable[[Image], Pixels]
    ) -> Callable[[float, tuple[int, int]], Pixels]:
        """Return it for frames of other colours; see `ColouredBackground`."""
        if not isinstance(convert, ToDeep):
            return lambda time_s, size_hw: convert(self(time_s, size_hw))
        if not convert.colours.is_hdr:
            self._tell()

        def of_due(time_s: float, size_hw: tuple[int, int]) -> Pixels:
            due = self._due(time_s)
            return squared(convert.of(due.picture), due.pixel_aspect)

        return of_due

    def _tell(self) -> None:
        """Say once that HDR is not shown as bright as it is."""
        if self._tells:
            self._tells = False
            self._on_message(f"{self._path}: {TONE_MAPPED}")

    def _due(self, time_s: float) -> Frame:
        """Return what is seen at a time that does not go back."""
        if not self._begun:
            self._offset_s = time_s - self._turn.shown.time_s
            self._begun = True
        if time_s - self._turn.next_s - self._offset_s > MAX_GAP_S:
            self._offset_s = time_s - self._turn.next_s
        while not self._is_over and self._turn.next_s + self._offset_s <= time_s:
            self._advance()
        return self._turn.shown

    def go_on(self) -> None:
        """Forget the clock: whatever time is asked for next, the frame shown last is due then."""
        self._begun = False

    def close(self) -> None:
        """End the decoder."""
        self._turn.close()

    def _advance(self) -> None:
        due_s = self._turn.next_s + self._offset_s
        try:
            if not self._turn.advance():
                before, self._turn = self._turn, _Turn(self._path)
                before.close()
                if before.is_part and not self._told_part:
                    self._told_part = True
                    self._on_message(f"{self._path}: is damaged; what can be read of it is shown")
                self._offset_s = due_s - self._turn.shown.time_s
        except StreamError as error:
            if not self._outlasts:
                raise
            self._is_over = True
            self._on_message(f"{error}; its last picture stays")


class _Turn:
    """The video once from its first frame to its last.

    Attributes:
        is_hdr: pictures may be brighter than white.
        shown: the present frame.
        next_s: when the one after it is due, after the last one when the video is over, on the
            video's clock.
        close: ends the decoder.
    """

    def __init__(self, path: Path) -> None:
        with contextlib.ExitStack() as stack:
            moves: Source = AnimatedPhoto(path) if is_photo(path) else VideoSource(str(path))
            source = self._source = stack.enter_context(moves)
            self.is_hdr = source.info.is_hdr
            self._step_s = float(1 / source.info.fps) if source.info.fps else 0.04
            self._frames = iter(source)
            first = next(self._frames, None)
            if first is None:
                raise StreamError(f"{path}: has no frames to be a background")
            self.shown: Frame = first
            self._following = next(self._frames, None)
            self.next_s = self._next_s()
            self.close = stack.pop_all().close

    @property
    def is_part(self) -> bool:
        """Once it is over: it was damaged, and ended before its end."""
        return self._source.num_left_out > 0

    def advance(self) -> bool:
        """Go on to the frame that follows; whether there is one."""
        if self._following is None:
            return False
        self.shown = self._following
        self._following = next(self._frames, None)
        self.next_s = self._next_s()
        return True

    def _next_s(self) -> float:
        following = self._following
        return self.shown.time_s + self._step_s if following is None else following.time_s
