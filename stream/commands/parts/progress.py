"""What a person at a terminal sees while the program works; nothing where nobody can look."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from stream.frame import StreamInfo
from stream.stats import Stats

if TYPE_CHECKING:
    from tqdm import tqdm

    from stream.running.loop import Run


@contextmanager
def progress(run: Run) -> Iterator[Callable[[], None]]:
    """Show a bar for files, by the time of a video, by the number of photos; figures when live.

    Args:
        run: that is played; the latency of its first sink is shown.

    Yields:
        A function to call now and then.
    """
    if not _at_terminal():
        yield lambda: None
        return
    info, stats, sink = run.source.info, run.stats, next(iter(run.sinks))
    total, layout = _scale(info)
    with _bar(
        total=total,
        unit=" frames",
        desc="live" if info.live else "frames",
        bar_format=layout,
        dynamic_ncols=True,
    ) as bar:

        def update() -> None:
            if info.live:
                heard = run.microphone is not None and run.microphone.is_on
                mark = ", MICROPHONE ON" if heard else ""
                bar.set_postfix_str(_live_figures(sink, stats) + mark)
            elif info.duration_s is not None:
                bar.set_postfix_str(f" {stats.fps:.1f} frames/s", refresh=False)
                bar.update(min(max(0.0, stats.position_s), info.duration_s) - bar.n)
            else:
                bar.update(stats.counts["processed"] - bar.n)

        yield update
        update()


def ended_early(run: Run) -> str:
    """Return in one line how far a run came that was ended before its files."""
    info, stats = run.source.info, run.stats
    if info.duration_s is not None:
        return f"ended early, after {stats.position_s:.1f} of {info.duration_s:.1f} s"
    of = f" of {info.num_frames}" if info.num_frames else ""
    return f"ended early, after {stats.counts['processed']}{of} frames"


def _scale(info: StreamInfo) -> tuple[float | None, str | None]:
    """Return where the bar ends, `None` without one, and what is written, `None` for the usual."""
    if info.live:
        return None, "{desc}: {elapsed}{postfix}"
    if info.duration_s is not None:
        text = "{percentage:3.0f}%|{bar}| {n:.1f}/{total:.1f} s [{elapsed}<{remaining}{postfix}]"
        return info.duration_s, text
    layout = None if info.num_frames else "{n_fmt} frames [{elapsed}, {rate_fmt}{postfix}]"
    return info.num_frames, layout


def _bar(**options: Any) -> tqdm[NoReturn]:
    from tqdm import tqdm  # which is not cheap, and not needed where nobody looks

    tqdm.monitor_interval = 0  # no thread that watches over bars that are never idle
    return tqdm(disable=not _at_terminal(), **options)


def _at_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()  # None where it was closed at the start


def _live_figures(sink: str, stats: Stats) -> str:
    figures = [f" {stats.fps:.1f} frames/s", f"{stats.counts['dropped']} dropped"]
    latency = stats.stages.get(f"{sink} latency")
    if latency is not None and (p95_ms := latency.percentile_ms(95)) is not None:
        figures.append(f"latency {p95_ms:.0f} ms")
    return ", ".join(figures)


@contextmanager
def download_bar(name: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar for a download.

    Yields:
        A function to call with the bytes that are there and the bytes in all.
    """
    with _bar(desc=name, unit="B", unit_scale=True) as bar:

        def update(num_done: int, num_all: int) -> None:
            bar.total = num_all
            bar.update(num_done - bar.n)

        yield update


@contextmanager
def picture_bar(num_pictures: int) -> Iterator[Callable[[], None]]:
    """Show a bar for pictures that a network is measured on.

    Yields:
        A function to call after each.
    """
    with _bar(total=num_pictures, unit=" pictures") as bar:

        def update() -> None:
            bar.update()

        yield update


@contextmanager
def files_bar(num_files: int) -> Iterator[Callable[[int, float, float | None], None]]:
    """Show a bar for files that several workers do.

    Yields:
        A function to call with the files that are done, the frames a second of all workers, and the
        seconds that are left, `None` where that is not known.
    """
    with _bar(
        total=num_files,
        bar_format="{percentage:3.0f}%|{bar}| {n}/{total} files [{elapsed}{postfix}]",
    ) as bar:

        def update(num_done: int, fps: float, left_s: float | None) -> None:
            left = "?" if left_s is None else bar.format_interval(left_s)
            bar.set_postfix_str(f"{left} left, {fps:.1f} frames/s", refresh=False)
            bar.update(num_done - bar.n)

        yield update
