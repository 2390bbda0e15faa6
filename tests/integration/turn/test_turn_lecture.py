"""A lecture heard from a network that reaches nothing but the TURN servers (and the page)."""

import asyncio
import contextlib
import datetime
import ipaddress
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
import socketio
from aiortc import RTCPeerConnection, RTCSessionDescription
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bench.ports import free_port, free_range
from tests.integration.relay.clients import ToneTrack
from tests.integration.serve.conftest import ROOT, Served, clean_environment
from tests.integration.turn.namespaces import Namespace
from tests.redis_server import RedisServer

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

TONE = 440.0
SECRET = "a secret of this test, long enough to be one"


def make_certificate(folder: Path, host: str) -> dict[str, str]:
    """Make a certificate for an address; return the settings that name it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return {
        "LECTERN_TURN_TLS_CERT": str(folder / "cert.pem"),
        "LECTERN_TURN_TLS_KEY": str(folder / "key.pem"),
    }


def turn_settings(host: str) -> dict[str, str]:
    first_port = free_range(101)
    return {
        "LECTERN_TURN": "on",
        "LECTERN_TURN_HOST": host,
        "LECTERN_TURN_PORT": str(free_port()),
        "LECTERN_TURN_TLS_PORT": str(free_port()),
        "LECTERN_TURN_METRICS_PORT": str(free_port()),
        "LECTERN_TURN_FIRST_PORT": str(first_port),
        "LECTERN_TURN_LAST_PORT": str(first_port + 100),
    }


class Listening:
    """A listener's process, and the newest of what it said."""

    def __init__(self, inside: Namespace, url: str, code: str, transport: str, cert: str) -> None:
        module = "tests.integration.turn.listener"
        self.transport = transport
        self.process = subprocess.Popen(
            inside.command(sys.executable, "-m", module, url, code, transport),
            cwd=ROOT,
            env=clean_environment(SSL_CERT_FILE=cert),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
        )
        self.said: list[str] = []

    def _next(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            pytest.fail("the listener ended:\n" + "\n".join(self.said))
        self.said.append(line.rstrip())
        return json.loads(line) if line.startswith("{") else {}

    async def hears(self, within: float = 40.0) -> dict[str, Any]:
        """Return the next time it hears the tone."""
        try:
            async with asyncio.timeout(within):
                while True:
                    said = await asyncio.to_thread(self._next)
                    if abs(said.get("hears", 0.0) - TONE) < 25:
                        return said
        except TimeoutError:
            self.end()
            pytest.fail(f"{self.transport} heard nothing:\n" + self.told())

    async def moves_from(self, server: str) -> dict[str, Any]:
        """Return the first time it hears the tone through another server."""
        while True:
            said = await self.hears()
            if said["server"] != server:
                return said

    def told(self) -> str:
        return "\n".join(self.said[-40:])

    def end(self) -> None:
        self.process.kill()
        self.process.wait(timeout=10)

    def clean_up(self) -> None:
        self.end()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def inside() -> Iterator[Namespace]:
    with Namespace() as namespace:
        yield namespace


@pytest.fixture
def url_and_turns(
    inside: Namespace, redis_server: RedisServer, tmp_path: Path
) -> Iterator[tuple[str, list[Any]]]:
    """Serve a lecture from hidden relays, with the TURN server of `serve` and one more."""
    settings = {
        "LECTERN_HOST": inside.host,
        "LECTERN_MEDIA_HOST": inside.hidden,
        "LECTERN_MEDIA_BIND": inside.hidden,
        "REDIS_URL": redis_server.url,
        "JWT_SECRET_KEY": SECRET,
        **make_certificate(tmp_path, inside.host),
    }
    served = Served(tmp_path / "data", **settings, **turn_settings(inside.host))
    second = subprocess.Popen(
        [sys.executable, "-m", "app", "turn"],
        cwd=ROOT,
        env=clean_environment(
            **settings,
            **turn_settings(inside.host),
            LECTERN_DATA_DIR=str(tmp_path / "data2"),
        ),
        stderr=subprocess.DEVNULL,
    )
    try:
        served.wait_for("Lectern is ready")
        monitors = [served.child("app turn"), psutil.Process(second.pid)]
        yield f"http://{inside.host}:{served.port}", monitors
        assert served.end() == 0
        second.send_signal(signal.SIGTERM)
        assert second.wait(timeout=10) in {0, -signal.SIGKILL}
        assert not any(p.is_running() for m in monitors for p in children_of(m))
    finally:
        served.clean_up()
        second.kill()
        second.wait(timeout=10)


def children_of(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children()
    except psutil.NoSuchProcess:
        return []


async def turn_servers(http: aiohttp.ClientSession, headers: dict[str, str]) -> int:
    answer = await http.get("/turncredential", headers=headers)
    return len((await answer.json()).get("iceServers", []))


@contextlib.asynccontextmanager
async def lecture(url: str) -> AsyncIterator[str]:
    """Give a lecture with one tone; yield its code."""
    person = {"username": "Ada", "email": "ada@example.org", "password": "secret"}
    async with aiohttp.ClientSession(url) as http:
        await http.post("/auth/signup", json=person)
        token = (await (await http.post("/auth/signin", json=person)).json())["token"]
        headers = {"Authorization": token}
        body = {"title": "Tones", "description": "", "email": person["email"]}
        made = await http.post("/lecture", json=body, headers=headers)
        code = (await made.json())["code"]
        async with asyncio.timeout(15):
            while await turn_servers(http, headers) < 2:
                await asyncio.sleep(0.2)
    sio, answers = socketio.AsyncClient(reconnection=False), asyncio.Queue()
    sio.on("serverAnswer", answers.put, namespace="/create-room")
    auth = {"accessToken": token, "refreshToken": ""}
    await sio.connect(url, auth=auth, namespaces=["/create-room"], wait_timeout=10)
    pc = RTCPeerConnection()
    pc.addTrack(ToneTrack(TONE))
    await pc.setLocalDescription(await pc.createOffer())
    offer = {"roomId": code, "SDP": {"type": "offer", "sdp": pc.localDescription.sdp}}
    await sio.emit("presenterOffer", offer, namespace="/create-room")
    answer = await asyncio.wait_for(answers.get(), 10)
    assert {server["username"].partition(":")[2] for server in answer["iceServers"]} != set()
    await pc.setRemoteDescription(RTCSessionDescription(**answer["SDP"]))
    yield code
    await asyncio.wait_for(pc.close(), 5)
    await sio.disconnect()


async def test_heard_through_turn_alone_and_again_after_it_was_killed(
    inside: Namespace,
    url_and_turns: tuple[str, list[psutil.Process]],
    tmp_path: Path,
) -> None:  # row 35, X20, O31
    url, monitors = url_and_turns
    unreachable = inside.command("ping", "-c1", "-W1", inside.hidden)
    if Path("/bin/ping").exists():
        assert subprocess.run(unreachable, capture_output=True, check=False).returncode != 0
    async with lecture(url) as code:
        listeners = [
            Listening(inside, url, code, transport, str(tmp_path / "cert.pem"))
            for transport in ("udp", "tcp", "tls")
        ]
        try:
            heard = await asyncio.gather(*(listener.hears() for listener in listeners))
            schemes = [said["server"].split(":")[0] for said in heard]
            assert schemes == ["turn", "turn", "turns"]

            first = heard[0]["server"]
            monitor = await monitor_of(first, monitors)
            began = time.monotonic()
            monitor.children()[0].kill()
            second = await listeners[0].moves_from(first)
            assert second["at"] - began <= 10.0, listeners[0].told()

            monitor = await monitor_of(second["server"], monitors)
            began = time.monotonic()
            monitor.kill()  # without a goodbye; its coturn goes with it
            third = await listeners[0].moves_from(second["server"])
            assert third["at"] - began <= 10.0, listeners[0].told()
        finally:
            for listener in listeners:
                listener.clean_up()


async def monitor_of(url: str, monitors: list[psutil.Process]) -> psutil.Process:
    """Return the monitor whose coturn is at ``url``, once every monitor has one."""
    async with asyncio.timeout(20):
        while not all(m.is_running() and m.children() for m in monitors):
            await asyncio.sleep(0.1)
    port = int(url.partition("?")[0].rpartition(":")[2])
    return next(m for m in monitors if port in udp_ports(m.children()[0]))


def udp_ports(process: psutil.Process) -> set[int]:
    return {each.laddr.port for each in process.net_connections("udp")}
