"""A real browser on both ends: its offers are answered, its media goes through."""

import re
import shutil
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from app.core.ids import new_peer_id
from app.relay.messages import OpenPeer
from tests.integration.relay.clients import NODE, ROOM, Rig, until

CHROMIUM = shutil.which("chromium")

PAGE = """
window.pcs = {};
window.join = async (name, role, prepare) => {
  const pc = new RTCPeerConnection();
  window.pcs[name] = pc;
  pc.ontrack = (event) => {
    const element = document.createElement(event.track.kind);
    element.autoplay = true;
    element.srcObject = new MediaStream([event.track]);
    document.body.append(element);
    window[name + event.track.kind] = element;
  };
  await prepare(pc);
  const offer = await pc.createOffer();
  const answer = await window.openPeer(name, role, offer.sdp);
  await pc.setLocalDescription(offer);
  await pc.setRemoteDescription({type: "answer", sdp: answer});
};
window.present = (name, hertz, rids = [], width = 320) =>
window.join(name, "presenter", async (pc) => {
  const context = new AudioContext();
  const tone = context.createOscillator();
  tone.frequency.value = hertz;
  const sink = context.createMediaStreamDestination();
  tone.connect(sink);
  tone.start();
  const canvas = document.createElement("canvas");
  canvas.width = width; canvas.height = width * 3 / 4;
  const brush = canvas.getContext("2d");
  let turn = 0;
  setInterval(() => {
    brush.fillStyle = `hsl(${turn++ % 360} 80% 50%)`;
    brush.fillRect(0, 0, canvas.width, canvas.height);
  }, 50);
  pc.addTrack(sink.stream.getAudioTracks()[0], sink.stream);
  const picture = canvas.captureStream(20).getVideoTracks()[0];
  if (rids.length === 0) pc.addTrack(picture, sink.stream);
  else pc.addTransceiver(picture, {
    direction: "sendonly", streams: [sink.stream],
    sendEncodings: rids.map((rid, n) => ({rid, scaleResolutionDownBy: 2 ** (rids.length - 1 - n)})),
  });
});
window.listen = (name) => window.join(name, "participant", async (pc) => {
  if (name === "late") pc.createDataChannel("not served");
  pc.addTransceiver("audio", {direction: "recvonly"});
  pc.addTransceiver("video", {direction: "recvonly"});
});
window.restart = async (name) => {
  const pc = window.pcs[name];
  const offer = await pc.createOffer({iceRestart: true});
  await pc.setLocalDescription(offer);
  const answer = await window.openPeer(name, "participant", offer.sdp);
  await pc.setRemoteDescription({type: "answer", sdp: answer});
};
window.report = async (name) => {
  const pc = window.pcs[name];
  const out = {state: pc.connectionState, ice: pc.iceConnectionState};
  (await pc.getStats()).forEach((row) => {
    if (row.type === "inbound-rtp" && row.kind === "audio")
      Object.assign(out, {energy: row.totalAudioEnergy, heard: row.packetsReceived});
    if (row.type === "inbound-rtp" && row.kind === "video")
      Object.assign(out, {frames: row.framesDecoded, freezes: row.freezeCount});
    if (row.type === "inbound-rtp" && row.kind === "video")
      Object.assign(out, {width: row.frameWidth, rtx: row.retransmittedPacketsReceived});
    if (row.type === "outbound-rtp" && row.kind === "video")
      out["sent" + (row.rid ?? "")] = row.packetsSent;
    if (row.type === "transport") out.cipher = row.srtpCipher;
    if (row.type === "candidate-pair" && row.nominated) out.pair = row.remoteCandidateId;
    if (row.type === "remote-candidate") out[row.id] = row.protocol;
  });
  return out;
};
"""


@pytest.fixture
async def page(rig: Rig, request: pytest.FixtureRequest) -> AsyncIterator[Page]:
    if CHROMIUM is None:
        pytest.fail("no chromium on PATH: `make test` installs it")
    peers: dict[str, Any] = {}
    hidden: str = getattr(request, "param", "no candidate")
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))

    async def open_peer(name: str, role: str, sdp: str) -> str:
        peer = peers.setdefault(name, new_peer_id())
        command = OpenPeer(room=ROOM, peer=peer, role=role, sdp=sdp)
        answer = (await rig.client.open(NODE, command)).sdp
        if hidden == "silent":  # where UDP goes in, and nothing comes back
            return re.sub(r"( udp \d+ \S+) \d+", rf"\1 {silent.getsockname()[1]}", answer)
        return "".join(line for line in answer.splitlines(True) if hidden not in line)

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        page = await browser.new_page()
        await page.expose_function("openPeer", open_peer)
        await page.add_script_tag(content=PAGE)
        yield page
        await browser.close()
    silent.close()


async def reaches(page: Page, name: str, **least: float) -> dict[str, Any]:
    """Wait until a participant's figures are at least these; return its report."""
    report: dict[str, Any] = {}
    for _ in range(100):
        report = await page.evaluate("name => report(name)", name)
        if all((report.get(key) or 0) >= value for key, value in least.items()):
            return report
        await page.wait_for_timeout(100)
    pytest.fail(f"{name} never reached {least}: {report}")


async def test_chromium_hears_sees_and_restarts(rig: Rig, page: Page) -> None:  # X11, M8
    await page.evaluate("listen('early')")
    await page.evaluate("present('presenter', 440)")
    await page.evaluate("listen('late')")
    for name in ("early", "late"):
        report = await reaches(page, name, energy=0.05, frames=20)
        assert report["state"] == "connected"
        assert report["cipher"] == "SRTP_AEAD_AES_128_GCM"
    # a reloaded presenter goes on in the same sections
    before = await page.evaluate("report('early')")
    await page.evaluate("present('again', 660)")
    await until(lambda: rig.service.stats()["peers"] == 3)
    await reaches(page, "early", heard=before["heard"] + 50, frames=before["frames"] + 20)
    # ICE restart
    before = await page.evaluate("report('early')")
    await page.evaluate("restart('early')")
    report = await reaches(page, "early", heard=before["heard"] + 50, frames=before["frames"] + 20)
    assert report["ice"] in {"connected", "completed"}
    # a closed connection says so by DTLS, and is gone at once
    await page.evaluate("Object.values(pcs).forEach((pc) => pc.close())")
    await until(lambda: rig.service.stats()["peers"] == 0)
    assert rig.service.stats()["errors"] == 0


@pytest.mark.parametrize("page", [" 1 udp ", "silent"], indirect=True)
async def test_chromium_without_udp_comes_by_tcp(rig: Rig, page: Page) -> None:  # M8
    await page.evaluate("listen('participant')")
    await page.evaluate("present('presenter', 440)")
    report = await reaches(page, "participant", energy=0.05, frames=20)
    assert report[report["pair"]] == "tcp"
    assert rig.service.stats()["tcp_connections"] >= 2
    assert rig.service.stats()["udp_datagrams_read"] == 0


async def test_chromium_with_both_stays_on_udp(rig: Rig, page: Page) -> None:
    await page.evaluate("listen('participant')")
    await page.evaluate("present('presenter', 440)")
    report = await reaches(page, "participant", energy=0.05, frames=60)
    assert report[report["pair"]] == "udp"
    await until(lambda: rig.service.stats()["tcp_connections"] == 0, 10)
    assert rig.service.stats()["peers_moved"] == 0


async def test_chromium_sends_simulcast_and_gets_the_best_layer(rig: Rig, page: Page) -> None:
    """M10"""
    await page.evaluate("listen('participant')")
    await page.evaluate("present('presenter', 440, ['l', 'h'], 640)")
    await reaches(page, "presenter", sentl=20, senth=20)
    report = await reaches(page, "participant", energy=0.05, frames=40, width=640)
    assert report["freezes"] == 0
    described = await rig.client.describe(NODE, ROOM)
    assert sum(track.source == "camera" for track in described.tracks) == 2
    assert rig.service.stats()["errors"] == 0
