"""From an empty installation to an email on a profile, and every reason for one that is not; on two kinds of server."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from tests.cli.conftest import OWNER, PASSWORD, Cli, connect, email
from tests.servers.dovecot import Dovecot
from tests.servers.pymap import PymapServer
from threadline.storage.models import Copy

ANNA, ANNAS_OTHER, BO = "anna@posten.test", "anna.berg@privat.test", "bo@posten.test"
WHEN = dt.datetime(2026, 11, 2, 10, 0, tzinfo=dt.UTC)
PEOPLE = (
    "kind,name,email,secondary_emails,created_at,external_id\n"
    f"candidate,Anna Berg,{ANNA},{ANNAS_OTHER},2026-01-01T00:00:00Z,A1\n"
    f"contact,Bo Ek,{BO},,2026-11-10 09:00,B2\n"
)

SERVERS = [
    pytest.param("dovecot", marks=pytest.mark.needs("dovecot")),
    pytest.param("pymap_server", marks=pytest.mark.needs("pymap")),
]


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Dovecot | PymapServer:
    """Five emails: to Anna's primary address, from her other one, before Bo was created, in a subfolder, and sent."""
    server: Dovecot | PymapServer = request.getfixturevalue(request.param)
    server.add_user(OWNER, PASSWORD)
    server.deliver(OWNER, email(1, f"Anna Berg <{ANNA}>", OWNER), internaldate=WHEN)
    server.deliver(OWNER, email(2, ANNAS_OTHER, OWNER), internaldate=WHEN)
    server.deliver(OWNER, email(3, BO, OWNER), internaldate=WHEN)
    server.deliver(OWNER, email(4, ANNA, OWNER), folder="Clients", internaldate=WHEN)
    server.deliver(OWNER, email(5, OWNER, ANNA), folder="Sent", internaldate=WHEN)
    return server


@pytest.fixture
def synced(northgate: Cli, server: Dovecot | PymapServer, password_file: str, tmp_path: Path) -> Cli:
    """The mailbox connected and refreshed once."""
    people = tmp_path / "people.csv"
    people.write_text(PEOPLE)
    assert northgate.json("people", "import", str(people)) == {
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "errors": [],
    }
    connect(northgate, server, password_file)
    report = northgate.json("mailbox", "refresh", OWNER)
    assert (report["outcome"], [folder["new"] for folder in report["folders"]]) == ("complete", [3, 1])
    return northgate


def why(cli: Cli, number: int, person: str = ANNA) -> list[str]:
    verdict = cli.json("explain", "--mailbox", OWNER, "--message-id", f"<m{number}@mail.test>", "--person", person)
    assert verdict["shown"] == (verdict["reasons"] == [])
    return [reason["rule"] for reason in verdict["reasons"]]


def on_profiles(cli: Cli) -> dict[str, list[str]]:
    rows = cli.lines("messages", "list", "--mailbox", OWNER)
    return {row["message_id"]: [person["email"] for person in row["people"]] for row in rows}


def test_each_email_is_on_its_profile_or_says_why_not(synced: Cli, server: Dovecot | PymapServer) -> None:
    assert on_profiles(synced) == {
        "m1@mail.test": [ANNA],
        "m2@mail.test": [],
        "m3@mail.test": [],
        "m5@mail.test": [ANNA],
    }
    assert why(synced, 1) == []
    assert why(synced, 2) == ["primary_address"]
    assert why(synced, 3, "B2") == ["after_created"]
    assert why(synced, 4) == ["inbox_or_sent"]
    server.deliver(OWNER, email(6, ANNA, OWNER), internaldate=WHEN)
    assert why(synced, 6) == ["refreshed"]
    synced.ok("mailbox", "refresh", OWNER)
    assert why(synced, 6) == []
    assert on_profiles(synced)["m6@mail.test"] == [ANNA]


def test_everything_is_accounted_for_and_nothing_comes_twice(
    synced: Cli, server: Dovecot | PymapServer, password_file: str
) -> None:
    before = server.snapshot(OWNER)
    assert synced.json("mailbox", "verify", OWNER)["complete"] is True
    listed = on_profiles(synced)
    assert synced.json("mailbox", "disconnect", OWNER)["state"] == "disconnected"
    server.deliver(OWNER, email(7, ANNA, OWNER), internaldate=WHEN)
    assert on_profiles(synced) == listed
    refused = synced("mailbox", "refresh", OWNER)
    assert (refused.status, "not signed in" in refused.out) == (1, True)
    assert synced.json("mailbox", "reconnect", OWNER, "--password-file", password_file)["state"] == "connected"
    report = synced.json("mailbox", "refresh", OWNER)
    assert [folder["new"] for folder in report["folders"]] == [1, 0]
    assert on_profiles(synced) == listed | {"m7@mail.test": [ANNA]}
    check = synced.json("mailbox", "verify", OWNER)
    assert (check["complete"], [folder["held"] for folder in check["folders"]]) == (True, [4, 1])
    after = server.snapshot(OWNER)
    assert len(after["INBOX"].messages) == len(before["INBOX"].messages) + 1
    assert all(not seen.flags for seen in after["INBOX"].messages.values())


def test_a_folder_set_by_hand_counts(synced: Cli) -> None:
    folders = synced.json("mailbox", "folders", OWNER, "--set", "Clients=include")
    assert [f["synced"] for f in folders if f["name"] == "Clients"] == [True]
    synced.ok("mailbox", "refresh", OWNER)
    assert why(synced, 4) == []
    Copy.objects.filter(message__message_id="m1@mail.test").update(where="elsewhere", where_folder="Archive")
    Copy.objects.filter(message__message_id="m2@mail.test").update(where="not_found")
    rows = synced.lines("messages", "list", "--mailbox", OWNER)
    assert [(row["message_id"].partition("@")[0], row["folder"], row["where"]) for row in rows] == [
        ("m3", "INBOX", "here"),
        ("m2", "INBOX", "not_found"),
        ("m1", "INBOX", "elsewhere: Archive"),
        ("m5", "Sent", "here"),
        ("m4", "Clients", "here"),
    ]
    assert synced.lines("messages", "list", "--mailbox", OWNER, "--folder", "inbox") == rows[:3]


def test_a_policy_is_previewed_and_then_set_at_once(synced: Cli) -> None:
    preview = synced.json("policy", "set", "secondary_addresses=yes", "--preview")
    assert (preview["added"], preview["profiles"]) == (1, [{"person": "Anna Berg", "added": 1, "withdrawn": 0}])
    assert why(synced, 2) == ["primary_address"]
    assert synced.json("policy", "set", "secondary_addresses=yes")["added"] == 1
    assert why(synced, 2) == []
    assert synced.json("policy", "show")["secondary_addresses"] is True


def test_an_email_is_put_on_a_profile_and_taken_off_by_hand(synced: Cli) -> None:
    (number,) = [
        row["id"] for row in synced.lines("messages", "list", "--mailbox", OWNER) if row["message_id"] == "m2@mail.test"
    ]
    assert synced.json("link", str(number), "A1")["linked"] is True
    assert why(synced, 2) == []
    assert synced.json("unlink", "m2@mail.test", ANNA)["linked"] is False
    assert "detached" in why(synced, 2)


def test_the_raw_email_and_its_text_come_whole(synced: Cli, tmp_path: Path) -> None:
    (row,) = synced.lines("messages", "list", "--mailbox", OWNER, "--folder", "sent")
    shown = synced.json("messages", "show", str(row["id"]))
    assert (shown["text"].strip(), shown["from"]) == ("hello", {"name": "", "address": OWNER})
    raw = synced.ok("messages", "raw", str(row["id"])).raw
    # pymap's maildir hands lines out as it keeps them: ended by LF alone.
    assert raw.replace(b"\r\n", b"\n") == email(5, OWNER, ANNA).replace(b"\r\n", b"\n")
    target = tmp_path / "mail.eml"
    written = synced.json("messages", "raw", str(row["id"]), "-o", str(target))
    assert (target.read_bytes(), written) == (raw, {"file": str(target), "bytes": len(raw)})


def test_a_healthy_mailbox_passes_every_check(synced: Cli) -> None:
    examination = synced.json("doctor", OWNER)
    assert examination["ok"] is True
    assert [check["name"] for check in examination["checks"]][:7] == [
        "name_resolution",
        "connect",
        "tls",
        "sign_in",
        "capabilities",
        "folders",
        "read_only_open",
    ]
