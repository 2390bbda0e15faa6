"""One subscriber of one line, as ``burst`` sees it."""

from typing import TYPE_CHECKING

from app.relay.core.media import Address
from app.relay.core.srtp import CmSender, GcmSender

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from pylibsrtp import Session


class Sink:
    """One subscriber of one line: where it is, how to seal for it, where its rollover began."""

    __slots__ = ("address", "bytes", "cipher", "first_index", "packets", "rollover_base", "salt",
                 "sender", "session", "skip_timestamp", "video")  # fmt: skip

    def __init__(self, address: Address, sender: GcmSender | CmSender, video: bool) -> None:
        self.address = address
        self.sender = sender
        self.cipher: AESGCM | None = sender.cipher if isinstance(sender, GcmSender) else None
        self.salt = sender.salt if isinstance(sender, GcmSender) else 0
        self.session: Session | None = sender.session if isinstance(sender, CmSender) else None
        """libsrtp's, where ``cipher`` is None; it counts rollovers by itself."""
        self.video = video
        self.first_index = -1
        self.rollover_base = 0
        """Taken off a line index: a subscriber's rollover counter is 0 at its first packet."""
        self.skip_timestamp = -1
        """Of the frame whose rest is dropped after a partial send, or -1."""
        self.packets = 0
        self.bytes = 0

    def begin(self, index: int) -> None:
        """Make ``index`` the first packet of the line that this subscriber gets.

        Once only: to count rollovers anew under the same key would use nonces twice.
        """
        if self.first_index >= 0:
            raise RuntimeError("a sink begins once")
        self.first_index = index
        self.rollover_base = index & ~0xFFFF
