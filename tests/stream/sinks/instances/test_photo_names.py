"""Photos whose names are no Unicode, as disks of other systems have them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from segmentation.data import read_dataset
from stream.sinks.instances.coco_folder import CocoFolder
from stream.sinks.instances.labelme_folder import LabelMeFolder
from tests.stream.sinks.instances.test_folders import Make, output, written

NAME = b"caf\xe9.png"
pytestmark = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are Unicode")


@pytest.mark.parametrize("make", [CocoFolder, LabelMeFolder])
def test_what_is_written_is_read_again(make: Make, tmp_path: Path) -> None:
    folder = written(make, tmp_path / "out", output(name=os.fsdecode(NAME)))
    (photo,) = read_dataset(folder, strict=True).photos
    assert os.fsencode(photo.path.name) == NAME
    assert len(photo.annotations) == 3
