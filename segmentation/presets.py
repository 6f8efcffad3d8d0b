"""The published weights that can be fetched: where they lie, whose they are, what they reach."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Preset:
    """One published weight file.

    Attributes:
        name: as `--model` and `models fetch` take it.
        family: the network it is for, as `segmentation.segmenter` knows it.
        address: http or https, of the file itself.
        file_name: under which it is kept.
        num_bytes: its exact size, `None` where that is not known.
        sha256: its SHA-256 in hexadecimal, `None` where its host publishes none.
        signature: bytes the file begins with.
        licence: of the weights.
        notice: a condition people must be told when it is listed or loaded, `None` for none.
        source: page of the program it was published with.
        box_ap: COCO box AP reported for it, in percent; `None` where none is.
        mask_ap: COCO mask AP reported for it, in percent; `None` where none is.
    """

    name: str
    family: str
    address: str
    file_name: str
    num_bytes: int | None
    sha256: str | None
    signature: bytes
    licence: str
    notice: str | None
    source: str
    box_ap: float | None
    mask_ap: float | None


#: HDF5 File Format Specification 3.0, section II.A: the first eight bytes of a superblock
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"

_ALL = (
    # The size is the Content-Length people's download logs show for this address, and the end of
    # file that HDF5 names when it refuses a part of it (matterport/Mask_RCNN issues 653, 2816).
    # Box AP is the authors' figure as quoted in facebookresearch/maskrcnn-benchmark issue 449.
    Preset(
        name="mask-rcnn",
        family="mask-rcnn",
        address="https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5",
        file_name="mask_rcnn_coco.h5",
        num_bytes=257_557_808,
        sha256=None,
        signature=HDF5_SIGNATURE,
        licence="MIT",
        notice=None,
        source="https://github.com/matterport/Mask_RCNN",
        box_ap=34.7,
        mask_ap=None,
    ),
)

PRESETS: dict[str, Preset] = {preset.name: preset for preset in _ALL}
