"""What one thread hands to the next."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Channel(Generic[T]):
    """A bounded queue with an end, from one thread that puts to one that takes.

    Args:
        size: how many items wait at most.
        newest_wins: a full channel drops its oldest item; otherwise `put` waits for as long as it
            takes.
    """

    def __init__(self, size: int, *, newest_wins: bool) -> None:
        """Open the channel."""
        self._items: deque[T] = deque()
        self._size = size
        self._newest_wins = newest_wins
        self._closed = False
        self._changed = threading.Condition(threading.RLock())

    def put(self, item: T, *, patience_s: float = 0.0) -> int:
        """Hand over `item`; into a closed channel it is lost.

        Args:
            item: the next.
            patience_s: how long it waits before the oldest item is dropped.

        Returns:
            The number of items dropped, itself included.
        """
        with self._changed:
            if not self._newest_wins:
                self._changed.wait_for(self._takes)
            elif patience_s:
                self._changed.wait_for(self._takes, patience_s)
            if self._closed:
                return 1
            dropped = 0
            while len(self._items) >= self._size:
                self._items.popleft()
                dropped += 1
            self._items.append(item)
            self._changed.notify_all()
            return dropped

    def close(self) -> None:
        """Say that nothing more comes; what waits can still be taken. Callable more than once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abort(self) -> None:
        """Close, and throw away what waits."""
        with self._changed:
            self._items.clear()
            self.close()

    def take(self, timeout_s: float) -> T | None:
        """Return the next item, or `None` when there is none after `timeout_s` or at the end."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not self._items and not self._closed:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return None
                self._changed.wait(left_s)
            return self._pop()

    def wait(self, timeout_s: float) -> None:
        """Wait until there is something to take, or the end, or so long."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, timeout_s)

    def __iter__(self) -> Iterator[T]:
        """Yield items as they come, until the end."""
        while True:
            with self._changed:
                while not self._items and not self._closed:
                    self._changed.wait()
                item = self._pop()
            if item is None:
                return
            yield item

    @property
    def ended(self) -> bool:
        """Closed, and everything taken."""
        with self._changed:
            return self._closed and not self._items

    def _takes(self) -> bool:
        """Whether an item can be handed over, or need not be."""
        return self._closed or len(self._items) < self._size

    def _pop(self) -> T | None:
        if not self._items:
            return None
        item = self._items.popleft()
        self._changed.notify_all()
        return item
