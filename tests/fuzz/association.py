"""What may follow a DTLS handshake: from strangers, and sealed with the peer's own keys."""

from app.relay.quiet import SUITES, QuietAssociation, Secrets
from app.relay.records import records
from tests.fuzz.engine import Target
from tests.fuzz.packets import framed, unframed

EPOCH = b"\0\1"
HANDSHAKE, ALERT = 22, 21
FINISHED = b"\x14" + bytes(23)
CHANGE_CIPHER_SPEC = b"\x14\xfe\xfd" + bytes(8) + b"\0\x01\x01"


def association(suite: str) -> QuietAssociation:
    """Return one whose keys are known, as it is after its handshake."""
    secrets = Secrets(suite, bytes(48), bytes(range(32)), bytes(range(32, 64)))
    blank = b"\x16\xfe\xfd" + EPOCH + bytes(6) + b"\0\x20" + bytes(32)
    seal = QuietAssociation(secrets, blank)._outgoing.seal
    finished = seal(HANDSHAKE, EPOCH + bytes(6), bytes(8), FINISHED)
    return QuietAssociation(secrets, CHANGE_CIPHER_SPEC + finished)


def run_association(data: bytes) -> None:
    """What is not the peer's says nothing, a copy neither, and no number of ours is used twice."""
    for suite in SUITES:
        quiet, packets = association(suite), unframed(data)
        sent: list[bytes] = []
        for packet in packets:
            if quiet.receive(packet) != "nothing":
                raise ValueError("a stranger was heard")
        for number, packet in enumerate(packets):
            kind = packet[0] if packet else HANDSHAKE
            place = EPOCH + number.to_bytes(6)
            record = quiet._incoming.seal(kind, place, number.to_bytes(8), packet[1:])
            said = quiet.receive(record)
            if said == "again":
                sent += records(quiet.again()) or []
            elif said == "closed" and (kind, len(packet)) != (ALERT, 3):
                raise ValueError("closed by what is no alert")
            if quiet.receive(record) != "nothing":
                raise ValueError("a copy was heard")
        sent += records(quiet.goodbye()) or []
        if len({record[3:11] for record in sent}) != len(sent):
            raise ValueError("a number was used twice")


def association_seeds() -> list[bytes]:
    handshake, alert = bytes((HANDSHAKE,)), bytes((ALERT,))
    return [
        framed(handshake + FINISHED, handshake + FINISHED, alert + b"\1\0"),
        framed(alert + b"\2\x28", alert + b"\1\x64", alert, b"", b"\x17data"),
        framed(CHANGE_CIPHER_SPEC, b"\x15\xfe\xfd" + EPOCH + bytes(7) + b"\x1a" + bytes(26)),
    ]


TARGET = Target("association", run_association, association_seeds)
