"""The sockets whose address is given out: UDP, and TCP on the same number."""

from typing import Final

import structlog

from app.core.clock import Clock
from app.relay.config import RelayConfig
from app.relay.datagrams import Receive
from app.relay.peer import Reach
from app.relay.tcp import StreamEndpoint
from app.relay.udp import UdpEndpoint

log = structlog.get_logger(__name__)

FREE_PORT_TRIES: Final = 32
"""A port that is free for UDP is often taken for TCP: by somebody's outgoing connection."""


class MainSockets:
    """Owned by ``service.RelayService``, which calls ``open`` and ``close``.

    ``receive`` gets what comes by either, in batches whose buffers it must not keep; what goes out
    goes by ``udp.sender``, which knows by the address whether that is a TCP connection's.
    """

    def __init__(self, config: RelayConfig, receive: Receive, clock: Clock) -> None:
        self._config = config
        self.streams = StreamEndpoint(clock, receive, config.max_streams)
        self.udp = UdpEndpoint(
            clock,
            receive,
            config.batch_datagrams,
            config.wake_seconds,
            config.socket_buffer_bytes,
            self.streams.transmit,
        )

    @property
    def port(self) -> int:
        """The port that was bound."""
        return self.udp.port

    async def open(self) -> None:
        """Bind UDP, and TCP on the same number unless another program has that.

        Raises OSError where UDP cannot be bound.
        """
        config = self._config
        tries = FREE_PORT_TRIES if config.bind_port == 0 else 1
        while True:
            self.udp.open(config.bind_host, config.bind_port)
            if not config.has_tcp:
                return
            try:
                await self.streams.open(config.bind_host, self.port)
            except OSError as error:
                tries -= 1
                if not tries:  # most clients need it not
                    log.error("no media over TCP", port=self.port, reason=error.strerror)  # noqa: TRY400
                    return
                self.udp.close()
            else:
                return

    def close(self) -> None:
        """Stop reading and free the sockets. Safe to call twice."""
        self.streams.close()
        self.udp.close()

    def reach(self) -> Reach:
        """Return where clients reach them."""
        return Reach(self._config.public_hosts, self.port, self.streams.is_open)

    def pipe_reach(self) -> Reach:
        """Return where other relays reach them."""
        hosts = self._config.pipe_hosts or self._config.public_hosts
        return Reach(hosts, self.port, self.streams.is_open)

    def counters(self) -> dict[str, int]:
        """Return what was counted, by the prefixes ``udp_`` and ``tcp_``."""
        return {**self.udp.counters(), **self.streams.counters()}
