"""Which files are the work, and which outputs they become."""

from __future__ import annotations

import glob
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stream.batch.jobs.job import Job
from stream.errors import StreamError
from stream.files.photos import WRITTEN_ENDINGS, is_animation, is_photo
from stream.sinks import is_file_ending

_VIDEOS = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".m2v", ".ts", ".mts"),
    *(".m2ts", ".vob", ".wmv", ".asf", ".flv", ".f4v", ".3gp", ".3g2", ".ogv", ".mxf", ".dv"),
    *(".y4m", ".apng"),
)
#: What can hold transparency, for `--effect cutout`, and what is taken where the input's cannot.
_CLEAR_VIDEOS, _CLEAR_PHOTOS = (".mov", ".webm", ".gif", ".webp", ".apng"), (".png", ".webp")
_MAX_NAMED = 5  # files of one problem, in a message


@dataclass(frozen=True, slots=True)
class Found:
    """What a batch consists of.

    Attributes:
        jobs: sorted by their outputs.
        remarks: what was passed over or named twice, a line each.
    """

    jobs: list[Job]
    remarks: list[str]


def find_jobs(
    inputs: Sequence[str], folder: Path, endings: Sequence[str], *, is_transparent: bool
) -> Found:
    """Find the files, and say what each becomes.

    Args:
        inputs: files, folders (all in them counts, and they keep their structure), globs, and
            `@LIST`, a file with one path a line. Of several folders each keeps its own name.
        folder: of the outputs; what is below it is passed over.
        endings: of the outputs of every input, such as ".mp4" or ".json"; none for that of the
            input where it can be written, else .mp4 or .png.
        is_transparent: outputs are.

    Raises:
        StreamError: there is no such file, or several become the same output.
    """
    for ending in endings:
        if not is_file_ending(ending):
            raise StreamError(f"--to {ending}: not what a file can be written as, such as .mp4")
    named = list(_named(inputs))
    num_folders = sum(path.is_dir() for path in named)
    remarks: list[str] = []
    places: dict[Path, Path] = {}  # of each file, its place below `folder`
    seen: dict[Path, Path] = {}
    own = Path(os.path.realpath(folder))
    for path, place, is_chosen in _files(named, keep_names=num_folders > 1):
        real = Path(os.path.realpath(path))
        if own in real.parents and not is_chosen:
            continue
        if real in seen:
            remarks.append(f"{path}: the same file as {seen[real]}; done once")
            continue
        seen[real], places[path] = path, place
    jobs, passed_over = _jobs(places, {path for path in named}, folder, endings, is_transparent)
    if passed_over:
        what = f"passed over {len(passed_over)}, neither photos nor videos"
        remarks.append(f"{what}: {_some(passed_over)}")
    _check_apart(jobs)
    return Found(sorted(jobs, key=lambda job: job.outputs), remarks)


def _named(inputs: Sequence[str]) -> Iterator[Path]:
    """Yield the files and folders that are named, in lists and by globs as well."""
    missing = []
    for text in inputs:
        if text.startswith("@") and not Path(text).exists():
            yield from _named(_lines(Path(text[1:])))
        elif Path(text).exists():
            yield Path(text)
        elif matches := sorted(glob.glob(text, recursive=True)):
            yield from map(Path, matches)
        else:
            missing.append(Path(text))
    if missing:
        count = "" if len(missing) == 1 else f"{len(missing)} files are not there, among them "
        raise StreamError(f"{count}{_some(missing)}: no such file")


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text("utf-8", "surrogateescape")
    except OSError as error:
        raise StreamError(f"{path}: the list cannot be read ({error.strerror})") from error
    return [line for line in text.splitlines() if line]


def _files(named: Iterable[Path], *, keep_names: bool) -> Iterator[tuple[Path, Path, bool]]:
    """Yield each file, its place below the folder of the outputs, and whether it was named."""
    for path in named:
        if not path.is_dir():
            yield path, Path(path.name), True
            continue
        above = Path(Path(os.path.abspath(path)).name) if keep_names else Path()
        for name, folders, files in os.walk(path):
            folders[:] = sorted(each for each in folders if not each.startswith("."))
            for file in sorted(files):
                if not file.startswith("."):
                    found = Path(name) / file
                    yield found, above / found.relative_to(path), False


def _jobs(
    places: dict[Path, Path],
    named: set[Path],
    folder: Path,
    endings: Sequence[str],
    is_transparent: bool,
) -> tuple[list[Job], list[Path]]:
    """Return a job for each photo and video, and what is neither."""
    jobs, passed_over = [], []
    for path, place in places.items():
        try:
            is_still = is_photo(path) and not is_animation(path)
        except StreamError:  # which its job will tell
            is_still = path.suffix.lower() in WRITTEN_ENDINGS
        if not is_still and path not in named and not _is_video(path):
            passed_over.append(path)
            continue
        given = endings or [_own_ending(path, is_still, is_transparent)]
        outputs = tuple(folder / place.parent / (place.stem + ending) for ending in given)
        jobs.append(Job(path, outputs, is_still))
    return jobs, passed_over


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in _VIDEOS or is_photo(path)  # an animation


def _own_ending(path: Path, is_still: bool, is_transparent: bool) -> str:
    """Return the ending of the output of an input for which none is asked."""
    ending = path.suffix.lower()
    if is_transparent:
        clear, instead = (_CLEAR_PHOTOS, ".png") if is_still else (_CLEAR_VIDEOS, ".mov")
        return path.suffix if ending in clear else instead
    if is_still:
        return path.suffix if ending in WRITTEN_ENDINGS else ".png"
    return path.suffix if is_file_ending(ending, of_video=True) else ".mp4"


def _check_apart(jobs: Sequence[Job]) -> None:
    """Raise `StreamError` where several files would become one output, or overwrite an input."""
    sources: dict[str, list[Path]] = defaultdict(list)
    for job in jobs:
        for output in job.outputs:
            sources[os.path.normcase(output)].append(job.source)
    together = {output: paths for output, paths in sources.items() if len(paths) > 1}
    if together:
        shown, paths = min(together.items())
        more = f" (and {len(together) - 1} more such)" if len(together) > 1 else ""
        raise StreamError(
            f"{shown}: would be the output of {_some(paths)}{more}; name their folders, which "
            "keep their structure, or begin a batch for each"
        )


def _some(paths: Sequence[Path]) -> str:
    names = ", ".join(map(str, paths[:_MAX_NAMED]))
    return f"{names}, ..." if len(paths) > _MAX_NAMED else names
