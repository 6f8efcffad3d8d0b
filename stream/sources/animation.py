"""Source: an animated PNG, WebP, AVIF or GIF."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

from segmentation.picture import RgbPicture
from stream.errors import StreamError
from stream.frame import Frame, Source, StreamInfo
from stream.photo.animation import Animation
from stream.photo.photo import Photo

_TIME_BASE = Fraction(1, 1000)


class AnimatedPhoto(Source):
    """`Source` over the frames of one file, a video without sound. Its loops are not repeated.

    Args:
        path: of the file.
        on_message: told, in one line, that it is damaged.

    Raises:
        StreamError: it cannot be read.
    """

    def __init__(self, path: Path, on_message: Callable[[str], None] = lambda text: None) -> None:
        """Read the first frame."""
        super().__init__()
        self._path, self._on_message = path, on_message
        try:
            self._animation = Animation(path.read_bytes())
            self._frames = self._animation.frames()
            self._first = next(self._frames)
        except OSError as error:
            raise StreamError(f"{path}: cannot be read ({error.strerror})") from error
        except (ValueError, StopIteration) as error:
            raise StreamError(f"{path}: {error or 'has no frames'}") from error
        photo, shown_s = self._first
        height, width = photo.image.shape[:2]
        self.info = StreamInfo(
            width=width,
            height=height,
            fps=1 / Fraction(shown_s).limit_denominator(1000),
            num_frames=self._animation.num_frames,
            time_base=_TIME_BASE,
        )

    def close(self) -> None:
        """Free the decoder."""
        self._animation.close()

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames; see `Source`."""
        time_s = 0.0
        for index, (photo, shown_s) in enumerate(self._read()):
            if self._interrupted.is_set():
                return
            lasts_s = shown_s if index == self._animation.num_frames - 1 else None
            picture = RgbPicture(photo.image)
            yield Frame(picture, index, time_s, lasts_s=lasts_s, photo=photo)
            time_s += shown_s

    def _read(self) -> Iterator[tuple[Photo, float]]:
        yield self._first
        num_read = 1
        try:
            for read in self._frames:
                yield read
                num_read += 1
        except ValueError:
            self.num_left_out += 1
            self._on_message(
                f"{self._path}: is damaged, {num_read} of {self._animation.num_frames} frames "
                "could be read"
            )
