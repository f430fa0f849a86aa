"""The published Python client `token-bowl-chat`, unchanged, against the simulator.

Usage: token_bowl_client.py LINE FOLDER READY_LINE. LINE is `plain` (2.1.1) or `centrifugo` (4.0.2), FOLDER has the package.
Prints one line per check and `N passed, N failed`; exits with 1 if a check failed.

Checks that begin with "theirs:" show a defect of the client that the simulator cannot and need not hide.
"""

import asyncio
import importlib.abc
import importlib.machinery
import json
import sys
import traceback
import types
import urllib.error
import urllib.request

LINE, FOLDER, READY = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
sys.path.insert(0, FOLDER)


class StandIn(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Empty modules for the language model libraries of the agent in 2.1.1: 300 MB that no client here calls."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0].startswith(("langchain", "tiktoken")):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        def attribute(name):
            if name.startswith("__"):
                raise AttributeError(name)
            return type(name, (), {})

        module = types.ModuleType(spec.name)
        module.__getattr__ = attribute
        return module

    def exec_module(self, module):
        pass


sys.meta_path.append(StandIn())

import token_bowl_chat as tbc  # noqa: E402

BASE = READY["token_bowl"]
ALICE, BOB, BOT, ADMIN = (f"sim-{name}-key" for name in ("alice", "bob", "greenroom", "admin"))
WAIT = 10
PASSED, FAILED = [], []


def check(name, condition, detail=""):
    (PASSED if condition else FAILED).append(name)
    print(("ok      " if condition else "FAILED  ") + name + (f": {detail}" if not condition else ""))


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


async def journal():
    return (await ask("/token_bowl/journal"))[1]


async def until(what, holds):
    """Waits until a condition holds; a failed check if it does not."""
    for _ in range(WAIT * 50):
        found = holds()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        await asyncio.sleep(0.02)
    check(what, False, "did not happen")
    return None


def raises(kind, call):
    try:
        call()
    except kind:
        return True
    except Exception as error:  # noqa: BLE001 shown by the check
        return f"{type(error).__name__}: {error}"
    return "nothing raised"


def sync_client(key):
    return tbc.TokenBowlClient(api_key=key, base_url=BASE)


def rest_sync():
    """The REST client that blocks: one call per method."""
    with sync_client("") as nobody:
        nobody.api_key = None
        check("health", nobody.health_check() == {"status": "healthy"})
        check("logos", len(nobody.get_available_logos()) == 9)
        user = nobody.register("dora", webhook_url=None)
        check("register", (user.username, user.role.value, len(user.api_key)) == ("dora", "member", 64), user)
        again = raises(tbc.ConflictError, lambda: nobody.register("dora"))
        check("a name that is taken", again is True, again)
        sent = nobody.send_magic_link("max@example.invalid")
        check("magic link", sent.email == "max@example.invalid")
        login = nobody.authenticate_magic_link("sim-magic-token")
        check("magic login", login.username == "max" and len(login.api_key) == 64, login)
        wrong = raises(tbc.AuthenticationError, lambda: nobody.authenticate_magic_link("x"))
        check("a wrong magic token", wrong is True, wrong)
    with sync_client("wrong") as stranger:
        wrong = raises(tbc.AuthenticationError, stranger.get_my_profile)
        check("a wrong key", wrong is True, wrong)
    with sync_client(user.api_key) as dora, sync_client(ALICE) as alice, sync_client(ADMIN) as admin:
        first = dora.send_message(" hé \n🦊")
        check("room message", (first.content, first.message_type.value) == (" hé \n🦊", "room"), first)
        direct = dora.send_message("psst", to_username="alice")
        check("direct message", (direct.message_type.value, direct.to_username) == ("direct", "alice"), direct)
        missing = raises(tbc.NotFoundError, lambda: dora.send_message("x", to_username="nobody"))
        check("an unknown user", missing is True, missing)
        second = dora.send_message("second")
        page = alice.get_messages(limit=1)
        check("history", [m.id for m in page.messages] == [second.id] and page.pagination.has_more, page)
        page = alice.get_messages(since=first.timestamp)
        check("history since", [m.id for m in page.messages] == [second.id], page)
        check("direct history", alice.get_direct_messages().messages[0].id == direct.id)
        count = alice.get_unread_count()
        check("unread count", (count.unread_room_messages, count.unread_direct_messages) == (2, 1), count)
        check("unread room", [m.id for m in alice.get_unread_messages()] == [first.id, second.id])
        check("unread direct", [m.id for m in alice.get_unread_direct_messages()] == [direct.id])
        alice.mark_message_read(first.id)
        check("mark read", alice.get_unread_count().total_unread == 2)
        check("mark all read", alice.mark_all_messages_read() == {"marked_as_read": 2})
        names = [user.username for user in alice.get_users()]
        check("users", names == ["greenroom", "alice", "bob", "admin", "dora", "max"], names)
        check("nobody is online", alice.get_online_users() == [])
        check("logo", dora.update_my_logo("grok.png")["logo"] == "grok.png" and dora.update_my_logo()["logo"] == "")
        check("webhook", dora.update_my_webhook("http://127.0.0.1:9")["webhook_url"] == "http://127.0.0.1:9/")
        check("no webhook", dora.update_my_webhook(None)["webhook_url"] == "")
        check("username", dora.update_my_username("dory").username == "dory")
        check("user profile", alice.get_user_profile(user.id).username == "dory")
        old = dora.api_key
        dora.api_key = dora.regenerate_api_key()["api_key"]
        check("new key", dora.get_my_profile().username == "dory" and dora.api_key != old)
        bot = dora.create_bot("robot", emoji="🐙")
        check("bot", (bot.created_by, bot.emoji) == ("dory", "🐙"), bot)
        check("my bots", [b.id for b in dora.get_my_bots()] == [bot.id])
        check("bot update", dora.update_bot(bot.id, emoji="🤖").emoji == "🤖")
        check("bot key", len(dora.regenerate_bot_api_key(bot.id)["api_key"]) == 64)
        dora.delete_bot(bot.id)
        check("bot deleted", dora.get_my_bots() == [])
        check("admin users", len(admin.admin_get_all_users()) == 6)
        changes = tbc.AdminUpdateUserRequest(emoji="🐟")
        check("admin update", admin.admin_update_user(user.id, changes).emoji == "🐟")
        check("admin role", admin.admin_assign_role(user.id, "viewer").role.value == "viewer")
        check("admin user", admin.admin_get_user(user.id).viewer is True)
        invited = admin.admin_invite_user("kim@example.invalid", "http://example.invalid/signup", "member")
        check("admin invite", invited.email == "kim@example.invalid", invited)
        check("admin message", admin.admin_update_message(second.id, "changed").content == "changed")
        admin.admin_delete_message(second.id)
        gone = raises(tbc.NotFoundError, lambda: admin.admin_get_message(second.id))
        check("admin deletes a message", gone is True, gone)
        admin.admin_delete_user(user.id)
        gone = raises(tbc.AuthenticationError, dora.get_my_profile)
        check("admin deletes a user", gone is True, gone)
        broken = raises(TypeError, lambda: alice.create_conversation(title="t"))
        check("theirs: conversations of the blocking client", broken is True, broken)
        for status, kind in [(429, tbc.RateLimitError), (500, tbc.ServerError), (503, tbc.ServerError)]:
            control("/token_bowl/fault", {"kind": "http", "status": status})
            found = raises(kind, alice.get_my_profile)
            check(f"injected {status}", found is True, found)


async def rest_async():
    """The REST client that awaits."""
    async with tbc.AsyncTokenBowlClient(api_key=BOB, base_url=BASE) as bob:
        message = await bob.send_message("async")
        page = await bob.get_messages(limit=10)
        check("async history", page.messages[0].id == message.id)
        check("async profile", (await bob.get_my_profile()).api_key == BOB)
        try:
            made = await bob.create_conversation(title="t", message_ids=[message.id])
            check("async conversation", made.message_ids == [message.id], made)
            found = await bob.get_conversations()
            check("async conversations", (found.total, found.conversations[0].id) == (1, made.id), found)
            await bob.delete_conversation(made.id)
        except TypeError as error:
            check("theirs: conversations of the awaiting client", "json_data" in str(error), error)


class Heard:
    """What the callbacks of a websocket were told."""

    def __init__(self):
        self.messages, self.receipts, self.counts, self.typing, self.errors = [], [], [], [], []
        self.connects = self.disconnects = 0

    def socket(self, key):
        def connect():
            self.connects += 1

        def disconnect():
            self.disconnects += 1

        return tbc.TokenBowlWebSocket(
            api_key=key,
            base_url=BASE.replace("http://", "ws://") if LINE == "plain" else BASE,
            on_message=self.messages.append,
            on_read_receipt=lambda message, reader: self.receipts.append((message, reader)),
            on_unread_count=self.counts.append,
            on_typing=lambda name, to: self.typing.append((name, to)),
            on_connect=connect,
            on_disconnect=disconnect,
            on_error=lambda error: self.errors.append(str(error)),
        )

    def contents(self):
        return [message.content for message in self.messages]


async def connect(socket):
    await asyncio.wait_for(socket.connect(), WAIT)
    if LINE == "centrifugo":
        await socket.wait_until_connected(WAIT)


async def talk():
    """The main path of the websocket, on either line."""
    alice, bob = Heard(), Heard()
    a, b = alice.socket(ALICE), bob.socket(BOB)
    await connect(a)
    await connect(b)
    check("both are connected", a.is_connected and b.is_connected and (alice.connects, bob.connects) == (1, 1))
    online = await asyncio.to_thread(lambda: sync_client(ALICE).get_online_users())
    check("both are online", [user.username for user in online] == ["alice", "bob"], online)

    await a.send_message("hello room")
    await a.send_message("line one\nline two 🦊 ☃", "bob")
    await until("bob hears both", lambda: len(bob.messages) == 2)
    room, direct = bob.messages
    check("the room message", (room.content, room.from_username, room.message_type.value) == ("hello room", "alice", "room"), room)
    check("its fields", room.from_user_logo == "claude-color.png" and room.timestamp_dt.utcoffset() is not None, room)
    check("the direct message", (direct.content, direct.message_type.value, direct.to_username)
          == ("line one\nline two 🦊 ☃", "direct", "bob"), direct)
    own = [] if LINE == "plain" else ["hello room"]
    check("what comes back to the sender", alice.contents() == own, alice.contents())

    await b.send_typing_indicator()
    await b.send_typing_indicator("alice")
    await until("typing", lambda: len(alice.typing) >= 2)
    check("typing in the room and in private", alice.typing == [("bob", None), ("bob", "alice")], alice.typing)
    await b.mark_message_read(room.id)
    await b.mark_message_read(direct.id)
    await until("receipts", lambda: len(alice.receipts) >= 2)
    check("one receipt each", alice.receipts == [(room.id, "bob"), (direct.id, "bob")], alice.receipts)
    await a.send_message("unread")
    await until("bob hears it", lambda: len(bob.messages) == 3)
    await b.get_unread_count()
    await until("a count", lambda: bob.counts)
    count = bob.counts[-1]
    check("the counts", (count.unread_room_messages, count.unread_direct_messages, count.total_unread) == (1, 0, 1), count)
    await b.mark_all_messages_read()
    await b.get_unread_count()
    await until("no more", lambda: bob.counts[-1].total_unread == 0)

    long = "🦊" * 10_000
    await a.send_message(long, "bob")
    await until("the longest message", lambda: bob.contents()[-1:] == [long])
    status, said = await ask("/token_bowl/say", {"from": "greenroom", "text": "from the control API"})
    check("say is delivered to both", (status, said["delivered"]) == (200, 2), said)
    await until("bob hears the bot", lambda: bob.contents()[-1] == "from the control API")
    check("a bot with its emoji", (bob.messages[-1].from_user_bot, bob.messages[-1].from_user_emoji) == (True, "🤖"))
    await ask("/token_bowl/emit", {"event": "message", "data": {"content": "notice", "message_type": "system"}})
    await until("bob hears the system", lambda: bob.contents()[-1] == "notice")
    check("a system message", bob.messages[-1].message_type.value == "system")
    await ask("/token_bowl/emit", {"event": "error", "data": {"error": "trouble"}})
    await until("an error", lambda: any("trouble" in error for error in bob.errors))

    pong = {"type": "pong"} if LINE == "plain" else {}

    async def pongs():
        rows = await journal()
        return sum(row["direction"] == "in" and row["kind"] == "ws" and row["body"] == pong for row in rows)

    before = await pongs()
    await ask("/token_bowl/emit", {"event": "ping"})
    for _ in range(WAIT * 50):
        if await pongs() == before + 2:
            break
        await asyncio.sleep(0.02)
    check("both answer a ping", await pongs() == before + 2)

    _, lost = await ask("/token_bowl/fault", {"kind": "disconnect"})
    check("the fault meets both", lost["sockets"] == 2, lost)
    await until("the loss is noticed", lambda: (alice.disconnects, bob.disconnects) == (1, 1))
    check("they say so", not a.is_connected and not b.is_connected)
    for socket in (a, b):
        await socket.disconnect()
    _, said = await ask("/token_bowl/say", {"from": "alice", "text": "missed"})
    await connect(a)
    await connect(b)
    await a.send_message("after the loss")
    await until("they hear each other again", lambda: bob.contents()[-1] == "after the loss")
    page = await asyncio.to_thread(lambda: sync_client(BOB).get_messages(limit=2))
    check("what was missed is in the history", [m.content for m in page.messages] == ["after the loss", "missed"])
    await ask("/token_bowl/fault", {"kind": "garbage"})
    await a.send_message("after garbage")
    await until("garbage ends nothing", lambda: bob.contents()[-1] == "after garbage")
    await a.disconnect()
    await b.disconnect()
    rows = await journal()
    codes = [row["body"]["code"] for row in rows if row["kind"] == "close" and row["direction"] == "in"]
    check("both say goodbye with 1000", codes[-2:] == [1000, 1000], codes)


async def only_plain():
    heard = Heard()
    try:
        await heard.socket("wrong").connect()
        check("a wrong key is refused", False, "connected")
    except tbc.AuthenticationError:
        check("a wrong key is refused", True)
    await ask("/token_bowl/fault", {"kind": "refuse", "status": 403})
    try:
        await heard.socket(BOB).connect()
        check("theirs: 403 is told as an error of the network", False, "connected")
    except tbc.NetworkError as error:
        check("theirs: 403 is told as an error of the network", "403" in str(error), error)
    socket = heard.socket(BOT)
    await connect(socket)
    await socket.send_message("x", "nobody")
    await until("an error text", lambda: heard.errors == ["User nobody not found"])
    await socket.mark_room_messages_read()
    await socket.mark_direct_messages_read("alice")
    rows = await until("their answers", lambda: answers("marked_read"))
    check("two answers without a type", rows and all("type" not in row for row in rows), rows)
    await ask("/token_bowl/fault", {"kind": "disconnect", "code": 1001})
    await asyncio.sleep(0.2)
    check("theirs: a close with 1001 is not noticed", socket.is_connected and heard.disconnects == 0)
    await socket.disconnect()


async def answers(status):
    rows = [row["body"] for row in await journal() if row["kind"] == "ws" and row["direction"] == "out"]
    rows = [row for row in rows if isinstance(row, dict) and row.get("status") == status]
    return rows if len(rows) == 2 else None


async def only_centrifugo():
    heard = Heard()
    try:
        await heard.socket("wrong").connect()
        check("theirs: a wrong key is told as an error of the network", False, "connected")
    except tbc.NetworkError as error:
        check("theirs: a wrong key is told as an error of the network", "401" in str(error), error)
    rows = [row for row in await journal() if row["kind"] == "ws"]
    replies = [row["body"] for row in rows if row["direction"] == "out" and isinstance(row["body"], dict)]
    connected = next(reply["connect"] for reply in replies if "connect" in reply)
    check("the reply subscribes to both channels", set(connected["subs"]) == {"room:main", "user:alice"}, connected)
    codes = {reply["error"]["code"] for reply in replies if "error" in reply and reply["id"] != 0}
    check("its own subscriptions are refused as doubled", codes == {105}, codes)
    await ask("/token_bowl/fault", {"kind": "expire"})
    socket = heard.socket(BOB)
    await connect(socket)
    check("a new token works after all others expired", socket.is_connected)
    await ask("/token_bowl/fault", {"kind": "disconnect", "code": 3001})
    await until("a close with 3001 is noticed", lambda: heard.disconnects == 1)
    await socket.disconnect()


async def main():
    rest_sync()
    await rest_async()
    await asyncio.to_thread(lambda: sync_client(BOB).mark_all_messages_read())
    await talk()
    await (only_plain() if LINE == "plain" else only_centrifugo())


try:
    asyncio.run(main())
except Exception:  # noqa: BLE001 whatever ends the checks is one that failed
    traceback.print_exc()
    check("all checks ran", False)
print(f"{len(PASSED)} passed, {len(FAILED)} failed")
sys.exit(1 if FAILED else 0)
