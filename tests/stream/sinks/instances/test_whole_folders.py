"""Folders of objects and lists of them are whole or not there, whatever fails."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from stream.sinks.instances.coco_folder import CocoFolder
from stream.sinks.instances.crops import Crops
from stream.sinks.instances.label_maps import LabelMaps
from stream.sinks.instances.labelme_folder import LabelMeFolder
from stream.sinks.instances.mask_photos import InstancePhotos
from stream.sinks.instances.results import InstancesJSON
from stream.sinks.parts.options import SinkOptions
from tests.stream.sinks.instances.test_folders import INFO, Make, output

LIVE = replace(INFO, stream=replace(INFO.stream, fps=Fraction(25), live=True))


@pytest.mark.parametrize(
    "make", [Crops, InstancePhotos, LabelMaps, CocoFolder, LabelMeFolder, InstancesJSON]
)
@pytest.mark.parametrize("info", [INFO, LIVE], ids=["photos", "camera"])
def test_what_fails_unexpectedly_leaves_nothing_as_if_it_were_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Make, info: object
) -> None:
    def fail(*given: object) -> None:
        raise MemoryError("of 3 GB")

    told: list[str] = []
    target = tmp_path / ("out.json" if make is InstancesJSON else "out")
    with make(target, info, SinkOptions(on_message=told.append)) as sink:  # type: ignore[arg-type]
        sink.write(output(0, "a.png"))
        with monkeypatch.context() as patch:
            patch.setattr("stream.sinks.instances.masks.at_frame_size", fail)
            patch.setattr(f"{make.__module__}.at_frame_size", fail)
            with pytest.raises(Exception, match="of 3 GB") as first:
                sink.write(output(1, "b.png"))
        with pytest.raises(type(first.value)) as again:
            sink.write(output(2, "c.png"))
        with pytest.raises(type(first.value)) as at_end:
            sink.finish(cut_short=True)
    assert first.value is again.value is at_end.value
    if info is INFO:
        assert list(tmp_path.iterdir()) == []
    else:
        (kept,) = tmp_path.iterdir() if make is InstancesJSON else target.iterdir()
        assert "kept" in str(first.value)
        assert kept.name in ("out.json", "crops", "instances", "labels", "dataset", "labelme")
    assert told == []
