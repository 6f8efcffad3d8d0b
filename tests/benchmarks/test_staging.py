"""The benchmark of effects measures all of them."""

from __future__ import annotations

from benchmarks.picture.staging import costs


def test_every_effect_has_a_figure_for_both_codings() -> None:
    figures = costs((90, 160), turns=1)
    assert set(figures) == {"yuv", "rgb"}
    for found in figures.values():
        assert {"blur", "light", "front", "frame", "follow", "change"} <= {
            word for name in found for word in name.split(", ")
        }
        assert all(value >= 0 for value in found.values())
