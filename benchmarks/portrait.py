"""Portrait beside small person networks of others: IoU by set of photos, boundary F, ms an image.

python -m benchmarks.portrait [--data ../shared/data] [--sets eg1800 ccp ...]

Prints one JSON object for each network, in one run, one thread each. A set is a folder with
`images/` and `masks/` (people are what is not 0). `refined` is the same with each network's mask
brought to the edges of the photo, as it is shown. `portrait, fine` looks at a photo several times,
as is done with photos unless `--detail live` says otherwise. An interval holds 95 % of the means of
sets drawn with repetition from the photos.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common.command import run_command
from segmentation.data import read_dataset
from segmentation.evaluation.foreground_quality import photo_examples
from segmentation.evaluation.mask_agreement import boundary_f, intersection_over_union
from segmentation.parts.resample import resized
from segmentation.picture import RgbPicture
from segmentation.portrait.segmenter import EXPORT, FINE, LIVE, Portrait, View
from segmentation.refinement.refiner import Refiner
from segmentation.runtime.openvino_network import OpenVINONetwork

SETS = ("eg1800", "ccp", "vikram", "pennfudan", "pelota", "coco_1person")
# its training's statistics (Park et al. 2020, "SINet", the authors' program)
SINET_MEAN_BGR = (107.304565, 115.69884, 132.35703)
SINET_STD_BGR = (63.97182, 65.1337, 68.29726)
Image = NDArray[np.uint8]
Network = Callable[[Image], Image]  # (H, W, 3) RGB to (H, W), 255 = a person for certain


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    options = parser.parse_args()
    photos = {name: read_set(options.data / "stills" / name) for name in options.sets}
    networks = {"portrait": portrait(), "portrait, fine": portrait(FINE)}
    networks |= peers(options.data / "peer_models")
    times_ms = milliseconds(networks, next(iter(photos.values()))[0][0])
    for name, network in networks.items():
        line = {"network": name, "ms": times_ms[name], **quality(network, photos)}
        line["refined"] = quality(refined(network), photos)
        print(json.dumps(line), flush=True)


def read_set(folder: Path) -> list[tuple[Image, NDArray[np.bool_]]]:
    """Return photos, RGB, with their true masks."""
    examples = photo_examples(read_dataset(folder / "masks"))
    return [(example.image, example.truth) for example in examples]


def portrait(views: Sequence[View] = LIVE) -> Network:
    """Return the bundled network."""
    segmenter = Portrait(OpenVINONetwork(EXPORT, 1), views)
    return lambda image: segmenter.segment(image[None])[0].union()


def refined(network: Network) -> Network:
    """Return the network with what the program does to its masks before it shows them."""

    def run(image: Image) -> Image:
        return Refiner(blend=False).alpha(RgbPicture(image), network(image), restart=True)

    return run


def peers(folder: Path) -> dict[str, Network]:
    """Return the networks of others, run as they are meant to be, by ONNX Runtime."""
    try:
        import onnxruntime
    except ImportError:
        return {}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3

    def load(file: str, size_hw: tuple[int, int], *, first: bool, person: int) -> Network:
        session = onnxruntime.InferenceSession(str(folder / file), options)
        name = session.get_inputs()[0].name

        def run(image: Image) -> Image:
            small = resized(image, size_hw).astype(np.float32)
            if first:
                small = ((small[..., ::-1] - SINET_MEAN_BGR) / SINET_STD_BGR).transpose(2, 0, 1)
            (result,) = session.run(None, {name: (small / 255)[None].astype(np.float32)})
            maps = result[0] if first else result[0].transpose(2, 0, 1)
            if len(maps) == 2 and not first:
                maps = np.exp(maps - maps.max(axis=0)) / np.exp(maps - maps.max(axis=0)).sum(axis=0)
            mask = np.round(maps[person] * 255).astype(np.uint8)
            return resized(mask, (image.shape[0], image.shape[1]))

        return run

    files = {
        "mediapipe_selfie": ("selfie_segmentation.onnx", (256, 256), False, 0),
        "meet": ("mediapipe.onnx", (144, 256), False, 1),
        "sinet": ("SINet_Softmax_simple.onnx", (320, 320), True, 1),
    }
    return {
        name: load(file, size_hw, first=first, person=person)
        for name, (file, size_hw, first, person) in files.items()
        if (folder / file).exists()
    }


def milliseconds(networks: dict[str, Network], image: Image) -> dict[str, float]:
    """Return the median time of each on one image, the networks in turn."""
    small = resized(image, (320, 240))
    times: dict[str, list[float]] = {name: [] for name in networks}
    for turn in range(60):
        for name, network in networks.items():
            started = time.perf_counter()
            network(small)
            if turn >= 10:
                times[name].append(time.perf_counter() - started)
    return {name: round(float(np.median(values)) * 1e3, 2) for name, values in times.items()}


def quality(
    network: Network, photos: dict[str, list[tuple[Image, NDArray[np.bool_]]]]
) -> dict[str, object]:
    """Return IoU and boundary F: of each set with the interval of its IoU, and the sets' mean."""
    sets = {}
    for name, pairs in photos.items():
        masks = [network(image) >= 128 for image, _ in pairs]
        truths = [truth for _, truth in pairs]
        pairwise = list(zip(masks, truths, strict=True))
        ious = np.array([intersection_over_union(mask, truth) for mask, truth in pairwise])
        edges = np.array([boundary_f(mask, truth) for mask, truth in pairwise])
        low, high = bootstrap_interval(ious)
        sets[name] = {
            "iou": round(float(ious.mean()), 3),
            "iou_95": [round(low, 3), round(high, 3)],
            "boundary_f": round(float(edges.mean()), 3),
        }
    return {
        "mean_iou": round(float(np.mean([entry["iou"] for entry in sets.values()])), 4),
        "mean_boundary_f": round(
            float(np.mean([entry["boundary_f"] for entry in sets.values()])), 4
        ),
        "sets": sets,
    }


def bootstrap_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the interval that holds 95 % of the means of resampled `values`."""
    rng = np.random.default_rng(0)
    means = rng.choice(values, (2000, len(values))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


if __name__ == "__main__":
    run_command(main)
