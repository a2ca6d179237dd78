"""What systemd is told of the process: that it serves, reads its configuration anew, stops (sd_notify(3)), on a plain socket.

Nothing is told where nobody listens: without `NOTIFY_SOCKET` every call does nothing.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable


class Supervisor:
    """The service manager, as `Type=notify-reload` knows it. `address` is what `NOTIFY_SOCKET` holds, empty: nobody.

    `monotonic_ns` is CLOCK_MONOTONIC. A state is told by one datagram; one that cannot be sent is lost, and the manager's
    own time-outs judge.
    """

    def __init__(self, address: str, monotonic_ns: Callable[[], int]) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._monotonic_ns = monotonic_ns

    def ready(self) -> None:
        """It serves: started, or done with a reload."""
        self._tell(f"READY=1\nMAINPID={os.getpid()}")

    def reloading(self) -> None:
        """It reads its configuration anew; the moment tells the manager to which SIGHUP this answers."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={self._monotonic_ns() // 1_000}")

    def stopping(self) -> None:
        """It takes nothing more and finishes what is under way."""
        self._tell("STOPPING=1")

    def alive(self) -> None:
        """It still turns: for `WatchdogSec=`."""
        self._tell("WATCHDOG=1")

    def _tell(self, state: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as told:
                told.setblocking(False)
                told.sendto(state.encode(), self._address)
        except OSError:
            return
