"""What one thread hands to the next."""

from __future__ import annotations

import threading
import time

from stream.running.channel import Channel


def test_newest_wins_drops_the_oldest():
    channel: Channel[int] = Channel(2, newest_wins=True)
    assert [channel.put(item) for item in range(4)] == [0, 0, 1, 1]
    channel.close()
    assert list(channel) == [2, 3]


def test_full_channel_waits_and_loses_nothing():
    channel: Channel[int] = Channel(2, newest_wins=False)

    def give() -> None:
        for item in range(50):
            assert channel.put(item) == 0
        channel.close()

    giver = threading.Thread(target=give)
    giver.start()
    time.sleep(0.05)
    assert giver.is_alive(), "waits for a taker"
    assert list(channel) == list(range(50))
    giver.join()
    assert channel.ended


def test_abort_wakes_both_ends_and_empties():
    full: Channel[int] = Channel(1, newest_wins=False)
    full.put(0)
    lost: list[int] = []
    giver = threading.Thread(target=lambda: lost.append(full.put(1)))
    giver.start()
    time.sleep(0.05)
    full.abort()
    giver.join(timeout=2)
    assert lost == [1]
    assert list(full) == []


def test_who_waits_is_woken_by_what_comes_and_by_the_end():
    channel: Channel[int] = Channel(1, newest_wins=True)
    waiter = threading.Thread(target=lambda: channel.wait(60))
    waiter.start()
    channel.put(7)
    waiter.join(timeout=20)
    assert not waiter.is_alive()
    assert channel.take(0) == 7
    channel.wait(0.01)
    channel.close()
    channel.wait(60)
    assert channel.ended


def test_patience_is_for_a_taker_that_comes():
    channel: Channel[int] = Channel(1, newest_wins=True)
    channel.put(0)
    taker = threading.Timer(0.05, lambda: channel.take(0))
    taker.start()
    assert channel.put(1, patience_s=60) == 0
    taker.join()
    assert channel.put(2, patience_s=0.01) == 1
    assert channel.take(0) == 2


def test_take_gives_up_after_its_time():
    channel: Channel[int] = Channel(1, newest_wins=False)
    assert channel.take(0.01) is None
    assert not channel.ended
    channel.put(7)
    assert channel.take(0.01) == 7
    channel.close()
    assert channel.ended
    assert channel.put(8) == 1
