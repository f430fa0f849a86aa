#!/usr/bin/env python3
"""Our device of Ticos beside the published one, on the same machine and disk.

    benches/ticos.py --peer VENV/bin/python [--greenroom target/release/greenroom] [--messages 20000] [--agents 1000]

VENV has `ticos-client` (tests/interop/ticos_requirements.txt). Each run is a device of its own in a folder of its own, by turns; the
agent sends prepared frames as fast as they are taken. A run ends when the device has called its handlers for the last one. What is "own"
is memory that the program has written, without the parts of its file that are mapped.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

PEER = """
import json, sys
from ticos_client.ticos_client import TicosClient
port, store, printed = int(sys.argv[1]), sys.argv[2] == "1", sys.argv[3] == "1"
device = TicosClient(port=port)
def line(handler, args):
    sys.stdout.write(json.dumps({"handler": handler, "args": args}) + "\\n"); sys.stdout.flush()
def told(message):
    if printed or "sentinel" in message: line("message", message)
quiet = (lambda name: lambda *args: line(name, args)) if printed else (lambda name: lambda *args: None)
device.set_message_handler(told)
device.set_motion_handler(quiet("motion")); device.set_emotion_handler(quiet("emotion"))
device.set_function_call_handler(quiet("function_call")); device.set_conversation_handler(quiet("conversation"))
if store: device.enable_local_storage()
device.start()
sys.stdin.read()
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def frame(message):
    payload = json.dumps(message, separators=(",", ":")).encode()
    head = bytes([0x81, 0x80 | len(payload)]) if len(payload) < 126 else bytes([0x81, 0xFE]) + len(payload).to_bytes(2, "big")
    return head + bytes(4) + payload


def call(number):
    arguments = json.dumps({"motion_tag": "hug", "speed": 1.0, "number": number})
    return {"type": "response.output_item.done", "item": {"id": f"i{number}", "type": "function_call", "name": "motion", "call_id": "c", "arguments": arguments}}


def item(number):
    content = [{"type": "input_audio", "transcript": None}]
    return {"type": "conversation.item.created", "item": {"id": f"u{number}", "type": "message", "role": "user", "content": content}}


def workload(name, count):
    if name == "calls":
        messages = [call(number) for number in range(count)]
    elif name == "inserts":
        messages = [item(number) for number in range(count)]
    else:
        messages = []
        for turn in range(count // 10):
            messages += [item(turn), {"type": "conversation.item.input_audio_transcription.completed", "item_id": f"u{turn}", "transcript": f"question {turn}"}]
            messages += [{"type": "response.audio_transcript.delta", "item_id": f"a{turn}", "delta": f"part {part} "} for part in range(6)]
            messages += [call(turn), {"type": "response.done"}]
    frames = [frame(message) for message in messages]
    frames.append(frame({"type": "session.updated", "sentinel": 1}))
    return b"".join(frames)


class Agent:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.sendall(b"GET /realtime HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.socket.recv(1)
        assert b" 101 " in head, head

    def answer_pings(self):
        """Reads on, so that pings are answered while a long run goes on."""
        def read():
            try:
                while data := self.socket.recv(65536):
                    if data[0] == 0x89:
                        self.socket.sendall(bytes([0x8A, 0x80 | (data[1] & 0x7F)]) + bytes(4) + data[2:])
            except OSError:
                pass
        threading.Thread(target=read, daemon=True).start()


class Device:
    def __init__(self, options, which, store, printed):
        self.folder = tempfile.mkdtemp(prefix="ticos-", dir=options.folder)
        self.port = free_port()
        env = {**os.environ, "HOME": self.folder}
        os.makedirs(self.folder + "/.config/ticos")
        open(self.folder + "/.config/ticos/config.toml", "w").close()
        if which == "peer":
            command = [options.peer, "-c", PEER, str(self.port), str(int(store)), str(int(printed))]
        else:
            command = [options.greenroom, "--log", "error", "ticos", "--host", "127.0.0.1", "--port", str(self.port)]
            command += ["--store", self.folder] * store + ["--print-events"] * printed
        self.process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.is_told = which == "peer" or printed
        self.health()

    def get(self, path):
        with socket.create_connection(("127.0.0.1", self.port)) as link:
            link.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while data := link.recv(65536):
                answer += data
        return answer.split(b"\r\n\r\n", 1)[1]

    def health(self):
        while True:
            try:
                return self.get("/health")
            except OSError:
                time.sleep(0.01)

    def until_done(self, count):
        if self.is_told:
            for line in self.process.stdout:
                if b"sentinel" in line:
                    return
            raise SystemExit("the device has ended")
        while True:
            stats = json.loads(self.get("/stats"))
            if stats["received"] > count and stats["connections"]:
                return
            time.sleep(0.01)

    def cpu(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, field="VmRSS"):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith(field):
                return int(line.split()[1]) / 1024
        return 0

    def end(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def run(options, which, name, store, printed):
    frames = workload(name, options.messages)
    device = Device(options, which, store, printed)
    agent = Agent(device.port)
    agent.answer_pings()
    slowest, done = [0.0], threading.Event()

    def watch():
        while not done.wait(0.05):
            began = time.perf_counter()
            device.get("/health")
            slowest[0] = max(slowest[0], time.perf_counter() - began)

    if options.watch:
        threading.Thread(target=watch, daemon=True).start()
    cpu, began = device.cpu(), time.perf_counter()
    sender = threading.Thread(target=agent.socket.sendall, args=(frames,), daemon=True)
    sender.start()
    device.until_done(options.messages)
    seconds = time.perf_counter() - began
    done.set()
    result = {
        "workload": name, "device": which, "store": store, "printed": printed, "messages_per_s": round(options.messages / seconds),
        "cpu_us": round((device.cpu() - cpu) / options.messages * 1e6, 1), "peak_mib": round(device.memory("VmHWM"), 1), "own_mib": round(device.memory("RssAnon"), 1),
    }
    if options.watch:
        result["slowest_health_ms"] = round(slowest[0] * 1e3, 1)
    print(json.dumps(result), flush=True)
    device.end()


def crowd(options, which):
    device = Device(options, which, False, False)
    before, own = device.memory(), device.memory("RssAnon")
    agents = [Agent(device.port) for _ in range(options.agents)]
    time.sleep(1)
    result = {
        "device": which, "agents": len(agents), "idle_mib": round(before, 1), "connected_mib": round(device.memory(), 1),
        "own_idle_mib": round(own, 1), "own_connected_mib": round(device.memory("RssAnon"), 1),
    }
    for agent in agents:
        agent.socket.sendall(workload("calls", 20))
    time.sleep(2)
    result["own_after_20_messages_each_mib"] = round(device.memory("RssAnon"), 1)
    print(json.dumps(result), flush=True)
    device.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", help="a Python with the published package; without it only our device is run")
    parser.add_argument("--greenroom", default="target/release/greenroom")
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--agents", type=int, default=1_000)
    parser.add_argument("--folder", help="where the stores are; default: the folder for temporary files")
    parser.add_argument("--watch", action="store_true", help="ask for /health all the time, and tell the longest answer")
    options = parser.parse_args()
    options.greenroom = os.path.abspath(options.greenroom)
    devices = ["greenroom"] + ["peer"] * bool(options.peer)
    for name, store, printed in [("calls", 0, 1), ("calls", 0, 0), ("chat", 0, 1), ("chat", 1, 1), ("inserts", 1, 1)]:
        for which in devices:
            run(options, which, name, bool(store), bool(printed))
    for which in devices:
        crowd(options, which)


if __name__ == "__main__":
    sys.exit(main())
