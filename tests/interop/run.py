#!/usr/bin/env python3
"""Runs the published clients of the platforms, unchanged, against the simulator.

    tests/interop/run.sh                       all clients, with the `greenroom` that was built last
    tests/interop/run.sh --client python       only the Python client
    tests/interop/run.sh --sim "PROGRAM ..."   with another simulator, e.g. the example of that name

Every client is installed in a pinned version into a folder that is removed at the end, and gets a fresh simulator.
Prints `N passed, N failed` in the end; exits with 1 if anything failed.
"""

import argparse
import json
import os
import pathlib
import re
import select
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
NPM_CLIENT = "mezon-sdk@2.8.33"
TOKEN_BOWL_CLIENTS = {"plain": "token-bowl-chat==2.1.1", "centrifugo": "token-bowl-chat==4.0.2"}
PAYMAN_CLIENTS = ["1.0.7", "1.0.8"]
MESH_CLIENTS = ["1.0.2", "1.0.3"]
PIP = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
INSTALL, CLIENT, START, STOP = 600, 240, 900, 10


class Failure(Exception):
    """Something that is not a check went wrong."""


def simulator_command():
    """Returns the program of GREENROOM_BIN, else the newest that was built, else a command that builds it."""
    if os.environ.get("GREENROOM_BIN"):
        return [os.environ["GREENROOM_BIN"], "sim"]
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    name = "greenroom.exe" if os.name == "nt" else "greenroom"
    built = [target / profile / name for profile in ("release", "debug")]
    built = sorted((path for path in built if path.exists()), key=lambda path: path.stat().st_mtime)
    if built:
        return [str(built[-1]), "sim"]
    return ["cargo", "run", "--quiet", "--manifest-path", str(ROOT / "Cargo.toml"), "--", "sim"]


class Simulator:
    """A running simulator; `ready` is its ready line."""

    def __init__(self, command):
        self.command = command

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        try:
            readable, _, _ = select.select([self.process.stdout], [], [], START)
            self.ready = self.process.stdout.readline().strip() if readable else ""
            addresses = json.loads(self.ready)
            if not {"auth0", "mesh", "mezon", "payman", "token_bowl", "control"} <= addresses.keys():
                raise ValueError(self.ready)
            return self
        except ValueError as error:
            self.__exit__()
            raise Failure(f"no ready line from {shlex.join(self.command)}: {error}") from error

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(STOP)
        except subprocess.TimeoutExpired:
            print(f"the simulator did not end within {STOP} s", file=sys.stderr)
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def install(command, folder):
    done = subprocess.run(command, cwd=folder, timeout=INSTALL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise Failure(f"{shlex.join(map(str, command))} failed:\n{done.stdout[-2000:]}")


def python_with(folder, requirements):
    """Makes a virtual environment with what a list names; returns its Python."""
    install([sys.executable, "-m", "venv", "venv"], folder)
    python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    install([python, *PIP, "-r", HERE / requirements], folder)
    return python


def python_client(folder):
    """Installs the Python client; returns the commands that run its checks."""
    return [[python_with(folder, "requirements.txt"), HERE / "python_client.py"]]


def token_bowl_client(folder):
    """Installs the clients of both lines of Token Bowl Chat, which need the same libraries; returns the commands that run their checks."""
    python = python_with(folder, "token_bowl_requirements.txt")
    commands = []
    for line, package in TOKEN_BOWL_CLIENTS.items():
        install([python, *PIP, "--no-deps", "--target", folder / line, package], folder)
        commands.append([python, HERE / "token_bowl_client.py", line, folder / line])
    return commands


def each_version(folder, platform, versions):
    """Installs versions of the client of a platform, each with its own environment; returns the commands that run their checks."""
    commands = []
    for version in versions:
        (folder / version).mkdir()
        python = python_with(folder / version, f"requirements-{platform}-{version}.txt")
        commands.append([python, HERE / f"{platform}_client.py"])
    return commands


def payman_client(folder):
    """Installs both versions of the client of Payman; returns the commands that run their checks."""
    return each_version(folder, "payman", PAYMAN_CLIENTS)


def mesh_client(folder):
    """Installs both versions of the client of Mesh; returns the commands that run their checks."""
    return each_version(folder, "mesh", MESH_CLIENTS)


def npm_client(folder):
    """Installs the npm client; returns the commands that run its checks."""
    # its database is compiled by an install script, which newer releases of npm have to be told to run
    package = {"name": "interop", "private": True, "allowScripts": {"better-sqlite3": True}}
    (folder / "package.json").write_text(json.dumps(package))
    install([shutil.which("npm") or "npm", "install", "--no-audit", "--no-fund", NPM_CLIENT], folder)
    return [["node", HERE / "npm_client.js"]]


def ticos_device(folder):
    """Installs the device package of Ticos; returns the commands that run its checks."""
    return [[python_with(folder, "ticos_requirements.txt"), HERE / "ticos_device.py"]]


def run(name, prepare, simulator):
    """Runs the checks of one client; returns how many passed and failed."""
    print(f"--- {name}", flush=True)
    passed = failed = 0
    # the folder may still be written to for a moment when it is removed
    with tempfile.TemporaryDirectory(prefix="interop-", ignore_cleanup_errors=True) as folder:
        folder = pathlib.Path(folder)
        for command in prepare(folder):
            counts = check(name, command, folder, simulator)
            passed, failed = passed + counts[0], failed + counts[1]
    return passed, failed


def check(name, command, folder, simulator):
    """Runs one command of a client against a fresh simulator; returns how many checks passed and failed."""
    with Simulator(simulator) as started:
        # the program itself, for what it does with the files of the clients
        program = simulator[0] if simulator[-1] == "sim" and len(simulator) == 2 else ""
        environment = {**os.environ, "GREENROOM": program and os.path.abspath(program)}
        done = subprocess.run(
            [*command, started.ready], cwd=folder, timeout=CLIENT, stdout=subprocess.PIPE, text=True, env=environment
        )
    print(done.stdout, end="", flush=True)
    counts = re.search(r"^(\d+) passed, (\d+) failed$", done.stdout, re.MULTILINE)
    if counts is None:
        raise Failure(f"{name}: ended with {done.returncode} and no result")
    passed, failed = map(int, counts.groups())
    if done.returncode != 0 and failed == 0:
        raise Failure(f"{name}: ended with {done.returncode}")
    return passed, failed


def main():
    clients = {
        "python": python_client,
        "npm": npm_client,
        "ticos": ticos_device,
        "token-bowl": token_bowl_client,
        "payman": payman_client,
        "mesh": mesh_client,
    }
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--client", choices=[*clients, "all"], default="all")
    parser.add_argument("--sim", help="the command that starts the simulator")
    options = parser.parse_args()
    simulator = shlex.split(options.sim) if options.sim else simulator_command()
    passed = failed = 0
    for name, prepare in clients.items():
        if options.client not in (name, "all"):
            continue
        if name == "npm" and not (shutil.which("npm") and shutil.which("node")):
            print("--- npm: left out, there is no npm here", flush=True)
            continue
        try:
            counts = run(name, prepare, simulator)
        except (Failure, subprocess.TimeoutExpired, OSError) as failure:
            print(f"FAILED  {name}: {failure}", flush=True)
            counts = (0, 1)
        passed, failed = passed + counts[0], failed + counts[1]
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
