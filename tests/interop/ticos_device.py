"""The published device package `ticos-client` 0.7.2, unchanged, and our device: the simulated agent has the same dialogue with both.

Usage: ticos_device.py READY_LINE, from a directory that may be written to; GREENROOM names the program.
Prints one line per check and `N passed, N failed`; exits with 1 if a check failed.
"""

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

HERE = os.getcwd()
os.environ["HOME"] = HERE
WAIT = 20
READY = json.loads(sys.argv[1])
PASSED, FAILED = [], []

from ticos_client.ticos_client import TicosClient  # noqa: E402, its home has to be set before


def control(path, body):
    request = urllib.request.Request(READY["control"] + "/ticos/" + path, data=json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request, timeout=WAIT) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def check(name, condition, detail=""):
    (PASSED if condition else FAILED).append(name)
    print(("ok      " if condition else "FAILED  ") + name + (f": {detail}" if not condition else ""))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def configure(folder):
    """Writes the files of a device that knows the simulated cloud."""
    os.makedirs(os.path.join(folder, ".config/ticos"), exist_ok=True)
    cloud = READY["ticos_cloud"]
    with open(os.path.join(folder, ".config/ticos/config.toml"), "w") as file:
        file.write(f'[api]\nbase_url = "{cloud.replace("http", "ws")}"\napi_key = "sim-ticos-key"\n[executor]\nticos_server_url = "{cloud}"\n')
    with open(os.path.join(folder, ".config/ticos/session_config"), "w") as file:
        json.dump({"agent_id": "26", "variables": {"var1": "val1"}, "model": {}}, file)


class Peer:
    """The published device."""

    def __init__(self):
        configure(HERE)
        self.calls, self.port = queue.Queue(), free_port()
        self.device = TicosClient(port=self.port)
        put = self.calls.put
        self.device.set_message_handler(lambda message: put(("message", message)))
        self.device.set_motion_handler(lambda arguments: put(("motion", arguments)))
        self.device.set_emotion_handler(lambda arguments: put(("emotion", arguments)))
        self.device.set_function_call_handler(lambda name, arguments: put(("function_call", {"name": name, "parameters": arguments})))
        self.device.set_conversation_handler(
            lambda item, role, content: put(("conversation", {"message_id": item, "role": role, "content": content}))
        )
        self.device.enable_local_storage()
        check("peer: the device starts", self.device.start())

    def broadcast(self, message):
        self.device.send_message(message)


class Ours:
    """Our device."""

    def __init__(self):
        folder = os.path.join(HERE, "ours")
        configure(folder)
        self.calls, self.port = queue.Queue(), free_port()
        command = [os.environ["GREENROOM"], "ticos", "--port", str(self.port), "--host", "127.0.0.1", "--store", folder, "--print-events"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self.read, daemon=True).start()
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=WAIT).read()
                break
            except OSError:
                time.sleep(0.05)

    def read(self):
        for line in self.process.stdout:
            call = json.loads(line)
            self.calls.put((call["handler"], call["args"]))

    def broadcast(self, message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()


def call(name, arguments):
    item = {"id": "i", "type": "function_call", "name": name, "call_id": "c", "arguments": json.dumps(arguments)}
    return {"type": "response.output_item.done", "item": item}


DIALOGUE = [
    ("send", call("motion", {"motion_tag": "hug", "speed": 1.0})),
    ("send", call("motion_and_emotion", {"motion_tag": "hug", "emotion_tag": "2"})),
    ("send", call("get_weather", {"city": "北京"})),
    ("send?as=binary", call("emotion", {"emotion_tag": "happy"})),
    ("send", {"type": "session.updated", "big": 9223372036854775807}),
    ("say", {"from": "alice", "text": "你好"}),
    ("say", {"from": "agent", "text": "Hello, how are you?"}),
    ("send", {"type": "health.status", "code": "ALL_OK", "message": ""}),
]


def without_ids(calls):
    """Items have new ids each time."""
    text = json.dumps(calls, ensure_ascii=False, sort_keys=True)
    names = {}
    for handler, args in calls:
        item = args.get("message_id") if handler == "conversation" else None
        if item:
            names.setdefault(item, f"item {len(names)}")
    for item, name in names.items():
        text = text.replace(item, name)
    return json.loads(text)


def dialogue(name, device):
    status, answer = control("connect", {"url": f"ws://127.0.0.1:{device.port}/realtime"})
    check(f"{name}: the agent connects", status == 200 and answer["ok"], answer)
    for path, body in DIALOGUE:
        status, answer = control(path, body)
        check(f"{name}: {path} {body.get('type', body.get('from'))}", status == 200 and answer["ok"], answer)
    calls = []
    while not calls or calls[-1] != ["message", DIALOGUE[-1][1]]:
        calls.append(list(device.calls.get(timeout=WAIT)))
    device.broadcast({"name": "battery", "arguments": {"level": 5}, "t": "你"})
    deadline = time.monotonic() + WAIT
    heard = False
    while not heard and time.monotonic() < deadline:
        with urllib.request.urlopen(READY["control"] + "/ticos/journal", timeout=WAIT) as answer:
            rows = json.load(answer)
        heard = any(row["direction"] == "in" and row["body"] == {"name": "battery", "arguments": {"level": 5}, "t": "你"} for row in rows)
        time.sleep(0.02)
    check(f"{name}: the agent hears a broadcast", heard)
    control("fault", {"kind": "disconnect"})
    return without_ids(calls)


def cloud_calls():
    with urllib.request.urlopen(READY["control"] + "/ticos/journal", timeout=WAIT) as answer:
        rows = json.load(answer)
    return [row for row in rows if row["kind"] == "http" and row["direction"] == "in" and row["path"].startswith(("/v1", "/variables"))]


def main():
    peer = Peer()
    calls = cloud_calls()
    check("peer: the cloud gives a configuration and takes variables", {row["path"] for row in calls} == {"/v1/agents/26", "/variables?priority=low"}, calls)
    theirs = dialogue("peer", peer)
    check("peer: every kind of handler was called", {handler for handler, _ in theirs} == {"message", "motion", "emotion", "function_call", "conversation"}, theirs)
    before = len(cloud_calls())
    ours = Ours()
    mine = dialogue("ours", ours)
    check("ours: the same calls in the same order", mine == theirs, f"\n  peer {theirs}\n  ours {mine}")
    asked = cloud_calls()[before:]
    check("ours: the cloud is asked for the same", [row["path"] for row in asked] == [row["path"] for row in calls], asked)
    ours.process.terminate()
    check("ours: it ends when it is told to", ours.process.wait(WAIT) == 0)
    print(f"{len(PASSED)} passed, {len(FAILED)} failed", flush=True)
    # The package's own stop() never returns.
    os._exit(1 if FAILED else 0)


main()
