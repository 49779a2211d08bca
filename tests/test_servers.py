"""The test bed keeps its own promises: a proof is only as good as the server and the lister behind it."""

import datetime as dt
import imaplib
import socket
import ssl
import time

import psycopg
import pytest
from playwright.sync_api import Page

from tests.faults.proxy import Cut, FaultProxy
from tests.plugins.browser import BrowserLog
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Delivery, decode_folder, encode_folder
from tests.servers.process import ServerFailed
from tests.servers.pymap import PymapServer
from tests.sweep import sample

ALICE, PASSWORD = "alice@acme.test", "corr\"ect \\ horse"  # fmt: skip
FIRST = dt.datetime(2024, 2, 29, 8, 15, tzinfo=dt.UTC)


def mail(number: int) -> bytes:
    return f"Message-ID: <m{number}@acme.test>\r\nSubject: mail {number}\r\n\r\nhello\r\n".encode()


def sign_in(server: Dovecot, password: str = PASSWORD, *, port: int | None = None) -> imaplib.IMAP4:
    client = imaplib.IMAP4("127.0.0.1", port or server.port, timeout=10)
    try:
        client.login(ALICE, password)
    except imaplib.IMAP4.error:
        client.shutdown()
        raise
    return client


@pytest.fixture
def mailbox(dovecot: Dovecot) -> Dovecot:
    dovecot.add_user(ALICE, PASSWORD)
    dovecot.deliver_many(ALICE, [Delivery(mail(number)) for number in range(3)])
    return dovecot


def test_a_snapshot_lists_every_folder_with_uids_flags_and_sizes(mailbox: Dovecot) -> None:
    mailbox.deliver(ALICE, mail(9), folder="Clients/Müller & Co", flags=["\\Seen"], internaldate=FIRST)
    seen = mailbox.snapshot(ALICE)
    assert {"INBOX", "Sent", "Trash", "Clients/Müller & Co"} <= set(seen)
    assert seen["INBOX"].uids_of("m1@acme.test") == [2]
    assert seen["INBOX"].uidnext == 4
    assert seen["INBOX"].highestmodseq is not None
    (only,) = seen["Clients/Müller & Co"].messages.values()
    assert (only.flags, only.size) == (frozenset({"\\Seen"}), len(mail(9)))


def test_looking_changes_nothing(mailbox: Dovecot) -> None:
    assert mailbox.snapshot(ALICE) == mailbox.snapshot(ALICE)


def test_mail_is_filed_removed_and_marked(mailbox: Dovecot) -> None:
    mailbox.move(ALICE, "m0@acme.test", "INBOX", "Clients/Acme")
    mailbox.expunge(ALICE, "m1@acme.test")
    mailbox.set_flags(ALICE, "m2@acme.test", ["\\Flagged"])
    seen = mailbox.snapshot(ALICE)
    assert [one.message_id for one in seen["Clients/Acme"].messages.values()] == ["m0@acme.test"]
    assert [(one.message_id, one.flags) for one in seen["INBOX"].messages.values()] == [
        ("m2@acme.test", frozenset({"\\Flagged"}))
    ]


def test_a_new_uidvalidity_keeps_the_mail(mailbox: Dovecot) -> None:
    before = mailbox.snapshot(ALICE)["INBOX"]
    new = mailbox.change_uidvalidity(ALICE)
    after = mailbox.snapshot(ALICE)["INBOX"]
    assert after.uidvalidity == new != before.uidvalidity
    assert len(after.messages) == 3


def test_a_changed_password_counts_at_once(mailbox: Dovecot) -> None:
    sign_in(mailbox).logout()
    mailbox.set_password(ALICE, "another")
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        sign_in(mailbox)
    sign_in(mailbox, "another").logout()


def test_sign_in_can_be_unavailable_without_being_wrong(mailbox: Dovecot) -> None:
    mailbox.set_sign_in_unavailable(True)
    with pytest.raises(imaplib.IMAP4.error, match="UNAVAILABLE"):
        sign_in(mailbox)
    mailbox.set_sign_in_unavailable(False)
    sign_in(mailbox).logout()


def test_kick_drops_the_connection(dovecot: Dovecot) -> None:
    dovecot.add_user(ALICE, PASSWORD)  # without mail: whoever delivers it is signed in for a moment longer
    client = sign_in(dovecot)
    dovecot.kick(ALICE)
    assert client.readline().startswith(b"* BYE"), "said unasked, before the connection ends"
    with pytest.raises((imaplib.IMAP4.abort, OSError)):
        client.noop()
    client.shutdown()


def test_nobody_to_kick_is_an_error(dovecot: Dovecot) -> None:
    dovecot.add_user(ALICE, PASSWORD)
    with pytest.raises(ServerFailed, match="not signed in"):
        dovecot.kick(ALICE, seconds=0.1)


def test_mail_and_ports_survive_a_stop(mailbox: Dovecot) -> None:
    before = mailbox.snapshot(ALICE)
    mailbox.stop()
    with pytest.raises(OSError, match="refused"):
        sign_in(mailbox)
    mailbox.start()
    assert mailbox.snapshot(ALICE) == before


def test_tls_is_trusted_with_the_authority_and_refused_when_expired(mailbox: Dovecot) -> None:
    trusting = ssl.create_default_context(cafile=str(mailbox.ca_file))
    client = imaplib.IMAP4_SSL("localhost", mailbox.tls_port, ssl_context=trusting)
    client.login(ALICE, PASSWORD)
    client.logout()
    upgraded = imaplib.IMAP4("localhost", mailbox.port)
    upgraded.starttls(trusting)
    upgraded.login(ALICE, PASSWORD)
    upgraded.logout()
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        imaplib.IMAP4_SSL("localhost", mailbox.expired_tls_port, ssl_context=trusting)


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [("expired", "expired"), ("self_signed", "local issuer"), ("other_host", "Hostname mismatch")],
)
def test_starttls_can_show_a_bad_certificate(mailbox: Dovecot, kind: str, complaint: str) -> None:
    mailbox.use_certificate(kind)  # type: ignore[arg-type]
    client = imaplib.IMAP4("localhost", mailbox.port)
    with pytest.raises(ssl.SSLCertVerificationError, match=complaint):
        client.starttls(ssl.create_default_context(cafile=str(mailbox.ca_file)))
    client.file.close()


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
def test_a_token_signs_in_until_it_is_rejected(mailbox: Dovecot, mechanism: str) -> None:
    def answer(challenge: bytes) -> bytes:
        if challenge:
            return b"" if mechanism == "XOAUTH2" else b"\1"
        start = b"user=" + ALICE.encode() if mechanism == "XOAUTH2" else b"n,a=" + ALICE.encode() + b","
        return start + b"\1auth=Bearer a-token\1\1"

    mailbox.accept_token("a-token", ALICE)
    client = imaplib.IMAP4("127.0.0.1", mailbox.port)
    assert client.authenticate(mechanism, answer)[0] == "OK"
    client.logout()
    mailbox.reject_token("a-token")
    client = imaplib.IMAP4("127.0.0.1", mailbox.port)
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        client.authenticate(mechanism, answer)
    client.shutdown()


def test_pymap_keeps_mail_over_a_restart_and_has_no_condstore(pymap_server: PymapServer) -> None:
    pymap_server.add_user(ALICE, PASSWORD)
    pymap_server.deliver(ALICE, mail(1), folder="Envoyés", flags=["\\Seen"], internaldate=FIRST)
    before = pymap_server.snapshot(ALICE)
    assert before["Envoyés"].uids_of("m1@acme.test") != []
    assert before["Envoyés"].highestmodseq is None
    pymap_server.restart()
    assert pymap_server.snapshot(ALICE) == before


def test_postgres_gives_each_test_an_empty_database(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE mine (id int)")
        (tables,) = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() or (0,)
    assert tables == 1


class TestFaults:
    def test_bytes_and_round_trips_are_counted(self, mailbox: Dovecot) -> None:
        with FaultProxy(mailbox.port) as proxy:
            client = sign_in(mailbox, port=proxy.port)
            proxy.reset_counts()
            for _ in range(5):
                client.noop()
            assert proxy.round_trips == 5
            assert proxy.bytes_up == 5 * len("ABCD1 NOOP\r\n")
            client.logout()

    def test_latency_is_paid_once_each_way(self, mailbox: Dovecot) -> None:
        with FaultProxy(mailbox.port) as proxy:
            client = sign_in(mailbox, port=proxy.port)
            proxy.behave(latency=0.1)
            started = dt.datetime.now(dt.UTC)
            client.noop()
            assert 0.19 < (dt.datetime.now(dt.UTC) - started).total_seconds() < 2
            proxy.behave()
            client.logout()

    @pytest.mark.parametrize("how", ["close", "reset"])
    def test_a_connection_is_cut_after_some_bytes(self, mailbox: Dovecot, how: str) -> None:
        with FaultProxy(mailbox.port) as proxy:
            client = sign_in(mailbox, port=proxy.port)
            proxy.behave(down=Cut(after=proxy.bytes_down + 5, how=how))  # type: ignore[arg-type]
            with pytest.raises((imaplib.IMAP4.abort, ConnectionResetError)):
                client.noop()
            client.shutdown()
            proxy.behave()
            sign_in(mailbox, port=proxy.port).logout()

    def test_a_stalled_server_says_nothing_more(self, mailbox: Dovecot) -> None:
        with FaultProxy(mailbox.port) as proxy:
            client = sign_in(mailbox, port=proxy.port)
            proxy.behave(down=Cut(after=0, how="stall"))
            client.sock.settimeout(0.3)
            with pytest.raises(TimeoutError):
                client.noop()
            client.shutdown()

    def test_a_byte_is_corrupted(self, mailbox: Dovecot) -> None:
        with FaultProxy(mailbox.port) as proxy:
            proxy.behave(down=Cut(after=0, how="corrupt"))
            with pytest.raises(imaplib.IMAP4.error):
                imaplib.IMAP4("127.0.0.1", proxy.port, timeout=5)

    def test_connections_are_refused_and_open_ones_dropped(self, mailbox: Dovecot) -> None:
        with FaultProxy(mailbox.port) as proxy:
            client = sign_in(mailbox, port=proxy.port)
            proxy.cut_all()
            with pytest.raises((imaplib.IMAP4.abort, OSError)):
                client.noop()
            client.shutdown()
            proxy.behave(refuse=True)
            with pytest.raises((imaplib.IMAP4.error, OSError)):
                imaplib.IMAP4("127.0.0.1", proxy.port, timeout=5)

    def test_new_behaviour_counts_also_when_a_connection_is_cut_just_then(self, mailbox: Dovecot) -> None:
        with FaultProxy(mailbox.port) as proxy:
            with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as client:
                client.recv(1000)
                proxy.reset_counts()
                proxy.behave(up=Cut(after=50, how="refuse"), rate=100)
                client.sendall(b"X" * 100)  # half a second on its way before it is cut
                while not proxy.bytes_up:
                    time.sleep(0.01)
                proxy.behave()
                assert client.recv(1000) == b""
            sign_in(mailbox, port=proxy.port).logout()


def test_the_browser_shows_a_page_and_notices_an_error(page: Page, browser_log: BrowserLog) -> None:
    browser_log.allow("deliberate")
    page.set_content("<h1>hello</h1><script>console.error('deliberate')</script>")
    assert page.inner_text("h1") == "hello"
    page.evaluate("console.error('surprise')")
    page.wait_for_timeout(50)
    assert len(browser_log.problems) == 1
    browser_log.allow("surprise")


@pytest.mark.parametrize("name", ["Gesendet", "Envoyés", "A&B", "送信済み", "tab\there", "Пошта/&"])
def test_folder_names_survive_modified_utf_7(name: str) -> None:
    assert decode_folder(encode_folder(name)) == name


def test_a_sample_holds_the_ends_and_repeats_with_its_seed() -> None:
    cases = sample(range(10_000), 20, full=False)
    assert (cases[0], cases[-1], len(cases)) == (0, 9_999, 20)
    assert cases == sample(range(10_000), 20, full=False) == sorted(cases)
    assert len(sample(range(10_000), 20, full=True)) == 10_000
