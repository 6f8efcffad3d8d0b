"""The parts that a measurement consists of, each of which stands for itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

KINDS = ("parity", "speed", "video", "film")


@dataclass(frozen=True, slots=True)
class Part:
    """One measurement.

    Attributes:
        kind: one of `KINDS`.
        network: by its name.
        precision: see `segmentation.segmenter.Options`.
        batch: images in a call.
    """

    kind: str
    network: str
    precision: str
    batch: int = 1

    def __str__(self) -> str:
        """As in results: "speed rvm-mobilenet tf32 8"."""
        words = [self.kind, self.network, self.precision]
        return " ".join([*words, str(self.batch)] if self.kind == "speed" else words)


def parts_of(
    networks: Sequence[str],
    precisions: Sequence[str],
    batches: Sequence[int],
    kinds: Sequence[str] = KINDS[:3],
) -> list[Part]:
    """Return all parts, those first that say most: whether it is right, then how fast it is.

    Of what follows each other much is compiled once: parity and a batch of one are one program.
    """
    right = [
        each
        for precision in precisions
        for name in networks
        for each in (
            Part("parity", name, precision),
            *(Part("speed", name, precision, num) for num in batches if num == 1),
        )
    ]
    videos = [
        Part(kind, name, precision)
        for precision in reversed(precisions)
        for name in networks
        for kind in ("video", "film")
    ]
    larger = [
        Part("speed", name, precision, num)
        for num in sorted((num for num in batches if num > 1), reverse=True)
        for precision in precisions
        for name in networks
    ]
    return [part for part in right + videos + larger if part.kind in kinds]
