"""The published Python client `paymanai-sdk` 1.0.7 and 1.0.8, unchanged, against the simulator.

Usage: payman_client.py READY_LINE, in an environment that has one of the two versions.
Prints one line per check and `N passed, N failed`; exits with 1 if a check failed.
"""

import importlib.metadata
import json
import sys
import traceback
import urllib.request

from payman_sdk.client import PaymanClient
from payman_sdk.utils import BASE_URLS

VERSION = importlib.metadata.version("paymanai-sdk")
CONFIG = {"client_id": "sim-payman-client", "client_secret": "sim-payman-secret"}
READY = json.loads(sys.argv[1])
# Where the platform is; everything else of the client is as published.
BASE_URLS["LIVE"] = READY["payman"]


def control(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(READY["control"] + path, data=data), timeout=10) as answer:
        return json.load(answer)


def requests(since, part):
    entries = control(f"/payman/journal?since={since}")
    return [entry for entry in entries if entry["direction"] == "in" and part in entry["path"]]


def now():
    return control("/health")["platforms"]["payman"]["journal"]


def expect(found, wanted):
    assert found == wanted, f"{found!r} is not {wanted!r}"


def fails(call, part):
    try:
        call()
    except Exception as error:
        assert part in str(error), f"{part!r} is not in {error!r}"
    else:
        raise AssertionError("it did not fail")


def with_token(access, expires_in, refresh=None):
    info = {"accessToken": access, "expiresIn": expires_in}
    if VERSION == "1.0.7":
        return PaymanClient.with_token(CONFIG["client_id"], info, name="given")
    return PaymanClient.with_token({**CONFIG, "name": "given"}, {**info, **({"refreshToken": refresh} if refresh else {})})


def credentials_are_sent_as_the_vectors_say():
    since = now()
    client = PaymanClient.with_credentials(CONFIG)
    expect(client.ask("Hi")["artifacts"][0]["content"], "echo: Hi")
    token, task = requests(since, "/api/")
    expect(token["path"], "/api/oauth2/token?grant_type=client_credentials")
    expect(token["headers"]["authorization"], "Basic c2ltLXBheW1hbi1jbGllbnQ6c2ltLXBheW1hbi1zZWNyZXQ=")
    expect(token["body"], None)
    expect(task["body"]["method"], "tasks.send")
    expect(task["headers"]["x-payman-access-token"], client.get_access_token()["accessToken"])
    assert not client.is_access_token_expired()


def a_formatted_answer_has_its_fields():
    answer = PaymanClient.with_credentials({**CONFIG, "session_id": "ses-interop"}).ask("H\u00e9llo \U0001f600\n/")
    expect(answer["artifacts"][0]["content"], "echo: H\u00e9llo \U0001f600\n/")
    expect((answer["status"], answer["error"]), ("completed", None))
    expect(answer["artifacts"][0]["description"], "AI Assistant Response")
    expect((answer["metadata"]["agentId"], answer["metadata"]["orgId"]), ("ai-sim", "org-sim"))
    assert answer["timestamp"].endswith("Z"), answer
    if VERSION == "1.0.7":
        expect(answer["session_id"], "ses-interop")


def a_raw_answer_is_the_response():
    raw = PaymanClient.with_credentials(CONFIG).ask("Hi", {"output_format": "json"})
    expect(raw["jsonrpc"], "2.0")
    expect(raw["result"]["artifacts"][0]["parts"], [{"type": "text", "text": "echo: Hi"}])


def sessions_are_kept_renewed_and_recalled():
    client = PaymanClient.with_credentials(CONFIG)
    client.ask("one")
    client.ask("two")
    again = PaymanClient.with_credentials({**CONFIG, "session_id": client.get_session_id()})
    expect(again.ask("What did we talk about earlier?")["artifacts"][0]["content"], "one\ntwo")
    before = client.get_session_id()
    expect(client.ask("!recall", {"new_session": True})["artifacts"][0]["content"], "(nothing)")
    assert client.get_session_id() != before


def metadata_go_to_three_places():
    since = now()
    options = {"metadata": {"source": "web-app", "z": None}, "part_metadata": {"currency": "USD"}, "message_metadata": {"priority": "high"}}
    PaymanClient.with_credentials(CONFIG).ask("Hi", options)
    params = requests(since, "/tasks/send")[0]["body"]["params"]
    expect(params["metadata"], options["metadata"])
    expect(params["message"]["metadata"], options["message_metadata"])
    expect(params["message"]["parts"][0]["metadata"], options["part_metadata"])


def a_code_is_exchanged_at_construction():
    since = now()
    client = PaymanClient.with_auth_code(CONFIG, "sim-auth-code")
    expect([one["path"] for one in requests(since, "/api/")], ["/api/oauth2/token?grant_type=authorization_code&code=sim-auth-code"])
    expect(client.ask("Hi")["artifacts"][0]["content"], "echo: Hi")
    fails(lambda: PaymanClient.with_auth_code(CONFIG, "nonsense"), "400")


def a_given_token_is_used_and_a_wrong_one_refused():
    access = PaymanClient.with_credentials(CONFIG).get_access_token()["accessToken"]
    since = now()
    client = with_token(access, 3600)
    expect(client.get_client_name(), "given")
    expect(client.ask("Hi")["artifacts"][0]["content"], "echo: Hi")
    expect(requests(since, "/oauth2/"), [])
    fails(lambda: with_token("at-nonsense", 3600).ask("Hi"), "401")


def tokens_are_renewed_in_time():
    control("/payman/emit", {"event": "set_expires_in", "data": {"seconds": 30}})
    try:
        client = PaymanClient.with_credentials(CONFIG)
        since = now()
        client.ask("Hi")
        client.ask("Hi")
        expect(len(requests(since, "/oauth2/")), 2)
    finally:
        control("/payman/emit", {"event": "set_expires_in", "data": {"seconds": 3600}})


def refresh_tokens_rotate():
    if VERSION == "1.0.7":
        return
    client = PaymanClient.with_auth_code(CONFIG, "sim-auth-code")
    old = client.get_refresh_token()
    client.token_expiry = 0
    expect(client.ask("Hi")["artifacts"][0]["content"], "echo: Hi")
    assert client.get_refresh_token() not in (None, old)
    fails(lambda: PaymanClient.with_token(CONFIG, {"refreshToken": old}), "400")


def states_errors_and_faults_reach_the_client():
    client = PaymanClient.with_credentials(CONFIG)
    expect(client.ask("!state failed no money")["status"], "failed")
    expect([one["content"] for one in client.ask("!artifacts 2")["artifacts"]], ["part 1", "part 2"])
    expect(client.ask("!parts a|b")["artifacts"][0]["content"], "a\nb")
    expect(client.ask("!stream 3")["artifacts"][0]["content"], "chunk 1 chunk 2 chunk 3 ")
    fails(lambda: client.ask("!error -32603 Internal error"), "'code': -32603")
    fails(lambda: client.ask("!empty"), "No response received from agent")
    control("/payman/fault", {"kind": "http", "status": 500})
    fails(lambda: client.ask("Hi"), "500")
    control("/payman/fault", {"kind": "disconnect"})
    fails(lambda: client.ask("Hi"), "")
    control("/payman/emit", {"event": "revoke_tokens"})
    fails(lambda: client.ask("Hi"), "401")
    control("/payman/say", {"from": "agent", "text": "as you wish"})
    expect(PaymanClient.with_credentials(CONFIG).ask("Hi")["artifacts"][0]["content"], "as you wish")


CHECKS = [
    credentials_are_sent_as_the_vectors_say,
    a_formatted_answer_has_its_fields,
    a_raw_answer_is_the_response,
    sessions_are_kept_renewed_and_recalled,
    metadata_go_to_three_places,
    a_code_is_exchanged_at_construction,
    a_given_token_is_used_and_a_wrong_one_refused,
    tokens_are_renewed_in_time,
    refresh_tokens_rotate,
    states_errors_and_faults_reach_the_client,
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
