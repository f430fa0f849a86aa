"""The published Python client `mesh-beta` 1.0.2 and 1.0.3, unchanged, against the simulator.

Usage: mesh_client.py READY_LINE, in an environment that has one of the two versions.
Prints one line per check and `N passed, N failed`; exits with 1 if a check failed.

1.0.2 logs in by device flow and always by TLS, so that a proxy stands before the tenant; 1.0.3 logs in by a browser, which is played here.
"""

import datetime
import hashlib
import importlib.metadata
import ipaddress
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import threading
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request
import webbrowser

VERSION = importlib.metadata.version("mesh-beta")
READY = json.loads(sys.argv[1])
USER = "auth0|sim-user"
HOME = pathlib.Path.cwd() / f"home-{VERSION}"
TOKEN = HOME / ".mesh" / "token.json"
VALUE, NULLIFIER = "secret_value", "24d40bbc28c4facd442a31ac8862109a6e748d5b64d5e3ca2ed19cc6d4a5317e"
COMMITMENT = "6772012b12bd75e769181b5521024120d343e031159d1d91e52ce8d14d9d4d94"


def control(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(READY["control"] + path, data=data), timeout=10) as answer:
        return json.load(answer)


def now(server="mesh"):
    return control("/health")["platforms"][server]["journal"]


def requests_since(since, server="mesh"):
    return [entry for entry in control(f"/{server}/journal?since={since}") if entry["direction"] == "in"]


def lines(since, server="mesh"):
    return [f"{entry['method']} {entry['path']}" for entry in requests_since(since, server)]


def expect(found, wanted):
    assert found == wanted, f"{found!r} is not {wanted!r}"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def certificate(folder):
    """Makes a key and a certificate of 127.0.0.1 that signs itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "interop")])
    day, today = datetime.timedelta(days=1), datetime.datetime.now(datetime.timezone.utc)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(today - day).not_valid_after(today + day)
    builder = builder.add_extension(address, False).add_extension(x509.BasicConstraints(True, None), True)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(secret)
    (folder / "certificate.pem").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return folder / "certificate.pem", folder / "key.pem"


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def tls_front(target, files):
    """Speaks TLS before a server; returns its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            client, _ = listener.accept()
            try:
                client = context.wrap_socket(client, server_side=True)
                server = socket.create_connection(target)
            except OSError:
                client.close()
                continue
            threading.Thread(target=pump, args=(client, server), daemon=True).start()
            threading.Thread(target=pump, args=(server, client), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


class Browser(webbrowser.BaseBrowser):
    """Goes where it is sent; the user agrees at once."""

    opened = []

    def open(self, url, new=0, autoraise=True):
        self.opened.append(url)
        if urllib.parse.urlsplit(url).path == "/authorize":
            urllib.request.urlopen(url, timeout=10).close()
        return True


HOME.mkdir()
TENANT = urllib.parse.urlsplit(READY["auth0"])
FILES = certificate(HOME)
FRONT = f"127.0.0.1:{tls_front((TENANT.hostname, TENANT.port), FILES)}"
# What the package reads of its environment; everything else of it is as published.
os.environ.update(
    HOME=str(HOME),
    USERPROFILE=str(HOME),
    MESH_API_URL=READY["mesh"],
    PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring",
    REQUESTS_CA_BUNDLE=str(FILES[0]),
    AUTH0_CALLBACK_PORT=str(free_port()),
    NO_PROXY="127.0.0.1,localhost",
)
OF_FLOW = {
    "AUTH0_DOMAIN": FRONT,
    "AUTH0_CLIENT_ID": "sim-mesh-client",
    "AUTH0_CLIENT_SECRET": "none",
    "AUTH0_AUDIENCE": "https://sim-mesh-audience.example",
}
if VERSION == "1.0.2":
    os.environ.update(OF_FLOW)
webbrowser.register("interop", None, Browser(), preferred=True)

import mesh  # noqa: E402
from mesh import MeshClient, auth  # noqa: E402

REFRESH = "POST /api/v1/auth/exchange-token" if VERSION == "1.0.2" else "POST /auth/refresh-token"
USERS = "/api/v1/users" if VERSION == "1.0.2" else "/v1/mesh/users"
PROFILE, CHAT = "GET /api/v1/auth/profile", "POST /api/v1/chat/completions"


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def fresh_tokens():
    """Logs in beside the package; returns the token object."""
    callback = "http://localhost:1/callback"
    body = {"redirect_uri": callback, "scope": "openid profile email offline_access", "state": "s"}
    url = post(READY["mesh"] + "/api/v1/auth/get-auth-url", body)["auth_url"]
    try:
        urllib.request.build_opener(Stay).open(url, timeout=10)
    except urllib.error.HTTPError as led:
        expect(led.code, 302)
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(led.headers["location"]).query)
    return post(READY["mesh"] + "/api/v1/auth/exchange-token", {"code": query["code"][0], "redirect_uri": callback})


def store(tokens, left):
    TOKEN.parent.mkdir(exist_ok=True)
    TOKEN.write_text(json.dumps({**tokens, "expires_at": int(time.time()) + left}))


def client():
    """A client that is logged in; nobody refreshes behind its back."""
    store(fresh_tokens(), 86400)
    return MeshClient(health_monitor=False)


def the_first_chat_logs_in():
    TOKEN.unlink(missing_ok=True)
    mesh_since, since = now(), now("auth0")
    chat = MeshClient(health_monitor=False).chat("Hello")
    expect(chat, "[openai/gpt-4o] Hello")
    if VERSION == "1.0.2":
        expect(lines(since, "auth0"), ["POST /oauth/device/code"] + 3 * ["POST /oauth/token"])
        begun, polled, *_ = requests_since(since, "auth0")
        scope = "openid profile email offline_access"
        expect(begun["body"], {"client_id": "sim-mesh-client", "scope": scope, "audience": OF_FLOW["AUTH0_AUDIENCE"]})
        assert polled["body"]["grant_type"].endswith(":device_code"), polled
        expect(lines(mesh_since), [PROFILE, CHAT])
        assert "user_code=" in Browser.opened[-1], Browser.opened
        stored = json.loads(TOKEN.read_text())
        assert stored["refresh_token"] and stored["id_token"] and stored["expires_at"] > time.time() + 86000
    else:
        login = ["POST /api/v1/auth/get-auth-url", "POST /api/v1/auth/exchange-token"]
        expect(lines(mesh_since), [*login, PROFILE, CHAT])
        assert lines(since, "auth0")[0].startswith("GET /authorize?"), lines(since, "auth0")


def the_configuration_comes_from_the_api():
    names = [os.environ.pop(name, None) for name in OF_FLOW]
    auth.AUTH0_CONFIG_CACHE = {}
    expect(auth.get_auth0_config()["domain"], TENANT.netloc)
    auth.AUTH0_CONFIG_CACHE = {}
    os.environ.update({name: value for name, value in zip(OF_FLOW, names) if value})


def chats_are_sent_as_the_vectors_say():
    mine, since = client(), now()
    expect(mine.chat("Hello, w\u00f6rld!"), "[openai/gpt-4o] Hello, w\u00f6rld!")
    expect(mine.chat("Hi", model="claude-37"), "[anthropic/claude-3-7-sonnet-20250219] Hi")
    expect(mine.chat("Hi", model="gpt4o", temperature=None, top_p=0.5, prompt="ignored"), "[openai/gpt-4o] Hi")
    profile, first, second, third = requests_since(since)
    expect(profile["path"], "/api/v1/auth/profile")
    text = "Hello, w\u00f6rld!"
    messages = [{"role": "user", "content": text}]
    expect(first["body"], {"prompt": text, "provider": "openai", "model": "gpt-4o", "messages": messages, "temperature": 0.7})
    expect((second["body"]["provider"], second["body"]["model"]), ("anthropic", "claude-3-7-sonnet-20250219"))
    messages = [{"role": "user", "content": "Hi"}]
    expect(third["body"], {"prompt": "Hi", "provider": "openai", "model": "gpt-4o", "messages": messages, "top_p": 0.5})
    assert first["headers"]["authorization"] == f"Bearer {mine.auth_token}", first["headers"]


def thinking_comes_before_the_text():
    mine = client()
    raw = mine.chat_with_small_thinking("Hi", original_response=True)
    expect([block["type"] for block in raw["content"]], ["thinking", "text"])
    expect(raw["content"][0], {"type": "thinking", "thinking": "budget=2000", "signature": "sim-signature"})
    expect(raw["content"][1]["text"], "[anthropic/claude-3-7-sonnet-20250219] Hi")
    expect(mine.chat_with_small_thinking("Hi"), "")  # it takes the first block, whatever that is
    raw = mine.chat("Hi", original_response=True)
    expect((raw["object"], raw["choices"][0]["finish_reason"]), ("chat.completion", "stop"))


def keys_are_stored_read_and_listed():
    mine, since = client(), now()
    stored = mine.store_key("api_key", "sk-fake")
    expect((stored["success"], stored["keyName"], stored["storagePath"]), (True, f"{USER}_api_key", f"{USER}_api_key"))
    expect(lines(since), [PROFILE, "POST /api/v1/storeKey"])
    expect(mine.get_key("api_key"), "sk-fake")
    expect(mine.get_key("nothing"), None)
    mine.store_key("other", "x", user_id="auth0|alice")
    expect((mine.list_keys(), mine.list_keys("auth0|alice"), mine.list_keys("auth0|bob")), (["api_key"], ["other"], []))
    query = "GET /api/v1/getKey?userId=auth0%7Calice&keyName=auth0%7Calice_other"
    since = now()
    expect(mine.get_key("other", user_id="auth0|alice"), "x")
    expect(lines(since), [query])


def commitments_are_stored_and_verified():
    mine, since = client(), now()
    stored = mine.store_key_zkp("user123", "api_key", VALUE)
    expect(stored, {"success": True, "userId": "user123", "keyName": "api_key", "commitment": COMMITMENT})
    ensure, store_commitment = requests_since(since)
    expect((ensure["path"], ensure["body"], ensure["headers"].get("authorization")), (USERS, {"id": "user123"}, None))
    expect(store_commitment["body"], {"userId": "user123", "keyName": "api_key", "commitment": COMMITMENT})
    since = now()
    result = mine.verify_key("user123", "api_key", VALUE)
    expect((result["success"], result["verified"]), (True, True))
    query = "userId=user123&keyName=api_key"
    expected = [f"GET /api/v1/getChallenge?{query}", f"GET /api/v1/getCommitment?{query}", "POST /api/v1/verifyProof"]
    expect(lines(since), expected)
    proof = requests_since(since)[2]["body"]
    digest = hashlib.sha256((NULLIFIER + proof["challenge"] + COMMITMENT).encode()).hexdigest()
    expect((proof["nullifier"], proof["clientCommitment"], proof["proof"]), (NULLIFIER, COMMITMENT, digest))
    # It proves with the commitment of the server, and so any value; without that one it does not.
    expect(mine.verify_key("user123", "api_key", "wrong")["verified"], True)
    control("/mesh/emit", {"event": "commitment.hide"})
    try:
        expect(mine.verify_key("user123", "api_key", "wrong")["verified"], False)
        expect(mine.verify_key("user123", "api_key", VALUE)["verified"], True)
    finally:
        control("/mesh/emit", {"event": "commitment.hide", "data": {"hidden": False}})
    assert "404" in mine.verify_key("user123", "nothing", VALUE)["error"]


def credits_usage_and_models_are_told():
    mine = client()
    mine.chat("Hi")
    before = mine.get_user_credits(USER)["credits"]
    mine.chat_with_claude("Hi")
    expect(mine.get_user_credits(USER), {"success": True, "userId": USER, "credits": before - 1})
    assert "404" in mine.get_user_credits("nobody")["error"]
    expect(mine.get_usage()["data"][-1], {"service": "anthropic", "action": "chat", "metadata": {"model": "claude-3-5-sonnet-20241022"}})
    assert "gpt-4o" in mine.get_models()["models"]["openai"]


def other_endpoints_are_tried():
    mine = client()
    mine.chat("Hi")
    paths = ["/api/v1/chat/completions", "/v1/mesh/chat", "/api/v1/completions"]
    try:
        for count, path in enumerate(paths[:2]):
            control("/mesh/emit", {"event": "route.disable", "data": {"path": path}})
            since = now()
            expect(mine.chat("Hi"), "[openai/gpt-4o] Hi")
            expect(lines(since)[-1], f"POST {paths[count + 1]}")
        control("/mesh/emit", {"event": "route.disable", "data": {"path": paths[2]}})
        failed = mine.chat("Hi")
        details = {"text": f"Cannot POST {paths[2]}"}
        last = {"success": False, "error": "Request failed: 404", "details": details, "url": READY["mesh"] + paths[2]}
        hint = "Make sure the server is running and accessible"
        expect(failed, {"success": False, "error": "Request failed: All endpoints failed", "details": last, "help": hint})
    finally:
        control("/mesh/emit", {"event": "route.enable"})
    control("/mesh/emit", {"event": "route.disable", "data": {"path": "/api/v1/auth/profile"}})
    try:
        since = now()
        expect(client().chat("Hi"), "[openai/gpt-4o] Hi")
        expect(lines(since)[-3:], [PROFILE, "GET /v1/mesh/auth/profile", CHAT])
    finally:
        control("/mesh/emit", {"event": "route.enable"})


def tokens_are_renewed_in_time():
    first = fresh_tokens()
    store(first, 299)
    since = now()
    mine = MeshClient(health_monitor=False)
    expect(mine.chat("Hi"), "[openai/gpt-4o] Hi")
    expect(lines(since), [REFRESH, PROFILE, CHAT])
    stored = json.loads(TOKEN.read_text())
    assert stored["refresh_token"] != first["refresh_token"] and stored["access_token"] == mine.auth_token
    expect(auth.refresh_auth_token(refresh_token=first["refresh_token"]), None)


def a_refused_token_is_replaced():
    mine = client()
    mine.chat("Hi")
    control("/mesh/emit", {"event": "token.revoke", "data": {"token": mine.auth_token}})
    os.environ["AUTH0_CALLBACK_PORT"] = str(free_port())
    since = now()
    expect(mine.chat("Hi"), "[openai/gpt-4o] Hi")
    between = [REFRESH] if VERSION == "1.0.2" else ["POST /api/v1/auth/get-auth-url", "POST /api/v1/auth/exchange-token"]
    expect(lines(since), [CHAT, *between, CHAT])


def errors_and_faults_reach_the_client():
    mine = client()
    mine.chat("Hi")
    control("/mesh/fault", {"kind": "http", "status": 500, "count": 6})
    expect(mine.chat("Hi")["details"]["details"], {"success": False, "error": "injected 500"})
    control("/mesh/emit", {"event": "user.credits", "data": {"credits": 0}})
    try:
        expect(mine.chat("Hi")["details"]["details"]["error"], "Insufficient credits")
        expect(mine.store_key_zkp("user123", "k", "v")["error"], "Insufficient credits")
        expect(mine.store_key("k", "v")["error"], "Failed to store key: 402")
    finally:
        control("/mesh/emit", {"event": "user.credits", "data": {"credits": 1000}})
    control("/mesh/fault", {"kind": "disconnect"})
    assert mine.store_key("k", "v")["error"].startswith("Request failed"), "it is cut"
    control("/mesh/fault", {"kind": "disconnect"})
    expect(mine.chat("Hi"), "[openai/gpt-4o] Hi")  # after a second
    control("/mesh/fault", {"kind": "delay", "ms": 200})
    expect(mine.get_key("k"), None)


def the_module_has_one_client():
    store(fresh_tokens(), 86400)
    expect(mesh.chat("Hi", model="claude-3-opus-20240229"), "[anthropic/claude-3-opus-20240229] Hi")
    expect(mesh.store_key("of_module", "v")["success"], True)
    expect(mesh.get_key("of_module"), "v")
    assert "of_module" in mesh.list_keys()


def logins_are_shared_with_greenroom():
    program = os.environ.get("GREENROOM")
    if not program:
        return  # another simulator is tested

    def greenroom(*arguments):
        environment = {"HOME": str(HOME), "MESH_API_URL": READY["mesh"], "PATH": os.environ.get("PATH", "")}
        command = [program, "mesh", *arguments]
        return subprocess.run(command, env=environment, cwd=HOME, stdout=subprocess.PIPE, text=True, timeout=60)

    mine = client()
    mine.chat("Hi")
    said = greenroom("--no-login", "chat", "Hi")
    expect((said.returncode, said.stdout), (0, "[openai/gpt-4] Hi\n"))
    TOKEN.unlink()
    login = greenroom("auth", "--headless")
    assert login.returncode == 0 and login.stdout.endswith("Authentication successful!\n"), login.stdout
    stored, since = json.loads(TOKEN.read_text()), now("auth0")
    other = MeshClient(health_monitor=False)
    expect(other.chat("Hi"), "[openai/gpt-4o] Hi")
    expect((other.auth_token, lines(since, "auth0")), (stored["access_token"], []))


def the_program_logs_in():
    TOKEN.unlink(missing_ok=True)
    command = [sys.executable, "-m", "mesh.auth_cli", "--headless"]
    # a page is opened in a browser of the machine otherwise
    environment = {**os.environ, "BROWSER": "true"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    works = VERSION == "1.0.2"
    assert done.returncode == (0 if works else 1), done.stdout
    assert ("Authentication successful!" if works else "not implemented") in done.stdout, done.stdout
    expect(TOKEN.exists(), works)


CHECKS = [
    the_first_chat_logs_in,
    the_configuration_comes_from_the_api,
    chats_are_sent_as_the_vectors_say,
    thinking_comes_before_the_text,
    keys_are_stored_read_and_listed,
    commitments_are_stored_and_verified,
    credits_usage_and_models_are_told,
    other_endpoints_are_tried,
    tokens_are_renewed_in_time,
    a_refused_token_is_replaced,
    errors_and_faults_reach_the_client,
    the_module_has_one_client,
    logins_are_shared_with_greenroom,
    the_program_logs_in,
]

passed = failed = 0
for check in CHECKS:
    try:
        check()
        passed += 1
        print(f"ok      {check.__name__}")
    except Exception:
        failed += 1
        print(f"FAILED  {check.__name__}\n{traceback.format_exc()}")
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
