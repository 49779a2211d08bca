"""The program as it is installed: a process of its own, on an empty data folder."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from tests import templates
from tests.cli.conftest import OWNER, connecting, email
from tests.faults import installation as forked
from tests.faults.mailboxes import account
from tests.faults.proxy import FaultProxy
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Delivery
from tests.servers.process import free_port
from tests.services.world import ALICE
from threadline.config import environment
from threadline.config.environment import BadSetting
from threadline.providers.network import resolve_guarded

THREADLINE = [sys.executable, "-c", "from threadline.cli import main; main()"]


class Installation:
    """A data folder, and the program that works on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("THREADLINE_", "DATABASE"))}
        guard = os.environ["THREADLINE_TEST_BLOCKED"]
        self.environment = kept | {"THREADLINE_DATA_DIR": str(folder), "THREADLINE_TEST_BLOCKED": guard}

    def __call__(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*THREADLINE, *arguments],
            env=self.environment | settings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def ok(self, *arguments: str, **settings: str) -> str:
        done = self(*arguments, **settings)
        assert done.returncode == 0, done
        return done.stdout


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """On an empty folder that is not there yet."""
    return Installation(tmp_path / "data")


@pytest.fixture
def used(tmp_path: Path) -> Installation:
    """On a folder in which commands have run before."""
    return Installation(templates.migrated(tmp_path / "data"))


def test_the_overview_needs_no_django_and_no_data_folder(installation: Installation) -> None:
    code = (
        "import sys\nfrom threadline.cli import main\n"
        "try:\n    main()\nfinally:\n    assert not {'django', 'structlog', 'httpx'} & set(sys.modules), 'slow'"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"],
        env=installation.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "mailbox" in done.stdout
    assert not installation.folder.exists()


def test_any_command_makes_the_store_when_it_is_new(installation: Installation) -> None:
    assert "Northgate" in installation.ok("company", "add", "Northgate")
    assert installation.folder.stat().st_mode & 0o077 == 0
    assert json.loads(installation.ok("migrate", "--json")) == {"migrated": False}


def test_a_bad_setting_is_refused_with_its_name(installation: Installation) -> None:
    done = installation("people", "list", THREADLINE_PORT="eight")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "THREADLINE_PORT is 'eight'; expected a port number from 1 to 65535.\n"
    done = installation("people", "list", "--json", DATABASE_URL="mysql://root:secret@db/x")
    assert done.returncode == 2
    assert "secret" not in json.loads(done.stderr)["error"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("THREADLINE_HOST", "the-house"),
        ("THREADLINE_TRUSTED_PROXY", "proxy.lan"),
        ("THREADLINE_BASE_URL", "https://threadline.test/mail"),
        ("THREADLINE_BASE_URL", "https://someone@threadline.test"),
        ("THREADLINE_ALLOW_HOSTS", "mail.lan, 10.1.0.0/99"),
        ("THREADLINE_ALLOW_HOSTS", "10.1.0.256"),
        ("THREADLINE_ALLOW_HOSTS", "mail.lan:99999"),
        ("THREADLINE_ALLOW_HOSTS", "mail lan"),
        ("THREADLINE_ALLOW_HOSTS", "imaps://mail.lan"),
        ("THREADLINE_MICROSOFT_CLIENT_ID", "threadline"),
        ("THREADLINE_MICROSOFT_CLIENT_SECRET", "0e7c3b2a-1111-4222-8333-944455566677"),  # the ID of the secret
        ("THREADLINE_MICROSOFT_CLIENT_SECRET", "a secret with spaces"),
        ("THREADLINE_MICROSOFT_CERTIFICATE_FILE", "/no/such/file.pem"),
        ("THREADLINE_MICROSOFT_CERTIFICATE_FILE", __file__),
        ("THREADLINE_MICROSOFT_SECRET_EXPIRES", "next year"),
        ("THREADLINE_MICROSOFT_CLOUD", "germany"),
        ("THREADLINE_MICROSOFT_TENANT", "everybody"),
        ("THREADLINE_MICROSOFT_LOGIN_URL", "http://login.example.com"),
        ("THREADLINE_MICROSOFT_GRAPH_URL", "https://graph.example.com/?a=b"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=f"{name} is .*; expected "):
        environment.read({name: value})


def test_a_secret_that_is_refused_is_not_shown() -> None:
    with pytest.raises(BadSetting) as refused:
        environment.read({"THREADLINE_MICROSOFT_CLIENT_SECRET": "swordfish swordfish"})
    assert "swordfish" not in str(refused.value)


def test_a_secret_and_a_certificate_contradict_each_other(tmp_path: Path) -> None:
    file = tmp_path / "app.pem"
    file.write_text("-----BEGIN PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\n")
    both = {"THREADLINE_MICROSOFT_CLIENT_SECRET": "a~b.c", "THREADLINE_MICROSOFT_CERTIFICATE_FILE": str(file)}
    with pytest.raises(BadSetting, match=r"THREADLINE_MICROSOFT_CERTIFICATE_FILE is .*: one of the two"):
        environment.read(both)
    assert environment.read({"THREADLINE_MICROSOFT_CERTIFICATE_FILE": str(file)})


def test_hosts_are_names_addresses_and_networks() -> None:
    hosts = "mail.lan, 10.1.0.1,[::1]:143,fd00::/8,Mail.lan:993,10.1.0.0/16,bücher.example,::1,mail_1.lan"
    read = environment.read({"THREADLINE_ALLOW_HOSTS": hosts, "THREADLINE_BASE_URL": "https://threadline.test:8443/"})
    assert read["THREADLINE_ALLOW_HOSTS"] == {host.strip().lower() for host in hosts.split(",")}
    assert read["THREADLINE_BASE_URL"] == "https://threadline.test:8443"
    for entry in read["THREADLINE_ALLOW_HOSTS"]:
        resolve_guarded("127.0.0.1", 993, allow=frozenset({entry, "127.0.0.1"}))


def test_a_key_that_others_can_read_is_refused(used: Installation) -> None:
    used.ok("company", "add", "Northgate")
    (used.folder / "secret.key").chmod(0o644)
    done = used("people", "list")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "chmod 600" in done.stderr


def test_the_doctor_reports_a_key_that_others_can_read(used: Installation) -> None:
    used.ok("company", "add", "Northgate")
    key = used.folder / "secret.key"
    key.chmod(0o644)
    done = used("doctor", OWNER, "--json")
    (check,) = json.loads(done.stdout)["checks"]
    assert (done.returncode, done.stderr, check["name"], check["ok"]) == (1, "", "key_file", False)
    assert (check["remedy"], check["who"]) == (f"Run: chmod 600 {key}", "operator")


def test_a_data_folder_that_cannot_be_used_is_named(installation: Installation) -> None:
    installation.folder.parent.mkdir(exist_ok=True)
    installation.folder.write_text("a file")
    done = installation("people", "list")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert f"The data folder {installation.folder} cannot be used: it is not a folder." in done.stderr


def test_a_demo_leaves_an_installation_of_ones_own_alone(used: Installation) -> None:
    used.ok("company", "add", "Northgate")
    before = _files(used)
    done = used("serve", "--demo", "--port", str(free_port()))
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert f"{used.folder} holds an installation of its own;" in done.stderr
    assert _files(used) == before


def _files(installation: Installation) -> list[str]:
    """What is in the data folder, without the logs of SQLite, which come and go with its last connection."""
    return sorted(path.name for path in installation.folder.iterdir() if not path.name.endswith(("-wal", "-shm")))


def test_a_second_demo_on_the_same_folder_leaves_the_first_alone(installation: Installation) -> None:
    sandbox = installation.folder / "sandbox"
    sandbox.mkdir(parents=True)
    (sandbox / "ready.json").write_text("{}")
    with (sandbox / "sandbox.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = installation("serve", "--demo", "--port", str(free_port()))
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert f"A demo is running in {installation.folder} already" in done.stderr
    assert (sandbox / "ready.json").exists()


def test_a_database_that_does_not_answer_is_named(installation: Installation) -> None:
    port = free_port()
    done = installation("people", "list", DATABASE_URL=f"postgresql://me:secret-word@127.0.0.1:{port}/mails")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert f"The database mails at 127.0.0.1, port {port} cannot be reached: nothing answers there." in done.stderr
    assert "secret-word" not in done.stderr


@pytest.fixture
def connected(used: Installation, mail_server: Dovecot, password_file: str) -> Installation:
    used.ok("company", "add", "Northgate")
    used.ok("user", "add", OWNER)
    mail_server.deliver_many(OWNER, [Delivery(email(n, "anna@posten.test", OWNER)) for n in range(300)])
    used.ok(*connecting(mail_server.host, mail_server.port, password_file))
    return used


def test_new_keys_open_what_the_old_ones_sealed(connected: Installation) -> None:
    old = (connected.folder / "secret.key").read_text()
    assert json.loads(connected.ok("keys", "rotate", "--json")) == {"resealed": 1}
    new = (connected.folder / "secret.key").read_text()
    assert (len(new.split()), new.split()[0] in old) == (1, False)
    assert json.loads(connected.ok("mailbox", "refresh", OWNER, "--json"))["outcome"] == "complete"

    # With the old key alone nothing opens, and it is the operator's matter: nobody is asked to sign in again.
    (connected.folder / "secret.key").write_text(old)
    done = connected("mailbox", "refresh", OWNER)
    assert (done.returncode, len(done.stderr.splitlines()), "Traceback" in done.stderr) == (1, 1, False)
    assert json.loads(connected.ok("mailbox", "status", OWNER, "--json"))["state"] == "delayed"


def test_with_a_key_from_the_environment_the_operator_changes_it(used: Installation) -> None:
    one, two = "first-key-" * 5, "second-key-" * 5
    used.ok("company", "add", "Northgate", THREADLINE_SECRET_KEY=one)
    done = used("keys", "rotate", THREADLINE_SECRET_KEY=one)
    assert (done.returncode, "one key only" in done.stderr) == (1, True)
    done = used("keys", "rotate", THREADLINE_SECRET_KEY=f"{two} {one}")
    assert (done.returncode, "take the old key out" in done.stderr) == (0, True)
    assert not (used.folder / "secret.key").exists()


def test_a_backup_holds_the_store_and_the_key_and_overwrites_nothing(connected: Installation, tmp_path: Path) -> None:
    target = tmp_path / "backup.tar"
    told = json.loads(connected.ok("backup", str(target), "--json"))
    assert told == {"file": str(target), "bytes": target.stat().st_size}
    assert target.stat().st_mode & 0o077 == 0
    with tarfile.open(target) as archive:
        assert sorted(archive.getnames()) == ["secret.key", "threadline.sqlite3"]
        (tmp_path / "restored").mkdir(mode=0o700)
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None
            (tmp_path / "restored" / member.name).write_bytes(content.read())
    (tmp_path / "restored" / "secret.key").chmod(0o600)
    restored = Installation(tmp_path / "restored")
    assert json.loads(restored.ok("mailbox", "refresh", OWNER, "--json"))["outcome"] == "complete"
    assert connected("backup", str(target)).returncode == 1


def test_ctrl_c_leaves_with_130_and_the_next_refresh_completes(
    used: Installation, mail_server: Dovecot, password_file: str
) -> None:
    used.ok("company", "add", "Northgate")
    used.ok("user", "add", OWNER)
    mail_server.deliver_many(OWNER, [Delivery(email(n, "anna@posten.test", OWNER)) for n in range(600)])
    with FaultProxy(mail_server.port) as proxy:
        used.ok(*connecting("127.0.0.1", proxy.port, password_file))
        proxy.reset_counts()
        proxy.behave(rate=60_000)
        program = subprocess.Popen(
            [*THREADLINE, "mailbox", "refresh", OWNER],
            env=used.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A run in the background of a shell has Ctrl-C switched off, and hands that on.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads of ours run
        )
        while proxy.bytes_down < 80_000:
            time.sleep(0.005)
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=30)
        assert (program.returncode, out, err.strip()) == (130, "", "Stopped. Nothing was left half done.")
        proxy.behave()
        report = json.loads(used.ok("mailbox", "refresh", OWNER, "--json"))
    assert report["outcome"] == "complete"
    lines = used.ok("messages", "list", "--mailbox", OWNER, "--json").splitlines()
    assert sorted(json.loads(line)["message_id"] for line in lines) == sorted(f"m{n}@mail.test" for n in range(600))


@pytest.mark.needs("dovecot")
@pytest.mark.parametrize("damage", ["not a database", "cut short"])
def test_a_damaged_text_index_is_made_again_and_stops_nothing(tmp_path: Path, dovecot: Dovecot, damage: str) -> None:
    account(dovecot, 0, 1, 2)
    with forked.Installation(tmp_path) as installation:
        installation.set_up(dovecot.port)
        installation.ok("mailbox", "refresh", ALICE)
        index = installation.data / "search.sqlite3"
        for beside in ("-wal", "-shm"):
            index.with_name(index.name + beside).unlink(missing_ok=True)
        index.write_bytes(b"no index at all" * 400 if damage == "not a database" else index.read_bytes()[:4096])
        assert "connected" in installation.ok("mailbox", "status", ALICE).out.lower()
        assert installation.ok("search", "rebuild", "--json").data["indexed"] == 3
        assert installation.ok("mailbox", "refresh", ALICE, "--json").data["outcome"] == "complete"
        installation.ok("doctor", ALICE)
