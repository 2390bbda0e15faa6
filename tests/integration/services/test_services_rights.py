"""What roles permit in a live room, changed while it lives; streams, texts, limits, notices."""

import asyncio
import json
from typing import Any

from app.cluster.node import NodeInfo
from app.cluster.registry import Registry
from app.core.ids import ConnectionId, NodeId, relay_in
from app.relay.messages import MuteTrack, OpenPeer, Permit
from app.rooms.roster import Entrant, Seat
from app.store import keys
from tests.integration.services.conftest import OFFER, Client, Site

SPEAK = {"type": "offer", "sdp": OFFER["sdp"]}


async def ask(client: Client, event: str, **fields: Any) -> dict[str, Any]:
    code = client.all("seat")[0]["roomId"]
    return dict(await client.ask("/lecture", event, {"roomId": code, **fields}))


def opened(site: Site, role: str) -> OpenPeer:
    return [command for command in site.relay.opened if command.role == role][-1]


async def test_the_relay_is_told_what_a_role_permits(site: Site) -> None:
    # L12
    room = (await site.room())["id"]
    await site.enter(room, "Ada", "audio_only_presenter")
    command = opened(site, "presenter")
    assert (command.publish, command.hear) == (["microphone"], None)
    await site.enter(room, "Bob", "video_only_viewer")
    assert opened(site, "participant").hear == ["video"]
    client = site.client()
    await client.join("/create-room", "", ticket=await site.ticket(room, "Eve", "viewer"))
    offer = {"roomId": await site.code(room), "SDP": OFFER}
    answer = await client.ask("/create-room", "presenterOffer", offer)
    assert answer["error"]["code"] == "forbidden"


async def test_what_a_role_does_not_hold_is_refused(site: Site) -> None:
    # L12, L38
    room = (await site.room(roles=[
        {"role": "presenter", "publish": True, "subscribe": True},
        {"role": "viewer", "subscribe": True},
        {"role": "talker", "subscribe": True, "publish": {"audio": True, "video": False}},
    ]))["id"]  # fmt: skip
    presenter = await site.enter(room, "Ada", "presenter")
    viewer = await site.enter(room, "Bob", "viewer")
    talker = await site.enter(room, "Cem", "talker", process=site.two)
    for event, fields in (("ask", {"content": "why?"}), ("hand", {}), ("text", {"message": "hi"}),
                          ("speak", {"SDP": SPEAK}), ("people", {}),
                          ("remove", {"member": "x"})):  # fmt: skip
        assert (await ask(viewer, event, **fields))["error"]["code"] == "forbidden", event
    assert (await ask(presenter, "stats"))["error"]["code"] == "forbidden"
    assert (await ask(presenter, "remove", member="x"))["error"]["code"] == "forbidden"
    refused = await ask(talker, "speak", SDP=SPEAK, sources={"0": "camera"})
    assert refused["error"]["code"] == "forbidden"
    spoken = await ask(talker, "speak", SDP=SPEAK, sources={"0": "microphone"})
    assert spoken["ok"], spoken
    assert opened(site, "speaker").publish == ["microphone"]


async def test_taking_a_right_back_stops_live_media_and_holds_after_a_return(site: Site) -> None:
    # O27
    room = (await site.room())["id"]
    await site.enter(room, "Ada", "presenter")
    client = await site.enter(room, "Bob", process=site.two)
    seat, peer = client.all("seat")[0], opened(site, "participant").peer
    path = f"/v1/rooms/{room}/participants/{seat['id']}"
    change = {"op": "replace", "path": "/permission/subscribe/video", "value": False}
    data = {"op": "replace", "path": "/permission/publish", "value": False}
    changed = await site.call("PATCH", path, [change, data])
    assert changed.status_code == 200, changed.text
    assert changed.json()["permission"]["subscribe"] == {
        "audio": True,
        "video": False,
        "data": True,
    }
    assert site.relay.controls[-1] == Permit(
        room=seat["roomId"], peer=peer, publish=[], hear=["audio"]
    )
    told = await client.event("permission")
    assert told["permission"]["subscribe"]["video"] is False
    assert (await ask(client, "ask", content="why?"))["error"]["code"] == "forbidden"
    await client.drop()
    again = site.client()
    await again.join("/enter-room", seat["accessToken"])
    offer = {"roomId": seat["roomId"], "SDP": OFFER}
    assert (await again.ask("/enter-room", "studentOffer", offer))["ok"]
    assert site.relay.controls[-1].hear == ["audio"], "a new peer is bounded, too"
    back = await site.call("PATCH", path, [{**change, "value": True}])
    assert back.json()["permission"]["subscribe"]["video"] is True
    for wrong in ([], [{**change, "op": "add"}], [{**change, "path": "/permission/record"}],
                  [{**change, "value": 3}]):  # fmt: skip
        assert (await site.call("PATCH", path, wrong)).status_code == 400
    missing = f"/v1/rooms/{room}/participants/nobody"
    assert (await site.call("PATCH", missing, [change])).status_code == 404


async def test_streams_are_listed_and_muted_for_everybody(site: Site) -> None:
    # O25, O28
    room = (await site.room())["id"]
    path = f"/v1/rooms/{room}/streams"
    assert (await site.call("GET", path)).json() == []
    presenter = await site.enter(room, "Ada", "presenter")
    assert (await ask(presenter, "sources", microphone=True, camera=True, screen=True))["ok"]
    listed = (await site.call("GET", path)).json()
    assert [one["id"] for one in listed] == ["presenter", "presenter.screen"]
    mute = [{"op": "replace", "path": "/media/video/status", "value": "inactive"}]
    changed = await site.call("PATCH", f"{path}/presenter", mute)
    assert changed.json()["media"]["video"]["status"] == "inactive", changed.text
    assert changed.json()["media"]["audio"]["status"] == "active"
    assert site.relay.controls[-1] == MuteTrack(
        room=presenter.all("seat")[0]["roomId"], peer=None, source="camera", by="presenter", on=True
    )
    assert (await presenter.event("tracks"))["presenterMuted"] == {"camera": ["presenter"]}
    layout = [{"op": "replace", "path": "/info/layout", "value": []}]
    assert (await site.call("PATCH", f"{path}/presenter", layout)).status_code == 501
    assert (await site.call("GET", f"{path}/nobody")).json()["error"]["code"] == 1004
    assert (await site.call("DELETE", f"{path}/presenter.screen")).status_code == 200
    stopped = (await site.call("GET", f"{path}/presenter.screen")).json()
    assert stopped["media"]["video"]["status"] == "inactive"


async def test_the_room_takes_no_more_inputs_than_it_says(site: Site) -> None:
    # O24
    roles = [{"role": name, "publish": True, "subscribe": True} for name in ("presenter", "talker")]
    room = (await site.room(inputLimit=2, roles=roles))["id"]
    await site.enter(room, "Ada", "presenter")
    first, second = await site.enter(room, "Bob", "talker"), await site.enter(room, "Cem", "talker")
    assert (await ask(first, "speak", SDP=SPEAK))["ok"]
    refused = await ask(second, "speak", SDP=SPEAK)
    assert refused["error"]["message"] == "Too many inputs"
    assert (await ask(first, "speak"))["ok"], "its turn ends"
    assert (await ask(second, "speak", SDP=SPEAK))["ok"]
    connected = {"connected": [opened(site, "speaker").peer]}  # as its relay would tell
    code = await site.code(room)
    await site.one.rooms.redis.on_room("media_note", code, json.dumps(connected))
    streams = (await site.call("GET", f"/v1/rooms/{room}/streams")).json()
    owner = second.all("seat")[0]["id"]
    assert [one["id"] for one in streams if one["id"] != "presenter"] == [owner]


async def test_texts_reach_all_or_one_and_nobody_who_is_not_there(site: Site) -> None:
    # O33
    room = (await site.room())["id"]
    presenter = await site.enter(room, "Ada", "presenter")
    bob = await site.enter(room, "Bob", process=site.two)
    cem = await site.enter(room, "Cem")
    assert (await ask(bob, "text", message="hello"))["ok"]
    for client in (presenter, bob, cem):
        text = await client.event("text")
        assert (text["message"], text["to"], text["name"]) == ("hello", "all", "Bob")
    to = presenter.all("seat")[0]["id"]
    assert (await ask(bob, "text", message="psst", to=to))["ok"]
    assert (await presenter.event("text", 2))["message"] == "psst"
    assert (await ask(cem, "text", message="last"))["ok"]
    assert (await bob.event("text", 3))["message"] == "last"
    assert (await cem.event("text", 2))["message"] == "last", "nothing of what was for another"
    assert len(cem.all("text")) == 2
    missing = await ask(bob, "text", message="x", to="nobody")
    assert missing["error"]["code"] == "not_found"
    assert missing["error"]["message"] == "Target participant does NOT exist: nobody"
    for message in ("", "x" * 2001):
        assert not (await ask(bob, "text", message=message))["ok"]
    answers = await asyncio.gather(*(ask(cem, "text", message="flood") for _ in range(40)))
    assert "rate_limited" in [one["error"]["code"] for one in answers if not one["ok"]]


async def test_who_comes_and_goes_is_told_where_the_room_wants_it(site: Site) -> None:
    # O33
    quiet, room = (await site.room())["id"], (await site.room(notifying=True))["id"]
    presenter = await site.enter(room, "Ada", "presenter")
    other = await site.enter(quiet, "Eve", "presenter")
    bob = await site.enter(room, "Bob", process=site.two)
    await site.enter(quiet, "Bob")
    joined = await presenter.event("participant")
    assert (joined["action"], joined["data"]["user"]) == ("join", "Bob")
    await bob.drop()
    assert (await presenter.event("participant", 2))["action"] == "leave"
    assert bob.all("participant") == []
    assert other.all("participant") == []


async def test_an_assistants_ticket_makes_an_assistant(site: Site) -> None:
    room = (await site.room())["id"]
    presenter = await site.enter(room, "Ada", "presenter")
    helper = await site.enter(room, "Dee", "assistant", process=site.two)
    assert helper.all("state")[0]["assistant"] is True
    assert [one["name"] for one in (await presenter.event("assistants"))["assistants"]] == ["Dee"]
    viewer = await site.enter(room, "Bob")
    assert (await ask(viewer, "ask", content="why?"))["ok"]
    asked = await helper.event("asked")
    assert (await ask(helper, "solved", questionId=asked["questionId"]))["ok"]


async def test_the_seats_of_a_dead_process_make_room(site: Site) -> None:
    # O24
    room = (await site.room(participantLimit=2))["id"]
    await site.enter(room, "Ada", "presenter")
    code = await site.code(room)
    seat = Seat(NodeId("api-dead"), ConnectionId("c"))
    await site.one.roster.admit(code, Entrant("x/Zed", "Zed", "MEMBER", "viewer"), seat)
    listed = (await site.call("GET", f"/v1/rooms/{room}/users")).json()
    assert [one["name"] for one in listed] == ["Ada", "Zed"]
    assert (await site.enter(room, "Bob")).all("seat")


async def test_who_is_in_is_known_again_when_the_rooms_keys_were_lost(site: Site) -> None:
    room = (await site.room())["id"]
    presenter = await site.enter(room, "Ada", "presenter")
    await site.enter(room, "Bob", process=site.two)
    back = site.client()
    await back.join("/lecture", (await site.enter(room, "Cem")).all("seat")[0]["accessToken"])
    code = presenter.all("seat")[0]["roomId"]
    await site.redis._connections.command("DEL", keys.roster(code))
    assert (await site.call("GET", f"/v1/rooms/{room}/users")).json() == []
    for process in (site.one, site.two):
        await process.socket_side._take_seats(code)
    users = (await site.call("GET", f"/v1/rooms/{room}/users")).json()
    assert {one["name"]: one["connections"] for one in users} == {"Ada": 1, "Bob": 1, "Cem": 2}
    ids = {one["name"]: one["id"] for one in users}
    assert (await ask(presenter, "remove", member=ids["Ada"]))["error"]["code"] == "forbidden"
    assert (await ask(presenter, "remove", member=ids["Cem"]))["ok"]


async def test_a_member_is_placed_where_its_service_says_that_it_is(site: Site) -> None:
    # O1, O12
    room = (await site.room())["id"]
    await site.enter(room, "Ada", "presenter")
    busan = NodeInfo(NodeId("relay-busan"), "relay", "", 0.0, 100.0, regions=("busan",))
    await Registry(site.redis).announce("relay", busan.id, busan)
    body = {"user": "Bob", "role": "viewer", "preference": {"region": "busan"}}
    ticket = (await site.call("POST", f"/v1/rooms/{room}/tokens", body)).text
    client = site.client()
    await client.join("/enter-room", "", ticket=ticket)
    offer = {"roomId": await site.code(room), "SDP": OFFER}
    assert (await client.ask("/enter-room", "studentOffer", offer))["ok"]
    assert site.portals.asked[-1].region == "busan"
    assert relay_in(opened(site, "participant").peer) == busan.id
