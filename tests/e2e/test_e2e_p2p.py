"""A service's room whose media goes from browser to browser: the server passes signals alone."""

import contextlib
import re
import time
from typing import Any

import httpx
import jwt
import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.e2e.chromium import EXECUTABLE, FLAGS, eventually, hears_and_sees, new_page
from tests.e2e.stack import ROOT, Stack

SHOWN_ADDRESSES = "--disable-features=WebRtcHideLocalIpsWithMdns"
"""A page without a camera hides its addresses behind names that need multicast; here is none."""

SOCKET_IO = ROOT / "web/node_modules/socket.io-client/dist/socket.io.min.js"

PAGE = """async ([url, ticket, code, space, event]) => {
  const joined = (name, auth) => new Promise((done, fail) => {
    const made = io(url + name, { auth, transports: ['websocket'], forceNew: name === space })
    made.on('connect', () => done(made))
    made.on('connect_error', (error) => fail(new Error(JSON.stringify(error.data))))
  })
  const asked = async (socket, name, fields) => {
    const said = await socket.emitWithAck(name, { roomId: code, ...fields })
    if (!said.ok) throw new Error(JSON.stringify(said.error))
    return said
  }
  const entrance = await joined(space, { ticket })
  const seated = new Promise((done) => entrance.once('seat', done))
  await asked(entrance, event, {})
  const seat = await seated
  const lecture = await joined('/lecture', { accessToken: seat.accessToken })
  const peers = new Map()
  const isPresenter = space === '/create-room'
  const peerOf = (id) => {
    if (peers.has(id)) return peers.get(id)
    const peer = new RTCPeerConnection()
    peers.set(id, peer)
    peer.onicecandidate = ({ candidate }) => {
      void asked(lecture, 'signal', { to: id, message: { candidate } })
    }
    peer.ontrack = ({ streams }) => {
      const shown = document.body.appendChild(document.createElement('video'))
      shown.srcObject = streams[0]
      void shown.play()
    }
    return peer
  }
  const shown = () => {
    const canvas = document.body.appendChild(document.createElement('canvas'))
    const pen = canvas.getContext('2d')
    let n = 0
    setInterval(() => {
      pen.fillStyle = `hsl(${n += 7} 80% 50%)`
      pen.fillRect(0, 0, 300, 150)
    }, 50)
    const stream = canvas.captureStream(20)
    const context = new AudioContext()
    const out = context.createMediaStreamDestination()
    const tone = context.createOscillator()
    tone.connect(out)
    tone.start()
    stream.addTrack(out.stream.getAudioTracks()[0])
    return stream
  }
  const stream = isPresenter ? shown() : null
  let turn = Promise.resolve()
  const heard = async ({ from, message }) => {
    const peer = peerOf(isPresenter ? from : 'presenter')
    const to = isPresenter ? from : 'presenter'
    if (message.wants) {
      for (const track of stream.getTracks()) peer.addTrack(track, stream)
      await peer.setLocalDescription()
      const description = peer.localDescription.toJSON()
      await asked(lecture, 'signal', { to, message: { description } })
    } else if (message.description) {
      await peer.setRemoteDescription(message.description)
      if (message.description.type === 'offer') {
        await peer.setLocalDescription()
        const description = peer.localDescription.toJSON()
        await asked(lecture, 'signal', { to, message: { description } })
      }
    } else if (message.candidate) {
      await peer.addIceCandidate(message.candidate)
    }
  }
  lecture.on('signal', (signal) => { turn = turn.then(() => heard(signal)) })
  if (!isPresenter) await asked(lecture, 'signal', { to: 'presenter', message: { wants: true } })
  return seat.id
}"""

PORTS = """async () => {
  const found = { local: [], remote: [] }
  for (const peer of window.connections) {
    const stats = await peer.getStats()
    for (const pair of [...stats.values()].filter((one) => one.type === 'candidate-pair')) {
      if (!pair.nominated || pair.state !== 'succeeded') continue
      found.local.push(stats.get(pair.localCandidateId).port)
      found.remote.push(stats.get(pair.remoteCandidateId).port)
    }
  }
  return found
}"""


def pair_room(stack: Stack) -> tuple[httpx.Client, str]:
    operator = {"Authorization": f"Bearer {stack.service_token}"}
    made = httpx.post(f"{stack.url}/v1/services", json={"name": "Tutors"}, headers=operator).json()
    claims = {"iss": made["id"], "exp": int(time.time()) + 600}
    token = jwt.encode(claims, made["key"], algorithm="HS256")
    client = httpx.Client(base_url=stack.url, headers={"Authorization": f"Bearer {token}"})
    room = client.post("/v1/rooms", json={"name": "Pair", "options": {"p2p": True}}).json()
    assert room["p2p"] is True
    return client, room["id"]


async def enter(browser: Browser, stack: Stack, entry: dict[str, Any]) -> Page:
    page = await new_page(browser, bypass_csp=True)
    await page.goto(f"{stack.url}/health")
    await page.add_script_tag(path=SOCKET_IO)
    entry["id"] = await page.evaluate(
        PAGE, [stack.url, entry["ticket"], entry["code"], entry["space"], entry["event"]]
    )
    return page


def relayed(client: httpx.Client) -> dict[str, int]:
    """What the relays have of anybody: peers, and packets that ever passed."""
    text = client.get("/metrics").text
    return {
        name: sum(
            int(n)
            for n in re.findall(rf"^lectern_relay_{name}{{[^}}]*}} (\d+)$", text, re.MULTILINE)
        )
        for name in ("peers", "packets_forwarded", "datagrams_received")
    }


@pytest.mark.timeout(120)
async def test_two_browsers_connect_without_any_media_of_the_servers(stack: Stack) -> None:
    # L37
    client, room = pair_room(stack)
    with contextlib.closing(client):
        await pair(stack, client, room)


async def pair(stack: Stack, client: httpx.Client, room: str) -> None:
    doors = {
        "presenter": ("/create-room", "presenterOffer"),
        "viewer": ("/enter-room", "studentOffer"),
    }
    pages = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=EXECUTABLE, args=[*FLAGS, SHOWN_ADDRESSES]
        )
        for role, (space, event) in doors.items():
            body = {"user": f"{role} of two", "role": role}
            ticket = client.post(f"/v1/rooms/{room}/tokens", json=body).text
            code = client.get(f"/v1/rooms/{room}").json()["code"]
            entry = {"ticket": ticket, "code": code, "space": space, "event": event}
            pages.append(await enter(browser, stack, entry))
        await hears_and_sees(pages[1], "the viewer, from the presenter's browser")
        one, other = [await page.evaluate(PORTS) for page in pages]
        assert set(one["local"]) == set(other["remote"])
        assert set(one["remote"]) == set(other["local"]) != set()

        async def counted() -> bool:
            return "lectern_relay_peers" in client.get("/metrics").text

        await eventually("the relay tells its figures", counted)
        assert relayed(client) == {"peers": 0, "packets_forwarded": 0, "datagrams_received": 0}
        await browser.close()
