"""Long-term users in coturn's own database, for a coturn that has no Redis.

One user at a time is handed out to everybody; a new one replaces it by schedule, and the old one
is deleted when the last that were given it have had time to renew (seed rows T1, T2, T4).
"""

import asyncio
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from app.turn.credentials import Credential

TIMEOUT_SECONDS = 15.0
USER_BYTES = 8
PASSWORD_BYTES = 18


class TurnAdminError(Exception):
    """turnadmin could not be run, or did not do what it was told."""


class TurnAdmin:
    """The ``turnadmin`` program over one database and realm. Every method raises TurnAdminError.

    Each call names the database: without it turnadmin works on its default one, and still ends
    with 0. So a success is what the list says, never the exit code.
    """

    def __init__(self, executable: str, database: Path, realm: str) -> None:
        self._executable = executable
        self._database = database.absolute()
        self._realm = realm

    async def add(self, user: str, password: str) -> None:
        """Add a user, or give it another password."""
        await self._run("-a", "-u", user, "-r", self._realm, "-p", password)
        if user not in await self.users():
            raise TurnAdminError("a user that was added is not in the list")

    async def remove(self, user: str) -> None:
        """Delete a user; one that is not there is fine."""
        await self._run("-d", "-u", user, "-r", self._realm)
        if user in await self.users():
            raise TurnAdminError("a user that was deleted is still in the list")

    async def users(self) -> list[str]:
        """Return the users of the realm."""
        listed = await self._run("-l")
        ending = f"[{self._realm}]"
        lines = [line.strip() for line in listed.splitlines()]
        return [line.removesuffix(ending) for line in lines if line.endswith(ending)]

    async def _run(self, *arguments: str) -> str:
        # An argument vector, never a shell: a password may hold anything.
        try:
            process = await asyncio.create_subprocess_exec(
                self._executable,
                *arguments,
                "-b",
                str(self._database),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        except OSError as error:
            raise TurnAdminError(f"turnadmin cannot be run ({error.strerror})") from None
        try:
            said, _ = await asyncio.wait_for(process.communicate(), TIMEOUT_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise TurnAdminError("turnadmin did not end") from None
        if process.returncode:
            raise TurnAdminError(f"turnadmin ended with {process.returncode}")
        return said.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class LongTerm:
    """The users of one server, as they are kept in its file."""

    userid: str
    password: str
    expired_time: int
    """Milliseconds since the epoch at which it stops being handed out."""
    retired: dict[str, int]
    """Older user → ms at which it must be deleted."""


class LongTermUsers:
    """Rotates users. ``turn`` is called every second; the caller owns the calls."""

    def __init__(
        self, admin: TurnAdmin, file: Path, period_seconds: int, overlap_seconds: int
    ) -> None:
        self._admin = admin
        self._file = file
        self._period_ms = period_seconds * 1000
        self._overlap_ms = overlap_seconds * 1000
        self._now: LongTerm | None = None

    def load(self) -> None:
        """Take over what an earlier process left, however that ended."""
        try:
            self._now = LongTerm(**json.loads(self._file.read_text()))
        except (OSError, ValueError, TypeError):
            self._now = None

    @property
    def credential(self) -> Credential | None:
        """What is handed out now."""
        if self._now is None:
            return None
        user = self._now
        return Credential(user.userid, user.password, user.expired_time // 1000)

    async def turn(self, wall: float) -> None:
        """Add and delete what is due at wall-clock seconds ``wall``. Raises TurnAdminError."""
        now_ms = round(wall * 1000)
        current = self._now
        if current is None or not now_ms < current.expired_time <= now_ms + self._period_ms:
            await self._replace(current, now_ms)
        await self._delete(now_ms)

    async def _replace(self, old: LongTerm | None, now_ms: int) -> None:
        user = f"lectern-{secrets.token_hex(USER_BYTES)}"
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        retired = dict(old.retired) if old else {}
        if old is not None:
            retired[old.userid] = now_ms + self._overlap_ms
        await self._admin.add(user, password)
        self._now = LongTerm(user, password, now_ms + self._period_ms, retired)
        self.save()

    async def _delete(self, now_ms: int) -> None:
        if self._now is None:
            return
        retired = self._now.retired
        for user in [user for user, deadline in retired.items() if deadline <= now_ms]:
            await self._admin.remove(user)
            del retired[user]
            self.save()

    def save(self) -> None:
        """Write the file (mode 0600), whole or not at all."""
        if self._now is None:
            return
        draft = self._file.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(self._now), file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._file)
