"""The little of Redis' protocol (RESP2) that coturn speaks. Pure."""

MOST_WORDS = 16
MOST_BYTES = 16_384
"""Of one command: coturn's longest, a statistics message, has a few hundred."""

OK = b"+OK\r\n"
NOTHING = b"$-1\r\n"
NO_AUTH = b"-NOAUTH Authentication required.\r\n"
WRONG_PASSWORD = b"-WRONGPASS invalid password\r\n"
AWAY = b"-LOADING Redis is away\r\n"


class ProtocolError(Exception):
    """What came is no command."""


def number(value: int) -> bytes:
    """Return an integer reply."""
    return b":%d\r\n" % value


def refusal(command: str) -> bytes:
    """Return the error for a command that is not served."""
    return b"-ERR unknown command '%s'\r\n" % command.encode("ascii", "replace")[:32]


def array(items: list[bytes]) -> bytes:
    """Return an array of bulk strings."""
    return b"*%d\r\n" % len(items) + b"".join(b"$%d\r\n%s\r\n" % (len(i), i) for i in items)


class CommandReader:
    """Commands out of a byte stream: ``feed`` takes bytes, and returns those that are whole."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[list[bytes]]:
        """Return the commands that ``data`` completes. Raises ProtocolError."""
        self._buffer += data
        commands: list[list[bytes]] = []
        while (end := self._one(commands)) is not None:
            del self._buffer[:end]
        if len(self._buffer) > MOST_BYTES:
            raise ProtocolError("a command is too long")
        return commands

    def _one(self, commands: list[list[bytes]]) -> int | None:
        count, at = self._figure(0, b"*", MOST_WORDS)
        if at is None:
            return None
        words: list[bytes] = []
        for _ in range(count):
            length, at = self._figure(at, b"$", MOST_BYTES)
            if at is None or len(self._buffer) < at + length + 2:
                return None
            words.append(bytes(self._buffer[at : at + length]))
            at += length + 2
        commands.append(words)
        return at

    def _figure(self, at: int, kind: bytes, most: int) -> tuple[int, int | None]:
        """Return the figure of the line at ``at`` and where it ends; None while it is not whole."""
        if len(self._buffer) <= at:
            return 0, None
        if self._buffer[at : at + 1] != kind:
            raise ProtocolError("not a command")
        end = self._buffer.find(b"\r\n", at)
        if end < 0:
            return 0, None
        digits = bytes(self._buffer[at + 1 : end])
        if not digits.isdigit() or int(digits) > most:
            raise ProtocolError("not a length")
        return int(digits), end + 2
