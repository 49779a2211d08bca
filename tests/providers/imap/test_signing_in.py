"""Reaching a server and signing in: what is said when it does not work, and that no secret leaks on the way."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator

import pytest

from tests.faults.proxy import FaultProxy
from tests.providers.contract.backends import Secrets
from tests.providers.contract.engine import Engine, inbox
from tests.providers.imap.scripted import CLOSE, ScriptedServer, on
from tests.servers.dovecot import Dovecot
from threadline.domain.causes import Cause
from threadline.domain.errors import NeedsUser, ProviderError, Transient
from threadline.providers.contract import Security, ServerSettings
from threadline.providers.imap import open_session, probe
from threadline.providers.imap.channel import Channel
from threadline.providers.network import Endpoint
from threadline.providers.probing import Step

OWNER = "anna@acme.test"


def to_loopback(_host: str, port: int) -> list[Endpoint]:
    return [Endpoint(socket.AF_INET, "127.0.0.1", port)]


def refused(server: ScriptedServer, **how: object) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        server.open(**how).close()  # type: ignore[arg-type]
    return caught.value


class TestTls:
    @pytest.fixture
    def trusting(self, dovecot: Dovecot) -> ssl.SSLContext:
        dovecot.add_user(OWNER, "secret")
        return ssl.create_default_context(cafile=str(dovecot.ca_file))

    def settings(self, port: int, security: Security, host: str = "localhost") -> ServerSettings:
        return ServerSettings(host, port, security, OWNER)

    def test_tls_and_starttls_with_a_trusted_certificate(self, dovecot: Dovecot, trusting: ssl.SSLContext) -> None:
        for port, security in ((dovecot.tls_port, Security.TLS), (dovecot.port, Security.STARTTLS)):
            with open_session(
                self.settings(port, security), Secrets("secret"), resolve=to_loopback, tls=trusting, timeout=10
            ) as session:
                assert session.folders()

    def test_the_name_is_checked_although_a_checked_address_is_connected_to(
        self, dovecot: Dovecot, trusting: ssl.SSLContext
    ) -> None:
        settings = self.settings(dovecot.tls_port, Security.TLS, host="mail.acme.test")
        with pytest.raises(Transient) as caught:
            open_session(settings, Secrets("secret"), resolve=to_loopback, tls=trusting, timeout=10)
        assert caught.value.cause is Cause.CERTIFICATE_INVALID

    def test_certificates_are_verified_unless_told_otherwise(self, dovecot: Dovecot, trusting: ssl.SSLContext) -> None:
        for port, security in ((dovecot.tls_port, Security.TLS), (dovecot.port, Security.STARTTLS)):
            with pytest.raises(Transient) as caught:
                open_session(self.settings(port, security), Secrets("secret"), resolve=to_loopback, timeout=10)
            assert caught.value.cause is Cause.CERTIFICATE_INVALID

    def test_an_expired_certificate_is_named(self, dovecot: Dovecot, trusting: ssl.SSLContext) -> None:
        settings = self.settings(dovecot.expired_tls_port, Security.TLS)
        with pytest.raises(Transient) as caught:
            open_session(settings, Secrets("secret"), resolve=to_loopback, tls=trusting, timeout=10)
        assert caught.value.cause is Cause.CERTIFICATE_INVALID
        assert "expired" in str(caught.value)

    def test_tls_towards_a_port_without_it_is_said_to_be_no_such_server(
        self, dovecot: Dovecot, trusting: ssl.SSLContext
    ) -> None:
        with pytest.raises(Transient) as caught:
            open_session(
                self.settings(dovecot.port, Security.TLS),
                Secrets("secret"),
                resolve=to_loopback,
                tls=trusting,
                timeout=5,
            )
        assert caught.value.cause is Cause.NOT_A_MAIL_SERVER


class TestNoSecretInTheClear:
    @pytest.mark.parametrize("greeting", ["* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi", "* PREAUTH welcome"])
    def test_starttls_that_is_not_offered_ends_before_the_password(self, greeting: str) -> None:
        with ScriptedServer(greeting=greeting) as server:
            error = refused(server, security=Security.STARTTLS)
            assert error.cause is Cause.PLAINTEXT_REFUSED
            assert not server.sent("AUTHENTICATE")
            assert not server.sent("LOGIN")

    def test_data_sent_ahead_of_tls_is_refused(self) -> None:
        script = on("STARTTLS", "%t OK go\r\n* CAPABILITY IMAP4rev1")
        with ScriptedServer(script, capabilities="IMAP4rev1 STARTTLS") as server:
            error = refused(server, security=Security.STARTTLS)
            assert "in the clear" in error.answer
            assert not server.sent("LOGIN")

    def test_a_server_that_disables_login_gets_no_password(self) -> None:
        with ScriptedServer(capabilities="IMAP4rev1 LOGINDISABLED") as server:
            error = refused(server)
            assert isinstance(error, NeedsUser)
            assert error.cause is Cause.PLAINTEXT_REFUSED
            assert not server.sent("LOGIN")


class TestPasswords:
    def test_plain_goes_at_once_where_announced_and_waits_where_not(self) -> None:
        expected = base64.b64encode(b"\0anna\0secret").decode()
        with ScriptedServer(on("AUTHENTICATE"), capabilities="IMAP4rev1 AUTH=PLAIN SASL-IR") as server:
            server.open().close()
            assert f"AUTHENTICATE PLAIN {expected}" in server.commands
        with Challenge(expected) as server:
            server.open().close()

    def test_a_server_that_announces_plain_and_does_not_know_it_is_asked_by_login(self) -> None:
        script = on("AUTHENTICATE", "%t BAD unknown command")
        with ScriptedServer(script, capabilities="IMAP4rev1 AUTH=PLAIN SASL-IR") as server:
            server.open().close()
            assert server.sent("LOGIN") == ['LOGIN "anna" "secret"']

    def test_a_refusal_is_final_and_not_tried_in_another_way(self) -> None:
        script = on("AUTHENTICATE", "%t NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)")
        with ScriptedServer(script, capabilities="IMAP4rev1 AUTH=PLAIN SASL-IR") as server:
            assert refused(server).cause is Cause.CREDENTIALS_REJECTED
            assert not server.sent("LOGIN")

    def test_gmails_alert_asks_for_the_browser(self) -> None:
        script = on(
            "LOGIN",
            "* NO [WEBALERT https://accounts.google.com/signin/continue] Web login required.",
            "%t NO [ALERT] Please log in via your web browser: https://support.google.com/mail/answer/78754 (Failure)",
        )
        with ScriptedServer(script) as server:
            error = refused(server)
        assert error.cause is Cause.WEB_SIGN_IN_REQUIRED
        assert "https://accounts.google.com/signin/continue" in error.answer

    def test_an_unknown_refusal_is_never_a_wrong_password(self) -> None:
        with ScriptedServer(on("LOGIN", "%t NO Lookup failed")) as server:
            assert isinstance(refused(server), Transient)

    def test_a_temporary_failure_of_the_server_is_its_own(self, dovecot: Dovecot) -> None:
        dovecot.add_user(OWNER, "secret")
        dovecot.set_sign_in_unavailable(True)
        with pytest.raises(Transient) as caught:
            open_session(
                ServerSettings(dovecot.host, dovecot.port, Security.NONE, OWNER), Secrets("secret"), timeout=10
            )
        assert caught.value.cause is Cause.SERVER_TROUBLE


class Challenge(ScriptedServer):
    """Announces PLAIN without SASL-IR: the secret must wait for the server's leave."""

    def __init__(self, expected: str) -> None:
        super().__init__(
            on("AUTHENTICATE PLAIN$", "+ \r\n%t OK signed in"),
            on("LOGIN", "%t BAD"),
            capabilities="IMAP4rev1 AUTH=PLAIN",
        )
        self._expected = expected

    def __exit__(self, *args: object) -> None:
        super().__exit__(*args)  # type: ignore[arg-type]
        assert "AUTHENTICATE PLAIN" in self.commands


class TestTokens:
    def test_dovecot_lets_a_valid_token_in_and_refuses_another(self, dovecot: Dovecot) -> None:
        dovecot.accept_token("good-token", OWNER)
        settings = ServerSettings(dovecot.host, dovecot.port, Security.NONE, OWNER)
        with open_session(settings, Secrets(token="good-token"), timeout=10) as session:
            assert session.folders()
        dovecot.reject_token("good-token")
        with pytest.raises(NeedsUser) as caught:
            open_session(settings, Secrets(token="good-token"), timeout=10)
        assert caught.value.cause is Cause.CREDENTIALS_REJECTED
        assert "good-token" not in caught.value.answer

    def test_oauthbearer_where_that_is_what_is_offered(self) -> None:
        with ScriptedServer(on("AUTHENTICATE"), capabilities="IMAP4rev1 AUTH=OAUTHBEARER SASL-IR") as server:
            server.open(token="abc").close()
            (command,) = server.sent("AUTHENTICATE OAUTHBEARER ")
        message = base64.b64decode(command.split()[2])
        assert message.startswith(b"n,a=anna,\x01host=127.0.0.1\x01port=")
        assert message.endswith(b"\x01auth=Bearer abc\x01\x01")

    def test_gmails_challenge_after_a_refusal_is_answered_with_an_empty_line(self) -> None:
        challenge = base64.b64encode(b'{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}').decode()
        script = [
            on("AUTHENTICATE XOAUTH2", f"+ {challenge}"),
            on("$", "T2 NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)"),
        ]
        with ScriptedServer(*script, capabilities="IMAP4rev1 AUTH=XOAUTH2 SASL-IR") as server:
            error = refused(server, token="old")
            assert server.commands[-1] == ""
        assert error.cause is Cause.CREDENTIALS_REJECTED

    def test_a_server_that_takes_no_tokens_gets_none(self) -> None:
        with ScriptedServer(capabilities="IMAP4rev1 AUTH=PLAIN") as server:
            assert isinstance(refused(server, token="abc"), NeedsUser)
            assert not server.sent("AUTHENTICATE")


class TestReaching:
    def cause(self, settings: ServerSettings, **how: object) -> Cause:
        with pytest.raises(Transient) as caught:
            open_session(settings, Secrets("secret"), timeout=0.4, **how)  # type: ignore[arg-type]
        return caught.value.cause

    def test_a_host_that_does_not_exist(self) -> None:
        def nobody(_host: str, _port: int) -> list[Endpoint]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        settings = ServerSettings("nowhere.invalid", 993, Security.TLS, OWNER)
        assert self.cause(settings, resolve=nobody) is Cause.HOST_UNKNOWN
        assert self.cause(settings, resolve=lambda _host, _port: []) is Cause.HOST_UNKNOWN

    def test_a_port_where_nobody_listens(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        assert self.cause(ServerSettings("127.0.0.1", port, Security.NONE, OWNER)) is Cause.HOST_REFUSED

    @pytest.mark.parametrize("security", list(Security))
    def test_a_host_that_never_answers(self, security: Security) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            assert self.cause(ServerSettings("127.0.0.1", port, security, OWNER)) is Cause.HOST_SILENT

    @pytest.mark.parametrize("greeting", ["220 mail.acme.test ESMTP Postfix", "HTTP/1.1 400 Bad Request", "SSH-2.0-x"])
    def test_something_that_is_no_imap_server(self, greeting: str) -> None:
        with ScriptedServer(greeting=greeting) as server:
            assert refused(server).cause is Cause.NOT_A_MAIL_SERVER

    def test_a_full_server_says_so_in_its_greeting(self) -> None:
        with ScriptedServer(greeting="* BYE [ALERT] Too many connections.") as server:
            assert refused(server).cause is Cause.TOO_MANY_CONNECTIONS

    def test_a_server_that_falls_silent_while_signing_in(self) -> None:
        with ScriptedServer(on("CAPABILITY", "* OK [ALERT] wait")) as server:
            assert refused(server, timeout=0.3).cause is Cause.HOST_SILENT

    def test_a_server_that_drips_does_not_hold_us_for_ever(self) -> None:
        ours, theirs = socket.socketpair()
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(0.02):
                theirs.send(b"* OK wait\r\n")

        thread = threading.Thread(target=drip, daemon=True)
        with contextlib.closing(theirs), contextlib.closing(Channel(ours, "slow.test")) as channel:
            channel.allow(0.3, each=5)
            thread.start()
            with pytest.raises(Transient) as caught:
                channel.run(b"CAPABILITY")
            stop.set()
            thread.join()
        assert caught.value.cause is Cause.HOST_SILENT

    def test_a_dead_address_does_not_hide_a_live_one(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            dead = listener.getsockname()[1]
        with ScriptedServer() as server:
            places = [Endpoint(socket.AF_INET, "127.0.0.1", dead), Endpoint(socket.AF_INET, "127.0.0.1", server.port)]
            open_session(server.settings(), Secrets("secret"), resolve=lambda _host, _port: places, timeout=5).close()

    @pytest.fixture
    def proxy(self, dovecot: Dovecot) -> Iterator[FaultProxy]:
        dovecot.add_user(OWNER, "secret")
        with FaultProxy(dovecot.port) as proxy:
            yield proxy

    def test_what_the_network_does_is_never_the_users(self, proxy: FaultProxy) -> None:
        settings = ServerSettings("127.0.0.1", proxy.port, Security.NONE, OWNER)
        with open_session(settings, Secrets("secret"), timeout=5) as session:
            proxy.cut_all()
            with pytest.raises(Transient) as caught:
                session.folders()
        assert caught.value.cause is Cause.CONNECTION_LOST
        proxy.behave(refuse=True)
        assert self.cause(settings) in (Cause.HOST_REFUSED, Cause.CONNECTION_LOST)

    def test_a_refresh_without_changes_is_at_most_three_round_trips_a_folder(
        self, proxy: FaultProxy, dovecot: Dovecot
    ) -> None:
        dovecot.deliver(OWNER, b"Subject: x\r\n\r\nx\r\n")
        settings = ServerSettings("127.0.0.1", proxy.port, Security.NONE, OWNER)
        with open_session(settings, Secrets("secret"), timeout=5) as session:
            folder, engine = inbox(session), Engine()
            engine.refresh(session, folder)
            proxy.reset_counts()
            engine.refresh(session, folder)
            assert proxy.round_trips <= 3


class TestProbe:
    def test_every_step_is_ok_on_a_good_server(self, dovecot: Dovecot) -> None:
        dovecot.add_user(OWNER, "secret")
        settings = ServerSettings(dovecot.host, dovecot.port, Security.NONE, OWNER)
        steps = probe(settings, Secrets("secret"), timeout=10)
        assert [step.step for step in steps] == list(Step)
        assert all(step.ok and step.detail and step.error is None for step in steps)

    def test_it_stops_at_the_step_that_fails_and_says_why(self, dovecot: Dovecot) -> None:
        dovecot.add_user(OWNER, "secret")
        settings = ServerSettings(dovecot.host, dovecot.port, Security.NONE, OWNER)
        *good, last = probe(settings, Secrets("wrong"), timeout=10)
        assert all(step.ok for step in good)
        assert (last.step, last.ok) == (Step.SIGN_IN, False)
        assert isinstance(last.error, NeedsUser)

    def test_each_earlier_failure_has_its_own_step(self) -> None:
        def nobody(_host: str, _port: int) -> list[Endpoint]:
            raise socket.gaierror

        def last(settings: ServerSettings, **how: object) -> Step:
            return probe(settings, Secrets("x"), timeout=0.5, **how)[-1].step  # type: ignore[arg-type]

        assert last(ServerSettings("x.invalid", 1, Security.TLS, "x"), resolve=nobody) is Step.NAME_RESOLUTION
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            assert last(ServerSettings("127.0.0.1", port, Security.TLS, "x")) is Step.TLS
        assert last(ServerSettings("127.0.0.1", port, Security.TLS, "x")) is Step.CONNECT
        with ScriptedServer(on("EXAMINE", "%t NO [UNAVAILABLE] later")) as server:
            assert last(server.settings()) is Step.READ_ONLY_OPEN
        with ScriptedServer(on("LIST", "* BYE", CLOSE)) as server:
            assert last(server.settings()) is Step.FOLDERS
