"""Photos as a source, and as what comes out."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.picture import RgbPicture
from stream.errors import StreamError
from stream.frame import Frame, Output, Sink, Source, StreamInfo

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")

#: Older releases of OpenCV pass over ICC profiles.
_KEEPS_PROFILES = hasattr(cv2, "imdecodeWithMetadata")

_FIRST_BYTES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")


def is_photo(path: Path) -> bool:
    """Return whether a file is a photo by its ending, or by its content where that says nothing."""
    if path.suffix.lower() not in ("", ".jfif"):
        return path.suffix.lower() in ENDINGS
    try:
        with path.open("rb") as file:
            return file.read(8).startswith(_FIRST_BYTES)
    except OSError:
        return False


def read_photo(path: Path) -> NDArray[np.uint8]:
    """Return the picture of a file, (H, W, 3) uint8 RGB, turned as its EXIF tag says.

    Raises:
        StreamError: the file cannot be read or is no picture.
    """
    return _read(path)[0]


def _read(path: Path) -> tuple[NDArray[np.uint8], bytes | None]:
    """Return the picture and its ICC profile, `None` where it has none or one that is not RGB's."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise StreamError(f"{path}: cannot be read ({error.strerror})") from error
    image, profile = None, None
    # an error of OpenCV: more pixels than it reads
    with contextlib.suppress(cv2.error):
        if data.size and _KEEPS_PROFILES:
            image, kinds, values = cv2.imdecodeWithMetadata(data, cv2.IMREAD_COLOR_RGB)
            profile = dict(zip(kinds, values, strict=True)).get(cv2.IMAGE_METADATA_ICCP)
        elif data.size:
            image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise StreamError(f"{path}: not a picture that can be read; is it whole?")
    image = np.asarray(image, np.uint8)
    image.setflags(write=False)
    icc = None if profile is None else np.asarray(profile, np.uint8).tobytes()
    return image, icc if icc is not None and icc[16:20] == b"RGB " else None


class Photos(Source):
    """`Source` over photos: independent pictures, or the frames of a video.

    Of several independent ones those that cannot be read are left out; their numbers stay free.

    Args:
        paths: at least one, in order.
        fps: of the video that the photos are; `None` when they are independent pictures.
        on_message: told, in one line, which photo is left out and why.

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
        self._paths = list(paths)
        self._independent = fps is None
        self._on_message = on_message
        self._stopped = threading.Event()
        self._first = 0
        while (first := self._read(self._first)) is None:
            self._first += 1
        height, width = first[0].shape[:2]
        self.info = StreamInfo(width=width, height=height, fps=fps, num_frames=len(self._paths))

    def interrupt(self) -> None:
        """See `Source.interrupt`."""
        self._stopped.set()

    def __iter__(self) -> Iterator[Frame]:
        """Yield one frame for each photo; see `Source`.

        Raises:
            StreamError: a photo of a video cannot be read, or differs from it in size.
        """
        fps = self.info.fps
        for index in range(self._first, len(self._paths)):
            if self._stopped.is_set():
                return
            read = self._read(index)
            if read is None:
                continue
            path, (image, profile) = self._paths[index], read
            size = (image.shape[1], image.shape[0])
            if fps is not None and size != (self.info.width, self.info.height):
                raise StreamError(
                    f"{path}: {size[0]}x{size[1]} pixels, but the photos before it have "
                    f"{self.info.width}x{self.info.height}; as a video all must be of one size"
                )
            time_s = 0.0 if fps is None else float(index / fps)
            yield Frame(RgbPicture(image), index, time_s, name=path.name, profile=profile)

    def _read(self, index: int) -> tuple[NDArray[np.uint8], bytes | None] | None:
        """Return a photo and its profile, `None` where it is left out."""
        try:
            return _read(self._paths[index])
        except StreamError as error:
            others_are_out = self.num_left_out == len(self._paths) - 1
            if not self._independent or others_are_out:
                raise
            self.num_left_out += 1
            self._on_message(f"error: {error}")
            return None


class PhotoFile(Sink):
    """`Sink` for one photo: the first output, under the path given.

    Args:
        path: its ending decides the format.
        overwrite: replace a file that is there.
        input_paths: files that must never be overwritten.

    Raises:
        StreamError: the path is taken, or an input.
    """

    main_thread = False

    def __init__(self, path: Path, *, overwrite: bool, input_paths: Sequence[Path] = ()) -> None:
        """Check the path."""
        check_free(path, overwrite=overwrite, input_paths=input_paths)
        self._path = path
        self._data: bytes | None = None

    def write(self, output: Output) -> None:
        """Keep the first output; see `Sink`.

        Raises:
            StreamError: there is a second one.
        """
        if self._data is not None:
            raise StreamError(
                f"{self._path}: one photo cannot hold several frames; name a folder/ or a video"
            )
        self._data = encode_photo(output.image, self._path, output.frame.profile)

    def finish(self, *, cut_short: bool) -> None:
        """Write the file; see `Sink`."""
        if self._data is not None:
            save(self._data, self._path)


class PhotoFolder(Sink):
    """`Sink` for a folder of PNG: `NNNNNN.png` for frames, for photos their own names.

    Each file appears when it is whole; an interrupted run leaves the ones that are done.

    Args:
        folder: made if absent.
        overwrite: replace files that are there.
        input_paths: files that must never be overwritten.

    Raises:
        StreamError: the folder cannot be made, or is not empty and `overwrite` is not set.
    """

    main_thread = False

    def __init__(self, folder: Path, *, overwrite: bool, input_paths: Sequence[Path] = ()) -> None:
        """Check the folder."""
        check_folder(folder, overwrite=overwrite)
        self._folder = folder
        self._overwrite = overwrite
        self._input_paths = input_paths
        self._names: set[str] = set()

    def __enter__(self) -> Self:
        """Make the folder."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StreamError(f"{self._folder}: cannot be made ({error.strerror})") from error
        return self

    def write(self, output: Output) -> None:
        """Write one PNG; see `Sink`."""
        name = output.frame.name
        stem = f"{output.frame.index:06d}" if name is None else Path(name).stem
        if stem in self._names:
            stem = f"{stem}_{output.frame.index:06d}"
        self._names.add(stem)
        path = self._folder / f"{stem}.png"
        check_free(path, overwrite=self._overwrite, input_paths=self._input_paths)
        save(encode_photo(output.image, path, output.frame.profile), path)


def check_folder(folder: Path, *, overwrite: bool) -> None:
    """Raise `StreamError` where `folder` is no folder, or holds files and must not be changed."""
    try:
        taken = folder.exists() and any(folder.iterdir())
    except OSError as error:
        raise StreamError(f"{folder}: cannot be a folder ({error.strerror})") from error
    if taken and not overwrite:
        raise StreamError(f"{folder}: not empty; name another folder, or add -y to replace")


def check_free(path: Path, *, overwrite: bool, input_paths: Sequence[Path]) -> None:
    """Raise `StreamError` where writing `path` would destroy something or cannot work."""
    try:
        path.exists()
    except OSError as error:
        raise StreamError(f"{path}: cannot be written ({error.strerror})") from error
    if any(path.exists() and other.exists() and path.samefile(other) for other in input_paths):
        raise StreamError(f"{path}: is the input; name another output")
    if path.is_dir():
        raise StreamError(f"{path}: is a folder; end it with / to write into it")
    if path.exists() and not overwrite:
        raise StreamError(f"{path}: exists; name another output, or add -y to replace it")
    if not path.parent.is_dir() and not path.parent == path:
        raise StreamError(f"{path}: there is no folder {path.parent}; make it first")


def encode_photo(image: NDArray[np.uint8], path: Path, profile: bytes | None = None) -> bytes:
    """Return the file of an image, its format by `path`'s ending.

    Args:
        image: (H, W, 3) uint8 RGB or (H, W, 4) RGBA.
        path: for its ending, and for messages.
        profile: ICC profile of the colours, which BMP and TIFF files do without.

    Raises:
        StreamError: the format is unknown, or cannot hold the image (transparency in a JPEG).
    """
    ending = path.suffix.lower()
    if image.shape[2] == 4 and ending not in (".png", ".webp", ".tif", ".tiff"):
        raise StreamError(f"{path}: {ending} cannot be transparent; write a .png")
    order = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
    options = {
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 95],
        ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, 95],
        ".png": [cv2.IMWRITE_PNG_COMPRESSION, 3],
    }
    pixels, settings = cv2.cvtColor(image, order), options.get(ending, [])
    data = None
    if profile is not None and ending in (".jpg", ".jpeg", ".png", ".webp"):
        data = _encoded(cv2.imencodeWithMetadata, ending, pixels, *_as_metadata(profile), settings)
    if data is None:  # no profile, or one that is damaged
        data = _encoded(cv2.imencode, ending, pixels, settings)
    if data is None:
        raise StreamError(f"{path}: cannot be written as {ending}; write a .png or .jpg")
    return data


def _as_metadata(profile: bytes) -> tuple[list[int], list[NDArray[np.uint8]]]:
    return [cv2.IMAGE_METADATA_ICCP], [np.frombuffer(profile, np.uint8)]


def _encoded(encode: Callable[..., tuple[bool, Any]], *arguments: Any) -> bytes | None:
    """Return what OpenCV makes of an image, `None` where it cannot."""
    try:
        good, data = encode(*arguments)
    except cv2.error:
        return None
    return bytes(data) if good else None


def save(data: bytes, path: Path) -> None:
    """Write `data` so that `path` is never there in part.

    Raises:
        StreamError: the disk is full, or the folder cannot be written to.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    except OSError as error:
        raise StreamError(f"{path}: cannot be written ({error.strerror})") from error
    finally:  # also where Ctrl-C came
        part.unlink(missing_ok=True)
