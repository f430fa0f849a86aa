"""The published Python client `mezon-sdk` 1.4.1, unchanged, against the simulator.

Usage: python_client.py READY_LINE, from a directory that may be written to.
Prints one line per check and `N passed, N failed`; exits with 1 if a check failed.
"""

import asyncio
import json
import os
import subprocess
import sys
import traceback
import urllib.error
import urllib.request
from urllib.parse import urlparse

import aiohttp
from mezon import MezonClient
from mezon.models import ApiMessageAttachment, ApiMessageMention
from mezon.protobuf.rtapi import realtime_pb2

BOT, KEY = "1000000000000000001", "sim-mezon-key"
CLAN, GENERAL, BACKSTAGE = "2000000000000000001", "3000000000000000001", "3000000000000000002"
ALICE, BOB = "4000000000000000001", "4000000000000000002"
DM, NEXT_DM = "5000000000000000001", "5000000000000000002"
WAIT = 10

READY = json.loads(sys.argv[1])
PASSED, FAILED = [], []


def control(path, body=None):
    """Calls the control API; returns status and JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(READY["control"] + path, data=data)
    try:
        with urllib.request.urlopen(request, timeout=WAIT) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


async def ask(path, body=None):
    return await asyncio.to_thread(control, path, body)


async def journal(since=0):
    return (await ask(f"/mezon/journal?since={since}"))[1]


async def frames(field, direction="in", since=0):
    """Returns the bodies of websocket frames that carry a field."""
    rows = await journal(since)
    bodies = [row["body"] for row in rows if row["kind"] == "ws" and row["direction"] == direction]
    return [body[field] for body in bodies if field in body]


def check(name, condition, detail=""):
    (PASSED if condition else FAILED).append(name)
    print(("ok      " if condition else "FAILED  ") + name + (f": {detail}" if not condition else ""))


class Events:
    """Collects events, and waits for one that fits."""

    def __init__(self):
        self.seen, self.changed = [], asyncio.Condition()

    async def add(self, event):
        async with self.changed:
            self.seen.append(event)
            self.changed.notify_all()

    async def first(self, fits):
        def find():
            return next((event for event in self.seen if fits(event)), None)

        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(find), WAIT)
            return find()


def make_client(key=KEY):
    url = urlparse(READY["mezon"])
    return MezonClient(
        client_id=BOT, api_key=key, host=url.hostname, port=str(url.port), use_ssl=False
    )


async def a_wrong_key_is_refused():
    try:
        await make_client("wrong").login()
        check("a wrong key is refused", False, "logged in")
    except aiohttp.ClientResponseError as error:
        check("a wrong key is refused", error.status == 401, error)


async def login_and_join(client):
    await asyncio.wait_for(client.login(), WAIT)
    check("the socket is open after login", client.socket_manager.socket.is_open())
    check("all clans are known", {"0", CLAN} == {clan for clan in ("0", CLAN) if client.clans.get(clan)})
    clan = client.clans.get(CLAN)
    check("the clan has its name and welcome channel", (clan.name, clan.welcome_channel_id) == ("Green Room", GENERAL))
    check("the DM channels are known", client.chanel_manager.get_all_dm_channels() == {ALICE: DM})
    joined = {frame.get("clan_id") for frame in await frames("clan_join")}
    check("both clans are joined in the journal", joined == {"0", CLAN}, joined)
    rows = await journal()
    login = next(row for row in rows if row.get("path", "").startswith("/v2/apps/authenticate/token"))
    expected = {"account": {"appid": BOT, "token": KEY}}
    good = [r for r in rows if r.get("body") == expected and r["kind"] == "http" and r["method"] == "POST"]
    check("the journal has the login", bool(good) and "content-type" in login["headers"], login)


async def receive(client, messages):
    text = 'hé "quoted"\n👋 \u202brtl'
    status, answer = await ask("/mezon/say", {"from": "alice", "channel": "general", "text": text})
    check("say is delivered", (status, answer.get("delivered")) == (200, 1), answer)
    event = await messages.first(lambda event: event.message_id == answer["message_id"])
    check("the text survives", json.loads(event.content)["t"] == text, event.content)
    check("the sender has names", (event.sender_id, event.username, event.display_name) == (ALICE, "alice", "Alice"))
    check("the place is right", (event.clan_id, event.channel_id, event.channel_label) == (CLAN, GENERAL, "general"))
    check("mode, visibility, code and times are there",
          (event.mode, event.is_public, event.HasField("code"), event.code.value) == (2, True, True, 0)
          and event.create_time_seconds > 0 and event.create_time.seconds == event.create_time_seconds)
    lists = (event.mentions, event.attachments, event.reactions, event.references)
    check("empty lists are JSON", lists == ("[]",) * 4, lists)
    return event


async def send(client, messages):
    since = (await journal())[-1]["seq"]
    channel = await client.channels.fetch(GENERAL)
    check("the channel has name and type", (channel.name, channel.channel_type, channel.is_private) == ("general", 1, False))
    await asyncio.wait_for(
        channel.send(
            "Hello 👋",
            mentions=[ApiMessageMention(user_id=ALICE, username="alice", s=0, e=5)],
            attachments=[ApiMessageAttachment(filename="a.png", url="https://cdn.invalid/a.png", filetype="image/png",
                                              size=3, width=1, height=2)],
        ),
        WAIT,
    )
    sent = await frames("channel_message_send", since=since)
    expected = {
        "clan_id": CLAN, "channel_id": GENERAL, "content": json.dumps({"t": "Hello 👋"}), "mode": 2, "is_public": True,
        "mentions": [{"user_id": ALICE, "username": "alice", "e": 5}],
        "attachments": [{"filename": "a.png", "size": "3", "url": "https://cdn.invalid/a.png", "filetype": "image/png",
                         "width": 1, "height": 2}],
    }
    check("the journal has the message", sent == [expected], sent)
    own = await messages.first(lambda event: event.sender_id == BOT and "Hello" in event.content)
    check("the own message is an event", json.loads(own.mentions)[0]["user_id"] == ALICE, own.mentions)
    acks = await frames("channel_message_ack", "out", since)
    check("it is acknowledged", acks and acks[0]["message_id"] == own.message_id and acks[0]["code"] == 0, acks)


async def reply(client, messages, question):
    since = (await journal())[-1]["seq"]
    channel = await client.channels.fetch(GENERAL)
    message = channel.messages.get(question.message_id)
    check("the message is in the client's cache", message is not None)
    await asyncio.wait_for(message.reply("pong"), WAIT)
    sent = (await frames("channel_message_send", since=since))[0]
    reference = sent["references"][0]
    check("the reply quotes the message",
          (reference["message_ref_id"], reference["message_sender_id"], reference["message_sender_username"])
          == (question.message_id, ALICE, "Alice"), reference)
    event = await messages.first(lambda event: event.content == '{"t": "pong"}')
    check("the reply is an event with its reference",
          json.loads(event.references)[0]["message_ref_id"] == question.message_id, event.references)
    await asyncio.wait_for(channel.send_ephemeral(ALICE, "psst"), WAIT)
    whispered = (await frames("ephemeral_message_send", since=since))[0]
    check("an ephemeral message has its receiver", whispered["receiver_id"] == ALICE, whispered)
    answers = await frames("channel_message", "out", since)
    check("and is answered with itself", any(a.get("code") == 12 and a["sender_id"] == BOT for a in answers), answers)


async def direct_messages(client, messages):
    channel = await asyncio.wait_for(client.create_dm_channel(BOB), WAIT)
    check("a new DM is made", (channel.channel_id, channel.type, channel.user_ids) == (NEXT_DM, 3, [BOB]), channel)
    again = await asyncio.wait_for(client.create_dm_channel(BOB), WAIT)
    check("and only once", again.channel_id == NEXT_DM, again)
    _, answer = await ask("/mezon/say", {"from": BOB, "channel": NEXT_DM, "text": "direct"})
    event = await messages.first(lambda event: event.message_id == answer["message_id"])
    check("a direct message arrives", (event.clan_id or "0", event.mode, event.is_public) == ("0", 4, False), event)
    direct = await client.channels.fetch(NEXT_DM)
    await asyncio.wait_for(direct.send("answer"), WAIT)
    own = await messages.first(lambda event: event.content == '{"t": "answer"}')
    check("and is answered", own.channel_id == NEXT_DM)


async def events(client):
    seen = Events()

    def listen(name):
        client.on(name, lambda event: asyncio.ensure_future(seen.add((name, event))))

    cases = {
        "channel_deleted_event": {"clan_id": CLAN, "channel_id": "3000000000000000009"},
        "message_reaction_event": {"id": "1", "emoji": ":ok:", "sender_id": int(ALICE), "count": 1},
        "give_coffee_event": {"sender_id": ALICE, "receiver_id": BOT, "token_count": 3},
        "user_clan_removed_event": {"clan_id": CLAN, "user_ids": [BOB]},
        "notifications": {"notifications": [{"code": 1, "content": "{}", "sender_id": ALICE}]},
        "voice_joined_event": {"clan_id": CLAN, "user_id": ALICE, "participant": "alice"},
        "voice_leaved_event": {"clan_id": CLAN, "voice_user_id": ALICE},
        "voice_started_event": {"clan_id": CLAN, "voice_channel_id": "3000000000000000003"},
        "voice_ended_event": {"clan_id": CLAN, "voice_channel_id": "3000000000000000003"},
        "message_typing_event": {"clan_id": CLAN, "channel_id": GENERAL, "sender_id": ALICE},
        "channel_presence_event": {"channel_id": GENERAL},
        "user_channel_removed_event": {"channel_id": BACKSTAGE, "user_ids": [BOB]},
        "clan_updated_event": {"clan_id": CLAN, "clan_name": "Greener Room"},
        "clan_event_created": {"clan_id": CLAN, "title": "premiere"},
        "message_button_clicked": {"channel_id": GENERAL, "button_id": "yes", "user_id": ALICE},
        "role_event": {"status": 1},
        "role_assign_event": {"ClanId": CLAN},
        "token_sent_event": {"sender_id": ALICE, "receiver_id": BOT, "amount": 3},
        "streaming_joined_event": {"clan_id": CLAN},
        "streaming_leaved_event": {"clan_id": CLAN},
        "dropdown_box_selected": {"message_id": "7", "values": ["a"]},
        "webrtc_signaling_fwd": {"receiver_id": BOT},
    }
    for name, data in cases.items():
        listen(name)
        status, answer = await ask("/mezon/emit", {"event": name, "data": data})
        check(f"{name} is emitted", (status, answer.get("delivered")) == (200, 1), answer)
        await seen.first(lambda pair, name=name: pair[0] == name)
        check(f"{name} arrives", True)
    status, answer = await ask("/mezon/emit", {"event": "no_such_event", "data": {}})
    check("an unknown event is refused", status == 400 and "no_such_event" in answer["error"], answer)


async def errors(client):
    socket = client.socket_manager.socket
    try:
        await asyncio.wait_for(socket.write_chat_message(CLAN, "42", 2, True, "x"), WAIT)
        check("an unknown channel is refused", False)
    except Exception as error:
        check("an unknown channel is refused", "code: 3" in str(error), error)
    try:
        await asyncio.wait_for(socket._send_with_cid(realtime_pb2.Envelope()), WAIT)
        check("an empty envelope is refused", False)
    except Exception as error:
        check("an empty envelope is refused", "code: 2" in str(error), error)
    pong = await asyncio.wait_for(socket._send_with_cid(realtime_pb2.Envelope(ping=realtime_pb2.Ping())), WAIT)
    check("a ping is answered", pong.HasField("pong"))
    status, answer = await ask("/mezon/fault", {"kind": "flood"})
    check("an unknown fault is refused with the list", status == 400 and "disconnect" in answer["error"], answer)


async def ends(client):
    await ask("/mezon/fault", {"kind": "disconnect"})
    connection = client.socket_manager.socket.adapter._socket
    await asyncio.wait_for(connection.wait_closed(), WAIT)
    check("a disconnect has no close frame", connection.close_code == 1006, connection.close_code)


async def connects_again():
    """The client has no reconnection of its own: its user logs in again, and is told what comes from then on."""
    client, messages = make_client(), Events()
    client.on_channel_message(messages.add)
    await asyncio.wait_for(client.login(), WAIT)
    _, answer = await ask("/mezon/say", {"from": "bob", "channel": "general", "text": "again"})
    event = await messages.first(lambda event: event.message_id == answer["message_id"])
    check("messages arrive after a new login", json.loads(event.content)["t"] == "again", event)
    channel = await client.channels.fetch(GENERAL)
    await asyncio.wait_for(channel.send("back"), WAIT)
    own = await messages.first(lambda event: event.content == '{"t": "back"}')
    check("and are answered", own.sender_id == BOT)
    await client.message_db.close()


def import_database():
    """Takes over the client's own database, if the program was built with that."""
    program = os.environ.get("GREENROOM")
    if not program:
        return
    command = [program, "cache", "--path", "imported", "import", "--json", "--from-sqlite", "mezon-cache/mezon-messages-cache.db"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if "sqlite-import" in done.stderr:
        print("left out: the program was built without the import of databases")
        return
    tally = json.loads(done.stdout or "{}")
    check("the client's database is taken over", tally.get("imported", 0) > 4 and tally.get("skipped") == 0, done)
    command = [program, "cache", "--path", "imported", "show", "--json", "--channel", GENERAL, "--limit", "100"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    check("with its texts", any(json.loads(line)["text"] == "pong" for line in shown.splitlines()), shown)


async def main():
    client, messages = make_client(), Events()
    client.on_channel_message(messages.add)
    await a_wrong_key_is_refused()
    await login_and_join(client)
    question = await receive(client, messages)
    await send(client, messages)
    await reply(client, messages, question)
    await direct_messages(client, messages)
    await events(client)
    await errors(client)
    await ends(client)
    await client.message_db.close()
    await connects_again()
    import_database()


try:
    asyncio.run(asyncio.wait_for(main(), 120))
except BaseException:
    traceback.print_exc()
    FAILED.append("the program itself")
print(f"{len(PASSED)} passed, {len(FAILED)} failed")
sys.stdout.flush()
sys.exit(1 if FAILED else 0)
