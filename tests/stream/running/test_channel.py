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


def test_take_gives_up_after_its_time():
    channel: Channel[int] = Channel(1, newest_wins=False)
    assert channel.take(0.01) is None
    assert not channel.ended
    channel.put(7)
    assert channel.take(0.01) == 7
    channel.close()
    assert channel.ended
    assert channel.put(8) == 1
