"""Which files are the work, and which outputs they become."""

from __future__ import annotations

import codecs
import contextlib
import errno
import glob
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from stream.batch.clashes import check_apart, some_of
from stream.batch.folders import Unread, Walk
from stream.batch.jobs.job import Job
from stream.errors import StreamError
from stream.files.photos import (
    READ_ENDINGS,
    WRITTEN_ENDINGS,
    is_animation,
    is_called_photo,
    is_photo,
)
from stream.sinks import is_file_ending
from stream.stores.addresses import Place, absolute, below, identity, is_in_store, place
from stream.stores.file_state import FileState

if TYPE_CHECKING:
    from upath import UPath

_VIDEOS = frozenset(
    ".mp4 .m4v .mov .qt .mkv .mk3d .webm .avi .divx .mpg .mpeg .mpe .m1v .m2v .ts .mts .m2t .m2ts "
    ".vob .wmv .asf .flv .f4v .3gp .3g2 .ogv .ogm .mxf .dv .rm .rmvb .y4m .apng .mjpeg .mjpg .h264 "
    # the last four: motion photos of phones, 360 degree cameras and camcorders; the .lrv of action
    # cameras are small copies of the videos beside them
    ".264 .h265 .265 .hevc .ivf .nut .amv .wtv .mp .insv .mod .tod".split()
)
#: Those among them that programs and drawings are written in too: TypeScript, Go, MetaPost.
_VIDEOS_OR_TEXTS = (".ts", ".mod", ".mp")
_NUM_OF_TEXT = 512  # bytes; transport streams and MPEG have zeros among so many
#: What can hold transparency, for `--effect cutout`, and what is taken where the input's cannot.
_CLEAR_VIDEOS, _CLEAR_PHOTOS = (".mov", ".webm", ".gif", ".webp", ".apng"), (".png", ".webp")
#: What lists of PowerShell begin with.
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
#: What is taken for an animation where it cannot be looked at.
_MOVING = (".gif", ".apng")


@dataclass(frozen=True, slots=True)
class Found:
    """What a batch consists of.

    Attributes:
        jobs: sorted by their outputs.
        remarks: what was passed over or named twice, a line each.
        unread: folders of which nobody knows what is in them.
    """

    jobs: list[Job]
    remarks: list[str]
    unread: list[Unread]


def find_jobs(
    inputs: Sequence[str],
    folder: Place,
    endings: Sequence[str],
    *,
    is_transparent: bool,
    keep_endings: bool = False,
) -> Found:
    """Find the files, and say what each becomes.

    Args:
        inputs: files, folders (all in them counts, and they keep their structure), globs, and
            `@LIST`, a file with one path a line, all of them on disks or in object stores. Of
            several folders each keeps its own name.
        folder: of the outputs; what is below it is passed over.
        endings: of the outputs of every input, such as ".mp4" or ".json"; none for that of the
            input where it can be written, else .mp4 or .png.
        is_transparent: outputs are.
        keep_endings: an output that has another ending than its input keeps that as well.

    Raises:
        StreamError: there is no such file, several become the same output, or an object store
            cannot be asked.
    """
    for ending in endings:
        if not is_file_ending(ending):
            raise StreamError(f"--to {ending}: not what a file can be written as, such as .mp4")
    named, walk = list(_named(inputs)), Walk()
    own, names = identity(folder), _Names(folder, endings, is_transparent, keep_endings)
    files, remarks, left_out = _chosen(named, own, walk)
    jobs, others = _jobs(files, names)
    links = walk.links_besides(own)
    for places, what in (
        (others, ", neither photos nor videos"),
        *left_out,
        (links, ", links to folders, which are followed only where they are named"),
    ):
        if places:
            remarks.append(f"passed over {len(places)}{what}: {some_of(places)}")
    check_apart(jobs, folder, keep_endings=keep_endings)
    jobs.sort(key=lambda job: job.outputs)
    return Found(jobs, remarks, walk.unread_besides(own))


@dataclass(frozen=True, slots=True)
class _Named:
    """What the command line or a list names.

    Attributes:
        place: a file or a folder.
        is_folder: all below it counts.
        state: of a file in an object store.
    """

    place: Place
    is_folder: bool
    state: FileState | None = None


@dataclass(frozen=True, slots=True)
class _File:
    """A file that may be one of the batch.

    Attributes:
        place: where it lies.
        name: of its output, below the folder of the outputs, with its own ending.
        is_named: by itself, not by a folder.
        state: see `_Named`.
    """

    place: Place
    name: PurePath
    is_named: bool
    state: FileState | None = None


def _chosen(
    named: Sequence[_Named], own: Place, walk: Walk
) -> tuple[list[_File], list[str], list[tuple[list[Place], str]]]:
    """Return what may be done; a line for each file with several names; what is left out, and why.

    Args:
        named: files and folders.
        own: folder of the outputs, which holds no inputs.
        walk: goes through the folders.
    """
    files, remarks = list[_File](), list[str]()
    seen: dict[Place, Place] = {}
    astray, special = list[Place](), list[Place]()
    for file in _files(named, walk, keep_names=sum(each.is_folder for each in named) > 1):
        if ".." in file.name.parts:
            astray.append(file.place)
            continue
        real = identity(file.place)
        if own in real.parents and not file.is_named:
            continue
        if _is_special(file.place):
            special.append(file.place)
            continue
        if real in seen:
            remarks.append(f"{file.place}: the same file as {seen[real]}; done once")
            continue
        seen[real] = file.place
        files.append(file)
    left_out = [
        (special, ", no regular files"),
        (astray, " with .. in their names, which leads out of -o"),
    ]
    return files, remarks, left_out


def _named(inputs: Sequence[str]) -> Iterator[_Named]:
    """Yield the files and folders that are named, in lists and by globs as well."""
    missing = []
    for text in inputs:
        if is_in_store(text):
            found = list(_in_store(place(text)))
            yield from found
            if not found:
                missing.append(text)
        elif text.startswith("@") and not _is_there(Path(text)):
            yield from _named(_lines(text[1:]))
        elif _is_there(Path(text)):
            if _is_special(Path(text)):
                raise StreamError(f"{text}: is no regular file, but a pipe, a socket or a device")
            yield _on_disk(Path(text))
        elif matches := sorted(glob.glob(text, recursive=True)):
            yield from (_on_disk(Path(each)) for each in matches)
        else:
            missing.append(text)
    if missing:
        count = "" if len(missing) == 1 else f"{len(missing)} files are not there, among them "
        raise StreamError(f"{count}{some_of(missing)}: no such file")


def _is_there(path: Path) -> bool:
    """Whether a file or folder has such a name, which may as well be a glob.

    Raises:
        StreamError: nobody can tell, for what it lies in cannot be read.
    """
    try:
        path.stat()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL):
            return False
        raise StreamError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError:  # a name that no file can have
        return False
    return True


def _on_disk(path: Path) -> _Named:
    return _Named(path, path.is_dir())


def _is_special(place: Place) -> bool:
    """Whether opening a file may wait for somebody for ever, or do something."""
    if not isinstance(place, Path):
        return False
    try:
        mode = place.stat().st_mode
    except OSError:  # which its job will tell
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _in_store(address: Place) -> Iterator[_Named]:
    """Yield an object, or a folder that has any, else what a glob names, as on a disk."""
    assert not isinstance(address, Path)
    from stream.stores.objects import matching

    if (found := _at(address)) is not None:
        yield found
    elif any(sign in str(address) for sign in "*?["):
        yield from (each for each in map(_at, matching(address)) if each is not None)


def _at(address: UPath) -> _Named | None:
    """Return the object with an address, or the folder that has any, `None` where neither is."""
    from stream.stores.objects import objects_below, state_of

    if not str(address).endswith("/"):
        with contextlib.suppress(FileNotFoundError):
            return _Named(address, is_folder=False, state=state_of(address))
    return _Named(address, is_folder=True) if objects_below(address) else None


def _lines(address: str) -> list[str]:
    """Return the lines of a list.

    Raises:
        StreamError: it cannot be read.
    """
    lies = place(address)
    try:
        if isinstance(lies, Path):
            data = lies.read_bytes()
        else:
            from stream.stores.objects import read

            data = read(lies)
    except OSError as error:
        reason = error.strerror or "no such file"
        raise StreamError(f"{address}: the list cannot be read ({reason})") from error
    if data.startswith(_UTF_16):
        text = data.decode("utf-16", "replace")
    else:
        text = data.decode("utf-8-sig", "surrogateescape")
    return [line for line in re.split("\r?\n", text) if line]  # names may hold all other ends


def _files(named: Iterable[_Named], walk: Walk, *, keep_names: bool) -> Iterator[_File]:
    """Yield each file, those of folders in order, but for hidden ones."""
    for each in named:
        if not each.is_folder:
            yield _File(each.place, PurePath(each.place.name), is_named=True, state=each.state)
            continue
        top = absolute(each.place)
        above = PurePath(top.name) if keep_names else PurePath()
        for found, state in walk.files_in(each.place):
            yield _File(found, above / below(found, each.place), is_named=False, state=state)


@dataclass(frozen=True, slots=True)
class _Names:
    """What outputs are called; see `find_jobs`."""

    folder: Place
    endings: Sequence[str]
    is_transparent: bool
    keep_endings: bool

    def outputs(self, file: _File, *, is_still: bool) -> tuple[Place, ...]:
        """Return where a file is written to."""
        given = self.endings or [_own_ending(file.place, is_still, self.is_transparent)]
        above = self.folder.joinpath(*file.name.parent.parts)
        return tuple(above / (self._stem(file.name, ending) + ending) for ending in given)

    def _stem(self, name: PurePath, ending: str) -> str:
        return name.name if self.keep_endings and name.suffix != ending else name.stem


def _jobs(files: Iterable[_File], names: _Names) -> tuple[list[Job], list[Place]]:
    """Return a job for each photo and video, and what is neither."""
    jobs, passed_over = list[Job](), list[Place]()
    for file in files:
        is_still = _is_still(file.place)
        if not is_still and not file.is_named and not _is_video(file.place):
            passed_over.append(file.place)
            continue
        outputs = names.outputs(file, is_still=is_still)
        jobs.append(Job(file.place, outputs, is_still, listed=file.state))
    return jobs, passed_over


def _is_still(place: Place) -> bool:
    """Whether a file is one picture; of one in an object store its name has to do."""
    ending = place.suffix.lower()
    if not isinstance(place, Path):
        return ending in READ_ENDINGS and ending not in _MOVING
    try:
        return is_photo(place) and not is_animation(place)
    except StreamError:  # which its job will tell
        return ending in WRITTEN_ENDINGS


def _is_video(place: Place) -> bool:
    ending = place.suffix.lower()
    if ending in _VIDEOS:
        return ending not in _VIDEOS_OR_TEXTS or not _is_text(place)
    if not isinstance(place, Path):
        return ending in _MOVING
    return is_photo(place) or is_called_photo(place)


def _is_text(place: Place) -> bool:
    """Whether a file on a disk is read by people; nothing in an object store is looked at."""
    if not isinstance(place, Path):
        return False
    try:
        with place.open("rb") as file:
            first = file.read(_NUM_OF_TEXT)
    except OSError:  # which its job will tell
        return False
    return bool(first) and min(first) >= ord("\t")


def _own_ending(place: Place, is_still: bool, is_transparent: bool) -> str:
    """Return the ending of the output of an input for which none is asked."""
    ending = place.suffix.lower()
    if is_transparent:
        clear, instead = (_CLEAR_PHOTOS, ".png") if is_still else (_CLEAR_VIDEOS, ".mov")
        return place.suffix if ending in clear else instead
    if is_still:
        return place.suffix if ending in WRITTEN_ENDINGS else ".png"
    return place.suffix if is_file_ending(ending, of_video=True) else ".mp4"
