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
from stream.photo.photo import Photo
from stream.photo.remarks import MAX_NAMED, Remarks


class Photos(Source):
    """`Source` over photos: independent pictures, or the frames of a video.

    Of several independent ones those that cannot be read are left out; their numbers stay free. One
    that is cut off is given as far as it goes, and counts as left out as well.

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
            StreamError: a photo of a video cannot be read, or differs from it in size.
        """
        fps = self.info.fps
        for index in range(self._first, len(self._paths)):
            if self._interrupted.is_set():
                return
            photo, self._opened = self._opened or self._read(index), None
            if photo is None:
                continue
            path, image = self._paths[index], photo.image
            size = (image.shape[1], image.shape[0])
            if fps is not None and size != (self.info.width, self.info.height):
                raise StreamError(
                    f"{path}: {size[0]}x{size[1]} pixels, but the photos before it have "
                    f"{self.info.width}x{self.info.height}; as a video all must be of one size"
                )
            self.num_left_out += int(photo.is_part)
            for remark in photo.remarks:
                most = MAX_NAMED if remark in DAMAGE else 1
                self._remarks.tell(str(path), remark, most=most)
            time_s = 0.0 if fps is None else float(index / fps)
            yield Frame(RgbPicture(image), index, time_s, path.name, photo=photo, path=path)
        self._remarks.finish()

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
