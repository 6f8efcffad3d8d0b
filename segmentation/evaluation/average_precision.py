"""COCO's average precision of boxes and masks (Lin et al. 2014, https://cocodataset.org)."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from segmentation.data import Dataset, Photo
from segmentation.data.parts.label_names import ONLY_CLASS
from segmentation.instances import Instances
from segmentation.segmenter import Segmenter

#: Called with each photo and what was found in it.
OnPhoto = Callable[[Photo, Instances], None]

#: From which score on objects are counted, unless somebody asks for another: average precision also
#: looks at those that the network is hardly certain of.
MIN_SCORE = 0.05


@runtime_checkable
class MaskScorer(Protocol):
    """A segmenter that is sure of a mask to another degree than of its box."""

    def score_masks(self, image: NDArray[np.uint8]) -> tuple[Instances, NDArray[np.float32]]:
        """Return what is found in (H, W, 3) uint8 RGB, and scores of the masks."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Average precision, 0 to 1; `None` where there is nothing to be found.

    Attributes:
        ap: mean over the overlaps 0.5, 0.55, ... 0.95, as COCO ranks by.
        ap50: at an overlap of at least 0.5.
        ap75: of at least 0.75.
        ap_small: `ap` of objects below 32 x 32 pixels.
        ap_medium: of those up to 96 x 96.
        ap_large: of those above.
        recall: share of the objects found, at most 100 a photo and class, mean over the overlaps.
    """

    ap: float | None
    ap50: float | None
    ap75: float | None
    ap_small: float | None
    ap_medium: float | None
    ap_large: float | None
    recall: float | None


@dataclass(frozen=True, slots=True)
class AveragePrecision:
    """What a network reaches on a dataset.

    Attributes:
        box: overlaps are those of boxes.
        mask: overlaps are those of masks.
        box_by_class: of each class that both the network and the dataset know.
        mask_by_class: the same for masks.
        left_out: classes of the dataset that the network does not know, or was not to look for.
        num_photos: of the dataset.
        num_objects: of the classes known, regions to be ignored not counted.
    """

    box: Figures
    mask: Figures
    box_by_class: dict[str, Figures]
    mask_by_class: dict[str, Figures]
    left_out: tuple[str, ...]
    num_photos: int
    num_objects: int

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON takes it."""
        return asdict(self)


def evaluate(
    segmenter: Segmenter,
    dataset: Dataset,
    on_photo: OnPhoto | None = None,
    keep: Sequence[str] | None = None,
    read: Callable[[Photo], NDArray[np.uint8]] = Photo.image,
) -> AveragePrecision:
    """Let a network find the objects of all photos, one at a time, and measure what it found.

    Classes are matched by name. In a region to be ignored (`Annotation.is_crowd`) what is found
    counts neither for nor against the network. To be comparable with published figures the
    network must report objects it is hardly certain of too (a `min_score` of 0.05 or less).

    Args:
        segmenter: to be measured.
        dataset: what is true.
        on_photo: called after each photo.
        keep: names of the only classes of the network to look at, `None` for all.
        read: returns a photo as the network is to see it, (H, W, 3) uint8 RGB.

    Raises:
        ValueError: the network knows none of the classes.
        DataError: a photo cannot be read any more.
    """
    labels = shared_labels(segmenter.classes, dataset.classes, keep)
    found: list[dict[str, Any]] = []
    for index, photo in enumerate(dataset.photos):
        instances, mask_scores = _scored(segmenter, read(photo))
        found += _found(instances, mask_scores, index, labels)
        if on_photo is not None:
            on_photo(photo, instances)
    known = sorted(labels.values())
    true = _true(dataset, set(known))
    num = sum(not row["iscrowd"] for row in true)
    names = [dataset.classes[label] for label in known]
    overall, by_class = {}, {}
    for kind in ("bbox", "segm"):
        precision, recall = _coco_eval(kind, true, found, dataset, known)
        overall[kind] = _figures(precision, recall)
        by_class[kind] = {
            name: _figures(precision[:, :, k : k + 1], recall[:, k : k + 1])
            for k, name in enumerate(names)
        }
    used = {each.label for photo in dataset.photos for each in photo.annotations}
    left_out = tuple(dataset.classes[label] for label in sorted(used - set(known)))
    return AveragePrecision(
        overall["bbox"],
        overall["segm"],
        by_class["bbox"],
        by_class["segm"],
        left_out,
        len(dataset.photos),
        num,
    )


def _scored(
    segmenter: Segmenter, image: NDArray[np.uint8]
) -> tuple[Instances, NDArray[np.float32]]:
    """Return what is found in a photo, and how certain each mask is."""
    if isinstance(segmenter, MaskScorer):
        return segmenter.score_masks(image)
    (instances,) = segmenter.segment(image[None])
    return instances, instances.scores


def shared_labels(
    of_network: Sequence[str], of_dataset: Sequence[str], keep: Sequence[str] | None = None
) -> dict[int, int]:
    """Return the dataset's label of each label of the network that is a class of both.

    Where the data name no class, all that the network finds is of theirs. Of the network's
    classes only those that `keep` names are looked at.

    Raises:
        ValueError: there is none.
    """
    wanted = {label: name for label, name in enumerate(of_network) if keep is None or name in keep}
    labels = {label: of_dataset.index(name) for label, name in wanted.items() if name in of_dataset}
    if not labels and tuple(of_dataset) == (ONLY_CLASS,):
        return dict.fromkeys(wanted, 0)
    if not labels:
        raise ValueError(
            f"the data has the classes {_some(of_dataset)}; "
            f"the network looks for {_some(list(wanted.values()))}"
        )
    return labels


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _found(
    instances: Instances, mask_scores: NDArray[np.float32], index: int, labels: dict[int, int]
) -> list[dict[str, Any]]:
    from pycocotools.mask import encode

    rows = []
    for k, label in enumerate(instances.labels.tolist()):
        if label not in labels:
            continue
        inside = np.asfortranarray(instances.masks[k] >= 128).view(np.uint8)
        row = _row(index, labels[label], instances.boxes[k], encode(inside))
        scores = {"bbox": float(instances.scores[k]), "segm": float(mask_scores[k])}
        rows.append(row | {"scores": scores, "iscrowd": 0})
    return rows


def _true(dataset: Dataset, known: set[int]) -> list[dict[str, Any]]:
    return [
        _row(index, each.label, each.box, each.rle)
        | {"iscrowd": int(each.is_crowd), "area": each.area}
        for index, photo in enumerate(dataset.photos)
        for each in photo.annotations
        if each.label in known
    ]


def _row(index: int, label: int, box: NDArray[np.float32], rle: Any) -> dict[str, Any]:
    x1, y1, x2, y2 = box.astype(np.float64).tolist()
    return {
        "image_id": index + 1,
        "category_id": label + 1,
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "segmentation": rle,
    }


def _coco_eval(
    kind: str,
    true: list[dict[str, Any]],
    found: list[dict[str, Any]],
    dataset: Dataset,
    known: list[int],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return COCO's precision (T, R, K, A, M) and recall (T, K, A, M); -1 where undefined."""
    from pycocotools import mask as coco_mask
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def collection(rows: list[dict[str, Any]]) -> Any:
        coco = COCO()
        coco.dataset = {
            "images": [
                {"id": index + 1, "height": photo.size_hw[0], "width": photo.size_hw[1]}
                for index, photo in enumerate(dataset.photos)
            ],
            "categories": [{"id": label + 1} for label in known],
            # an id of 0 would mean "not matched"
            "annotations": [row | {"id": index + 1} for index, row in enumerate(rows)],
        }
        for row in coco.dataset["annotations"]:
            of_box = row["bbox"][2] * row["bbox"][3]
            of_mask = float(coco_mask.area(row["segmentation"]))
            row.setdefault("area", of_box if kind == "bbox" else of_mask)
            if "scores" in row:
                row["score"] = row["scores"][kind]
        coco.createIndex()
        return coco

    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(collection(true), collection(found), kind)
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"], evaluation.eval["recall"]


def _figures(precision: NDArray[np.float64], recall: NDArray[np.float64]) -> Figures:
    """Average over what is defined; the axes are those of `_coco_eval`, M the last its largest."""

    def mean(values: NDArray[np.float64]) -> float | None:
        defined = values[values > -1]
        return float(defined.mean()) if defined.size else None

    best = precision[..., -1]
    return Figures(
        ap=mean(best[..., 0]),
        ap50=mean(best[0, ..., 0]),
        ap75=mean(best[5, ..., 0]),
        ap_small=mean(best[..., 1]),
        ap_medium=mean(best[..., 2]),
        ap_large=mean(best[..., 3]),
        recall=mean(recall[:, :, 0, -1]),
    )
