"""Texts and marks drawn over the picture in the window, and there alone."""

from __future__ import annotations

import time
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from effects import draw_instances
from segmentation.instances import Instances
from stream.stats import Stats

Image = NDArray[np.uint8]

#: Height below which a picture is enlarged, so that text on it can be read.
MIN_HEIGHT = 360
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_DARKENED = 0.45
_DROPPED_COLOUR = (150, 150, 150)
_GOLDEN_ANGLE = 137.508  # of hues: neighbours in number are far apart in colour


def enlarged(image: Image) -> Image:
    """Return a small image at a whole multiple of its size, another one as it is."""
    times = -(-MIN_HEIGHT // image.shape[0])
    if times <= 1:
        return image
    size = (image.shape[1] * times, image.shape[0] * times)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_NEAREST), np.uint8)


def write_lines(image: Image, lines: Sequence[str], where: str) -> int:
    """Write lines of text on a dark plate; returns the row below it.

    Args:
        image: (H, W, 3) uint8 RGB, changed.
        lines: nothing is drawn without any; a tab begins a second column.
        where: "top", its left corner; "bottom" or "middle".
    """
    if not lines:
        return 0
    height, width = image.shape[:2]
    scale, line_px = _fitting(lines, width, height)
    letters = _size_px(lines[0], scale, line_px)[1]
    step, margin = round(letters * 1.9), round(letters * 0.8)
    columns = _columns_px(lines, scale, line_px)
    plate_w, plate_h = columns[0] + columns[1] + 2 * margin, step * len(lines) + margin
    left = margin if where == "top" else (width - plate_w) // 2
    top = {"top": margin, "middle": (height - plate_h) // 2}.get(where, height - plate_h - margin)
    left, top = max(0, left), max(0, top)
    plate = image[top : top + plate_h, left : left + plate_w]
    cv2.convertScaleAbs(plate, dst=plate, alpha=_DARKENED)
    for number, line in enumerate(lines, 1):
        for column, text in enumerate(line.split("\t")):
            at = left + margin + column * columns[0], top + number * step
            cv2.putText(image, text, at, _FONT, scale, (255, 255, 255), line_px, cv2.LINE_AA)
    return int(top + plate_h)


def mark_instances(
    image: Image, found: Instances, chosen: NDArray[np.bool_], classes: Sequence[str]
) -> Image:
    """Return the image with all objects drawn, those that are no foreground in grey.

    Args:
        image: (H, W, 3) uint8 RGB.
        found: K objects in an image of any size.
        chosen: (K,), which are foreground.
        classes: names by label.
    """
    scale = np.array([image.shape[1], image.shape[0]] * 2, np.float32)
    scale /= np.array([found.size_hw[1], found.size_hw[0]] * 2, np.float32)
    texts = []
    for number, label, score in zip(found.ids, found.labels, found.scores, strict=True):
        identity = f"#{number} " if number >= 0 else ""
        texts.append(f"{identity}{classes[label]} {score:.2f}")
    colours = [
        distinct_colour(int(number) if number >= 0 else k) if chosen[k] else _DROPPED_COLOUR
        for k, number in enumerate(found.ids)
    ]
    drawn = np.array(colours, np.uint8).reshape(-1, 3)
    return draw_instances(image, found.boxes * scale, found.masks, texts, drawn)


class Figures:
    """Frames a second and latency as they are now, not on the average of the whole run.

    Args:
        stats: of the run.
        sink: name of the sink whose latency counts.
    """

    _WINDOW_S = 1.0
    _NEWS = 0.1

    def __init__(self, stats: Stats, sink: str) -> None:
        """Begin to count."""
        self._stats, self._sink = stats, sink
        self._since, self._count = time.monotonic(), stats.counts["processed"]
        self._fps = 0.0
        self._latency_ms = 0.0

    def line(self) -> str:
        """Return the figures as they are now."""
        now, count = time.monotonic(), self._stats.counts["processed"]
        if now - self._since >= self._WINDOW_S:
            self._fps = (count - self._count) / (now - self._since)
            self._since, self._count = now, count
        latest_ms = 1e3 * self._stats.latest.get(f"{self._sink} latency", 0.0)
        self._latency_ms += self._NEWS * (latest_ms - self._latency_ms)
        age_ms = 1e3 * self._stats.latest.get("mask age", 0.0)
        figures = f"{self._fps:.1f} frames/s, latency {self._latency_ms:.0f} ms"
        return f"{figures}, mask {age_ms:.0f} ms old"


def _fitting(lines: Sequence[str], width: int, height: int) -> tuple[float, int]:
    """Return size and weight of the letters with which all lines fit into the image."""
    scale = max(0.4, height / 1100)
    line_px = max(1, round(scale * 1.6))
    widest = sum(_columns_px(lines, scale, line_px))
    step = 1.9 * _size_px(lines[0], scale, line_px)[1]
    share = min(1.0, 0.9 * width / max(1, widest), 0.9 * height / (step * len(lines)))
    return scale * share, line_px


def _columns_px(lines: Sequence[str], scale: float, line_px: int) -> tuple[int, int]:
    """Return the widths of the two columns, the first with the gap after it."""
    rows = [line.split("\t") for line in lines]
    first = max(_size_px(row[0], scale, line_px)[0] for row in rows)
    seconds = [_size_px(row[1], scale, line_px) for row in rows if len(row) > 1]
    if not seconds:
        return first, 0
    return first + 2 * seconds[0][1], max(width for width, _ in seconds)


def _size_px(text: str, scale: float, line_px: int) -> tuple[int, int]:
    """Return width and height of a line of text."""
    (width, height), _ = cv2.getTextSize(text, _FONT, scale, line_px)
    return width, height


def distinct_colour(number: int) -> tuple[int, int, int]:
    """Return RGB that is far from that of the numbers beside it."""
    hue = round(number * _GOLDEN_ANGLE) % 360 // 2
    pixel = cv2.cvtColor(np.array([[[hue, 190, 255]]], np.uint8), cv2.COLOR_HSV2RGB)
    red, green, blue = pixel[0, 0].tolist()
    return red, green, blue
