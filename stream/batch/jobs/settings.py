"""What the outputs of a batch depend on, beside their inputs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from segmentation.loading import DETAILED, choose_model, of_file
from segmentation.segmenter import Options
from segmentation.weights.bundled_weights import BUNDLED, FOLDER
from segmentation.weights.presets import PRESETS
from segmentation.weights.store import locate
from stream.ffmpeg.encoding.encoders import SOFTWARE_ENCODER
from stream.tracking import Keyframes


@dataclass(frozen=True, slots=True)
class Settings:
    """How every file of a batch is done; it travels to other processes.

    Attributes:
        model: name of the network, not "auto".
        network: how it is loaded; without `on_message`.
        effect: `NAME[=VALUE]`.
        invert: see `open_run`, likewise the others.
    """

    model: str
    network: Options
    effect: str = "blur"
    invert: bool = False
    keep: str | None = None
    keyframes: Keyframes = field(default_factory=Keyframes)
    codec: str | None = None
    encoder: str = SOFTWARE_ENCODER
    preset: str | None = None
    crf: int = 20
    polygons: bool = False
    keep_location: bool = False

    def recipe(self) -> dict[str, Any]:
        """Return all of it in JSON's terms, files as what is in them.

        Raises:
            OSError: a file cannot be read.
            WeightsError: those of the network are not there.
        """
        name, _, value = self.effect.partition("=")
        has_file = name == "replace" and Path(value).is_file()
        weights = sha256(*_weight_files(self.model, self.network.weights))
        return {
            "model": self.model,
            "weights": weights,
            "min_score": self.network.min_score,
            "classes": None if self.network.classes is None else list(self.network.classes),
            "size": self.network.size,
            "mean": self.network.mean,
            "std": self.network.std,
            "backend": self.network.backend,
            "precision": self.network.precision,
            "effect": f"{name}={sha256(Path(value))}" if has_file else self.effect,
            "invert": self.invert,
            "keep": self.keep,
            "keyframes": repr(self.keyframes),
            "codec": self.codec,
            "encoder": self.encoder,
            "quality": f"{self.preset or 'medium'}:{self.crf}",
            "polygons": self.polygons,
            "keep_location": self.keep_location,
            # of these alone: what others made before there was such an option stays done
            **({"detail": self.network.detail} if self.model in DETAILED else {}),
        }


def chosen(model: str, network: Options, *, asks_for_instances: bool) -> tuple[str, Options]:
    """Return the network that `model` means on this machine, and how it is loaded elsewhere.

    Raises:
        ValueError: see `choose_model`, likewise `WeightsError`.
    """
    model, network = of_file(model, network)
    if model == "auto":
        model = choose_model(network, asks_for_instances=asks_for_instances)
    return model, replace(network, on_message=None)


def sha256(*paths: Path) -> str:
    """Return the SHA-256 of what is in the files, one after the other, in hexadecimal."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                digest.update(block)
    return digest.hexdigest()


def _weight_files(model: str, own: Path | None) -> Iterator[Path]:
    if own is not None:
        yield own
    elif model in PRESETS:
        yield locate(PRESETS[model])
    else:
        (bundled,) = (each for each in BUNDLED if each.name == model)
        yield from sorted(FOLDER.glob(f"{bundled.prefix}*"))
