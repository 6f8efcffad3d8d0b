"""The published weights that can be fetched: where they lie, whose they are, what they reach."""

from __future__ import annotations

from dataclasses import dataclass

from segmentation.coco import NAMES


@dataclass(frozen=True, slots=True)
class Preset:
    """One published weight file.

    Attributes:
        name: as `--model` and `models fetch` take it.
        address: http or https, of the file itself.
        file_name: under which it is kept.
        num_bytes: its exact size, `None` where that is not known.
        sha256: its SHA-256 in hexadecimal, `None` where its publisher states none.
        signature: bytes the file begins with, or several possibilities.
        licence: of the weights.
        notice: a condition people must be told when it is listed or loaded, `None` for none.
        source: page of the program it was published with.
        box_ap: COCO box AP reported for it, in percent; `None` where none is.
        mask_ap: COCO mask AP reported for it, in percent; `None` where none is.
        speed: as reported with the AP, and on what; `None` where none is.
        about_bytes: bytes of its tensors, for people, where the exact size is not known.
        classes: names of what it finds.
        md5: its MD5 in hexadecimal, `None` where its publisher states none.
    """

    name: str
    address: str
    file_name: str
    num_bytes: int | None
    sha256: str | None
    signature: bytes | tuple[bytes, ...]
    licence: str
    notice: str | None
    source: str
    box_ap: float | None
    mask_ap: float | None
    speed: str | None = None
    about_bytes: int | None = None
    classes: tuple[str, ...] = NAMES
    md5: str | None = None


#: HDF5 File Format Specification 3.0, section II.A: the first eight bytes of a superblock
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
#: the magic number at the beginning of the older form of .pth files, as a pickle
OLD_PTH_SIGNATURE = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
#: "local file header signature" of the ZIP File Format Specification, which the newer form follows
NEW_PTH_SIGNATURE = b"PK\x03\x04"


def _yolact(name: str, *, about_bytes: int, fps: float, mask_ap: float) -> Preset:
    """Return a file of YOLACT's program; figures are its README's, on COCO's test-dev."""
    return Preset(
        name=name,
        address=f"https://huggingface.co/dbolya/{name}/resolve/main/"
        f"{name.replace('-', '_')}_54_800000.pth",
        file_name=f"{name.replace('-', '_')}_54_800000.pth",
        num_bytes=None,
        sha256=None,
        signature=OLD_PTH_SIGNATURE,
        licence="MIT",
        notice=None,
        source="https://github.com/dbolya/yolact",
        box_ap=None,
        mask_ap=mask_ap,
        speed=f"{fps} fps on a Titan Xp",
        about_bytes=about_bytes,
    )


def _centermask(
    name: str, *, place: str, about_bytes: int, speed: str, box_ap: float, mask_ap: float
) -> Preset:
    """Return a file of CenterMask2's program; figures are its README's, on COCO's val2017."""
    return Preset(
        name=name,
        address=f"https://dl.dropbox.com/s/{place}",
        file_name=place.rpartition("/")[2],
        num_bytes=None,
        sha256=None,
        signature=(OLD_PTH_SIGNATURE, NEW_PTH_SIGNATURE),
        licence="CC BY-NC 4.0",
        notice="CC BY-NC 4.0: for non-commercial use only",
        source="https://github.com/youngwanLEE/centermask2",
        box_ap=box_ap,
        mask_ap=mask_ap,
        speed=speed,
        about_bytes=about_bytes,
    )


def _rvm(name: str, *, file_name: str, about_bytes: int, speed: str | None) -> Preset:
    """Return a file of Robust Video Matting's program, whose README reports speed alone."""
    return Preset(
        name=name,
        address="https://github.com/PeterL1n/RobustVideoMatting/releases/download/v1.0.0/"
        + file_name,
        file_name=file_name,
        num_bytes=None,
        sha256=None,
        signature=(OLD_PTH_SIGNATURE, NEW_PTH_SIGNATURE),
        licence="GPL-3.0",
        notice="GPL-3.0: whoever passes them on, or a program with them, does so under it",
        source="https://github.com/PeterL1n/RobustVideoMatting",
        box_ap=None,
        mask_ap=None,
        speed=speed,
        about_bytes=about_bytes,
        classes=("person",),
    )


def _rf_detr(
    size: str, *, file: str, md5: str, about_bytes: int, mask_ap: float, speed_ms: float
) -> Preset:
    """Return a file of RF-DETR's program.

    Figures are its README's, on COCO's val2017; address and MD5 are those in its package.
    """
    return Preset(
        name=f"rf-detr-seg-{size}",
        address=f"https://storage.googleapis.com/rfdetr/{file}",
        file_name=file,
        num_bytes=None,
        sha256=None,
        signature=(OLD_PTH_SIGNATURE, NEW_PTH_SIGNATURE),
        licence="Apache-2.0",
        notice=None,
        source="https://github.com/roboflow/rf-detr",
        box_ap=None,
        mask_ap=mask_ap,
        speed=f"{speed_ms} ms on a T4",
        about_bytes=about_bytes,
        md5=md5,
    )


#: a backbone to begin training with (He et al. 2016, the authors' weights, MIT, converted)
IMAGENET_RESNET50 = Preset(
    name="imagenet-resnet50",
    address="https://github.com/fchollet/deep-learning-models/releases/download/v0.2/"
    "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
    file_name="resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
    num_bytes=None,
    sha256=None,
    signature=HDF5_SIGNATURE,
    licence="MIT",
    notice=None,
    source="https://github.com/fchollet/deep-learning-models",
    box_ap=None,
    mask_ap=None,
    about_bytes=94_000_000,
)

_ALL = (
    # The size is the Content-Length people's download logs show for this address, and the end of
    # file that HDF5 names when it refuses a part of it (matterport/Mask_RCNN issues 653, 2816).
    # Box AP is the authors' figure as quoted in facebookresearch/maskrcnn-benchmark issue 449.
    Preset(
        name="mask-rcnn",
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
    _yolact("yolact-base", about_bytes=201_000_000, fps=33.5, mask_ap=29.8),
    _yolact("yolact-resnet50", about_bytes=124_900_000, fps=42.5, mask_ap=28.2),
    _yolact("yolact-darknet53", about_bytes=191_300_000, fps=40.0, mask_ap=28.7),
    _yolact("yolact-im700", about_bytes=201_000_000, fps=23.6, mask_ap=31.2),
    _yolact("yolact-plus-base", about_bytes=210_700_000, fps=27.3, mask_ap=34.6),
    _yolact("yolact-plus-resnet50", about_bytes=135_300_000, fps=33.5, mask_ap=34.1),
    _centermask(
        "centermask-lite-mobilenetv2",
        place="8omou546f0n78nj/centermask_lite_Mv2_ms_4x.pth",
        about_bytes=46_200_000,
        speed="21 ms on a Titan Xp",
        box_ap=29.8,
        mask_ap=27.2,
    ),
    _centermask(
        "centermask-lite-v19",
        place="dret2ap7djty7mp/centermask2-lite-V-19-eSE-FPN-ms-4x.pth",
        about_bytes=80_500_000,
        speed="23 ms on a Titan Xp",
        box_ap=35.9,
        mask_ap=32.8,
    ),
    _centermask(
        "centermask-lite-v39",
        place="uwc0ypa1jvco2bi/centermask2-lite-V-39-eSE-FPN-ms-4x.pth",
        about_bytes=140_600_000,
        speed="28 ms on a Titan Xp",
        box_ap=40.9,
        mask_ap=36.7,
    ),
    _centermask(
        "centermask-v39",
        place="tczecsdxt10uai5/centermask2-V-39-eSE-FPN-ms-3x.pth",
        about_bytes=210_600_000,
        speed="50 ms on a V100",
        box_ap=44.2,
        mask_ap=39.7,
    ),
    _centermask(
        "centermask-v57",
        place="lw8nxajv1tim8gr/centermask2-V-57-eSE-FPN-ms-3x.pth",
        about_bytes=275_700_000,
        speed="58 ms on a V100",
        box_ap=45.1,
        mask_ap=40.5,
    ),
    _rvm(
        "rvm-mobilenet",
        file_name="rvm_mobilenetv3.pth",
        about_bytes=15_200_000,
        speed="172 fps at 1920x1080 on an RTX 3090",
    ),
    _rvm(
        "rvm-resnet50",
        file_name="rvm_resnet50.pth",
        about_bytes=107_900_000,
        speed=None,
    ),
    _rf_detr(
        "nano",
        file="rf-detr-seg-n-ft.pth",
        md5="9995497791d0ff1664a1d9ddee9cfd20",
        about_bytes=134_500_000,
        mask_ap=40.3,
        speed_ms=3.4,
    ),
    _rf_detr(
        "small",
        file="rf-detr-seg-s-ft.pth",
        md5="0a2a3006381d0c42853907e700eadd08",
        about_bytes=135_000_000,
        mask_ap=43.1,
        speed_ms=4.4,
    ),
    _rf_detr(
        "medium",
        file="rf-detr-seg-m-ft.pth",
        md5="a49af1562c3719227ad43d0ca53b4c7a",
        about_bytes=143_000_000,
        mask_ap=45.3,
        speed_ms=5.9,
    ),
    _rf_detr(
        "large",
        file="rf-detr-seg-l-ft.pth",
        md5="275f7b094909544ed2841c94a677d07e",
        about_bytes=145_100_000,
        mask_ap=47.1,
        speed_ms=8.8,
    ),
    _rf_detr(
        "xlarge",
        file="rf-detr-seg-xl-ft.pth",
        md5="3693b35d0eea86ebb3e0444f4a611fba",
        about_bytes=152_500_000,
        mask_ap=48.8,
        speed_ms=13.5,
    ),
    _rf_detr(
        "2xlarge",
        file="rf-detr-seg-2xl-ft.pth",
        md5="040bc3412af840fa8a47e0ff69b552ba",
        about_bytes=154_600_000,
        mask_ap=49.9,
        speed_ms=21.8,
    ),
    IMAGENET_RESNET50,
)

PRESETS: dict[str, Preset] = {preset.name: preset for preset in _ALL}
