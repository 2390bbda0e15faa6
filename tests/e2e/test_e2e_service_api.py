"""The server API of a real server: the operator makes a service, it makes a room and lets people
in, who offer real media from a browser's page."""

import contextlib
import time
from typing import Any

import httpx
import jwt
import pytest
from playwright.async_api import Browser

from tests.e2e.chromium import new_page
from tests.e2e.stack import Stack

PAGE = """async ([url, ticket, code, space, event]) => {
  const socket = (name, auth) => new Promise((done, fail) => {
    const made = io(url + name, { auth, transports: ['websocket'], forceNew: name === space })
    made.on('connect', () => done(made))
    made.on('connect_error', (error) => fail(new Error(JSON.stringify(error.data))))
  })
  const entrance = await socket(space, { ticket })
  const peer = new RTCPeerConnection()
  if (space === '/create-room') {
    const context = new AudioContext()
    const out = context.createMediaStreamDestination()
    const tone = context.createOscillator()
    tone.connect(out)
    tone.start()
    peer.addTrack(out.stream.getAudioTracks()[0], out.stream)
  } else {
    peer.addTransceiver('audio', { direction: 'recvonly' })
  }
  const seat = new Promise((done) => entrance.once('seat', done))
  const answer = new Promise((done) => entrance.once('serverAnswer', done))
  const connected = new Promise((done) => {
    peer.onconnectionstatechange = () => { if (peer.connectionState === 'connected') done() }
  })
  const offer = await peer.createOffer()
  const said = await entrance.emitWithAck(event, { roomId: code, SDP: offer })
  if (!said.ok) throw new Error(JSON.stringify(said.error))
  await peer.setLocalDescription(offer)
  await peer.setRemoteDescription((await answer).SDP)
  await connected
  window.kept = { entrance, peer }
  window.gone = new Promise((done) => entrance.once('removed', done))
  return await seat
}"""
PACKETS = """async () => {
  const stats = [...(await window.kept.peer.getStats()).values()]
  const inbound = stats.filter((one) => one.type === 'inbound-rtp')
  return inbound.reduce((all, one) => all + one.packetsReceived, 0)
}"""


def service_of(stack: Stack) -> tuple[httpx.Client, str]:
    operator = {"Authorization": f"Bearer {stack.service_token}"}
    made = httpx.post(f"{stack.url}/v1/services", json={"name": "Campus"}, headers=operator).json()
    claims = {"iss": made["id"], "exp": int(time.time()) + 600}
    token = jwt.encode(claims, made["key"], algorithm="HS256")
    headers = {"Authorization": f"Bearer {token}"}
    client = httpx.Client(base_url=stack.url, headers=headers)
    room = client.post("/v1/rooms", json={"name": "Physics"}).json()["id"]
    return client, room


@pytest.mark.timeout(180)
async def test_a_service_lets_people_in_and_takes_their_media_away(
    browser: Browser, stack: Stack
) -> None:
    # O1, O27, L10
    client, room = service_of(stack)
    with contextlib.closing(client):
        await lecture(browser, stack, client, room)


async def lecture(browser: Browser, stack: Stack, client: httpx.Client, room: str) -> None:
    async def enter(user: str, role: str, space: str, event: str) -> tuple[Any, dict[str, Any]]:
        body = {"user": user, "role": role}
        ticket = client.post(f"/v1/rooms/{room}/tokens", json=body).text
        code = client.get(f"/v1/rooms/{room}").json()["code"]
        page = await new_page(browser, bypass_csp=True)
        await page.goto(f"{stack.url}/health")
        await page.add_script_tag(path="web/node_modules/socket.io-client/dist/socket.io.min.js")
        return page, await page.evaluate(PAGE, [stack.url, ticket, code, space, event])

    _, ada = await enter("Ada", "presenter", "/create-room", "presenterOffer")
    page, bob = await enter("Bob", "viewer", "/enter-room", "studentOffer")
    assert (ada["role"], bob["user"]) == ("presenter", "Bob")

    async def flows() -> bool:
        before = await page.evaluate(PACKETS)
        await page.wait_for_timeout(700)
        return bool(await page.evaluate(PACKETS) - before > 5)

    for _ in range(20):
        if await flows():
            break
    assert await flows()
    path = f"/v1/rooms/{room}/participants/{bob['id']}"
    change = {"op": "replace", "path": "/permission/subscribe/audio", "value": False}
    assert client.patch(path, json=[change]).status_code == 200
    await page.wait_for_timeout(300)
    assert not await flows(), "live media stops"
    assert client.patch(path, json=[{**change, "value": True}]).status_code == 200
    for _ in range(10):
        if await flows():
            break
    assert await flows(), "and flows again without an offer"
    names = [one["name"] for one in client.get(f"/v1/rooms/{room}/users").json()]
    assert names == ["Ada", "Bob"]
    assert client.delete(f"/v1/rooms/{room}/users/Bob?ban=true").status_code == 200
    removed = await page.evaluate("async () => await window.gone")
    assert removed["banned"] is True
    assert not await flows()
