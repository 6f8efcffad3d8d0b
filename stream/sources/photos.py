"""Photos as a source: independent pictures, or the frames of a video."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from segmentation.picture import RgbPicture
from stream.errors import StreamError
from stream.files.photos import open_photo
from stream.frame import Frame, Source, StreamInfo
from stream.photo.decoding import DAMAGE
from stream.photo.photo import Photo, letterboxed
from stream.photo.remarks import MAX_NAMED, Remarks


class Photos(Source):
    """`Source` over photos: independent pictures, or the frames of a video.

    Of several independent ones those that cannot be read are left out; their numbers stay free. One
    that is cut off is given as far as it goes, and counts as left out as well. Those of a video
    that have another size than the first one are fitted into it, on black, which is told.

    Args:
        paths: at least one, in order.
        fps: of the video that the photos are; `None` when they are independent pictures.
        on_message: told, in one line, which photo is left out and why, and what of one is not as
            it was in its file.

    Raises:
        StreamError: the only photo, the first one of a video or every single one cannot be read.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        fps: Fraction | None = None,
        on_message: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Look at the first photo that can be read."""
        super().__init__()
        self._paths = list(paths)
        self._independent = fps is None
        self._on_message = on_message
        self._remarks = Remarks(on_message)
        self._num_unread = 0
        self._first = 0
        while (first := self._read(self._first)) is None:
            self._first += 1
        self._opened: Photo | None = first  # until it is given
        height, width = first.image.shape[:2]
        self.info = StreamInfo(width=width, height=height, fps=fps, num_frames=len(self._paths))

    def __iter__(self) -> Iterator[Frame]:
        """Yield one frame for each photo; see `Source`.

        Raises:
            StreamError: a photo of a video cannot be read.
        """
        fps, take, before_hw = self.info.fps, 0, (self.info.height, self.info.width)
        for index in range(self._first, len(self._paths)):
            if self._interrupted.is_set():
                return
            photo, self._opened = self._opened or self._read(index), None
            if photo is None:
                continue
            path, size_hw = self._paths[index], photo.image.shape[:2]
            if fps is not None:
                take += int(size_hw != before_hw)  # nothing goes on in a picture of another shape
                before_hw, photo = size_hw, self._fitted(photo, str(path))
            self.num_left_out += int(photo.is_part)
            for remark in photo.remarks:
                most = MAX_NAMED if remark in DAMAGE else 1
                self._remarks.tell(str(path), remark, most=most)
            time_s = 0.0 if fps is None else float(index / fps)
            picture = RgbPicture(photo.image)
            yield Frame(picture, index, time_s, path.name, take, photo=photo, path=path)
        self._remarks.finish()

    def _fitted(self, photo: Photo, name: str) -> Photo:
        """Return a photo in the size of the video."""
        width, height = self.info.width, self.info.height
        if photo.image.shape[:2] == (height, width):
            return photo
        text = f"is not {width}x{height} as the first photo, and is fitted into that, on black"
        self._remarks.tell(name, text)
        return letterboxed(photo, (height, width))

    def _read(self, index: int) -> Photo | None:
        """Return a photo, `None` where it is left out."""
        try:
            return open_photo(self._paths[index])
        except StreamError as error:
            others_are_out = self._num_unread == len(self._paths) - 1
            if not self._independent or others_are_out:
                raise
            self._num_unread += 1
            self.num_left_out += 1
            self._on_message(f"error: {error}")
            return None
