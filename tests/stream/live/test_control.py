"""What a person changes while the program runs: inversion, pauses, objects, the end."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from effects import Blur
from stream.foreground import Keep, Picked, Wanted, parse_keep
from stream.frame import Event, Output
from stream.live.picking import object_at
from stream.looks.look import Look
from tests.stand_ins.fakes import ROOM, ListSink, MovingSquare, discs, output_of, square
from tests.users.desk import Desk, shown_message, watch, written


def test_invert(desk):
    live = desk("replace=#0000ff")
    live.press("i")
    shown = live.output().image
    assert shown[24, 18].tolist() == [0, 0, 255]
    assert shown[2, 60].tolist() == list(ROOM)
    live.press("i")
    assert live.output(1).image[2, 60].tolist() == [0, 0, 255]


def test_no_frame_is_lost_or_torn_by_changes(desk):
    live = desk("mask")
    keys = ["3", "i", "4", "1", "2", "i", "b", "4"]
    events = {n: Event("key", keys[n // 10 % len(keys)]) for n in range(5, 160, 10)}
    sink = ListSink(main_thread=True, events=events)
    looks = []
    composite = live.pipeline.composite

    def watched(tracked):
        looks.append(live.pipeline.look)
        return composite(tracked)

    live.pipeline.composite = watched
    watch(live, MovingSquare(200), sink)
    assert sink.indices == list(range(200))
    assert live.stats.counts["dropped"] == 0
    assert len({id(look) for look in looks}) > 4, "there were changes"


# === Pause ===


def test_pause_holds_a_file_and_goes_on(desk):
    live = desk("none")
    sink = ListSink(main_thread=True, events={5: Event("key", "space")})
    threading.Timer(0.6, lambda: live.press("space")).start()
    counted = []
    threading.Timer(0.4, lambda: counted.append(len(sink.outputs))).start()
    watch(live, MovingSquare(60), sink)
    assert counted[0] < 20
    assert sink.indices == list(range(60))


def test_pause_holds_the_picture_of_a_live_source_while_time_goes_on(desk):
    live = desk("none")
    sink = ListSink(main_thread=True, events={n: Event("key", "space") for n in (5, 30)})
    watch(live, MovingSquare(150, live=True, pause_s=0.01), sink)
    assert sink.indices == sorted(set(sink.indices))
    held = [output for output in sink.outputs if output.image is sink.outputs[8].image]
    assert len(held) > 10
    assert (held[0].frame.image == held[-1].frame.image).all(), "nothing newer leaves unseen"
    assert (sink.outputs[-1].image == square(149)).all()


def test_quitting_works_while_paused(desk):
    live = desk("none")
    live.press("space")
    threading.Timer(0.3, lambda: live.press("q")).start()
    watch(live, MovingSquare(1000), ListSink(main_thread=True))
    assert live.stop.is_set()


# === Objects ===


def with_objects(live: Desk, num: int = 3, *, tracked: bool = True) -> Output:
    """Show three discs, ids 5, 6 and 7, in the left, the middle and the right of 640x480."""
    found = discs((120, 160), num, tracked=tracked)
    image = np.zeros((480, 640, 3), np.uint8)
    look = live.pipeline.look
    chosen = look.choose(found) if look.choose is not None else found
    output = output_of(image, 0, 0.0, alpha=found.union(), instances=chosen, found=found)
    live.control.draw(output)
    return output


def kept(live: Desk) -> list[int]:
    found = discs((120, 160), 3, tracked=True)
    choose = live.pipeline.look.choose
    return (choose(found) if choose is not None else found).ids.tolist()


def test_click_drops_an_object_and_keeps_it_again(desk):
    live = desk()
    with_objects(live)
    live.click(620, 240)
    assert kept(live) == [5, 6]
    assert shown_message(live) == "#7 cat: dropped"
    with_objects(live)
    live.click(620, 240)
    assert kept(live) == [5, 6, 7]
    assert shown_message(live) == "#7 cat: kept"


def test_the_window_is_mirrored_and_nothing_else(desk):
    live = desk()
    output = live.output()
    before = live.control.draw(output)
    live.press("h", "h", "x")  # without text
    plain, shown = live.output(), live.control.draw(output)
    assert (plain.image == output.image).all()
    at = slice(0, -80)  # above the message
    live.press("x")
    np.testing.assert_array_equal(shown[at], live.control.draw(output)[at, ::-1])
    assert before.shape == shown.shape


def test_in_a_mirrored_window_a_click_means_what_is_seen_there(desk):
    live = desk()
    with_objects(live)
    live.press("x")
    live.click(640 - 1 - 620, 240)
    assert kept(live) == [5, 6]
    assert shown_message(live) == "#7 cat: dropped"


def test_click_keeps_what_the_command_line_dropped(desk):
    live = desk(keep=Keep.of(parse_keep("dog"), ("person", "dog", "cat")))
    with_objects(live)
    live.click(20, 240)
    assert kept(live) == [5, 6]


def test_click_beside_everything_changes_nothing(desk):
    live = desk()
    with_objects(live)
    live.click(2, 2)
    assert kept(live) == [5, 6, 7]
    assert shown_message(live) == "nothing was found there"


def test_click_with_a_network_without_ids_says_so(desk):
    live = desk()
    with_objects(live, tracked=False)
    live.click(320, 240)
    assert kept(live) == [5, 6, 7]
    assert "--model mask-rcnn-person" in shown_message(live)


def test_click_in_a_photo_goes_by_rank_and_means_no_other_photo(desk):
    live = desk(num_photos=2)
    shown = with_objects(live, tracked=False)
    live.click(620, 240)
    choose = live.pipeline.look.choose
    assert choose(shown.found).labels.tolist() == [0, 1]
    assert shown_message(live) == "cat: dropped"
    live.click(20, 240)
    choose = live.pipeline.look.choose
    assert choose(shown.found).labels.tolist() == [1]
    other = with_objects(live, tracked=False)
    assert choose(other.found).labels.tolist() == [0, 1, 2]
    live.click(20, 240)
    assert live.pipeline.look.choose(other.found).labels.tolist() == [1, 2]
    live.click(20, 240)
    assert live.pipeline.look.choose(other.found).labels.tolist() == [0, 1, 2]
    assert shown_message(live) == "person: kept"


def test_click_in_a_photo_keeps_what_the_command_line_dropped(desk):
    live = desk(num_photos=1, keep=Keep.of(parse_keep("dog"), ("person", "dog", "cat")))
    shown = with_objects(live, tracked=False)
    live.click(620, 240)
    assert live.pipeline.look.choose(shown.found).labels.tolist() == [1, 2]


@pytest.mark.parametrize("key", ["space", "enter", "right"])
def test_only_these_keys_leave_a_photo(desk, key):
    live = desk(num_photos=2)
    live.paused.set()
    live.press(*"1234567+-=bimosrhhh", "x", "", "left")
    assert live.paused.is_set()
    assert not live.stop.is_set()
    assert not live.recorder.recording
    live.press("r")
    assert shown_message(live) == "a photo is not recorded; s writes it"
    live.press(key, key)
    assert not live.paused.is_set()
    assert not live.stop.is_set()


def test_figures_of_a_photo_say_which(desk):
    live = desk(num_photos=7)
    shown = output_of(square(0), 3, 0.0, "cat.jpg")
    assert written(live, shown)["top"][2] == "cat.jpg (4 of 7)"
    live.paused.set()
    assert "PAUSED" not in written(live, shown)["top"][0]


def test_smallest_object_under_the_pointer_is_meant():
    found = discs((120, 160), 3, tracked=True)
    assert object_at(found, (20, 240), (480, 640)) == 0
    assert object_at(found, (160, 240), (480, 640)) == 1
    overlapping = found[np.array([0, 0])]
    overlapping.boxes[1] = [30, 50, 50, 70]
    overlapping.masks[1] = 0
    overlapping.masks[1, 50:70, 30:50] = 255
    assert object_at(overlapping, (160, 240), (480, 640)) == 1
    assert object_at(found[:0], (160, 240), (480, 640)) is None


def test_ids_are_kept_whatever_class_they_are_of():
    found = discs((24, 32), 3, tracked=True)
    assert Keep.of(parse_keep("#6"), ("a", "b", "c"))(found).ids.tolist() == [6]
    assert Keep.of(parse_keep("#6,a:1"), ("a", "b", "c"))(found).ids.tolist() == [5, 6]
    assert Picked(None, dropped=frozenset([5]))(found).ids.tolist() == [6, 7]
    assert parse_keep("person:1,#3") == Wanted({"person": 1}, frozenset((3,)))
    for text in ("#", "#x", "#3:1", "#-1"):
        with pytest.raises(ValueError, match="#3"):
            parse_keep(text)


def test_other_keys_do_nothing_and_full_screen_is_passed_on(desk):
    live = desk()
    before = live.pipeline.look
    live.press("x", "9", "0", "F1")
    assert live.pipeline.look is before
    live.press("f")
    assert live.screen.num_fullscreen == 1
    live.control.react(Event("closed"))
    assert live.stop.is_set()


def test_look_is_one_value():
    effect = Blur()
    look = Look(effect)
    with pytest.raises(AttributeError):
        look.invert = True  # type: ignore[misc]
