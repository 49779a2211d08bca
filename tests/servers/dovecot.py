"""A real Dovecot 2.3 for one test: ready in a moment, on loopback, without root.

    with Dovecot() as server:
        server.add_user("alice@acme.test", "secret")
        server.deliver("alice@acme.test", b"Subject: hello\r\n\r\nhi", folder="Clients/Acme")
        server.snapshot("alice@acme.test")["INBOX"].messages

Besides serving mail it can do what providers do to a mailbox: change a password, lose a UIDVALIDITY, drop
connections, move mail to another folder, show an expired certificate, reject a token, be away for a while.
"""

import contextlib
import datetime as dt
import re
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType

from tests.faults.proxy import FaultProxy
from tests.servers import certificates, imap_client, process
from tests.servers.imap_client import Delivery, FolderSnapshot
from tests.servers.introspection import Introspection
from tests.servers.process import LOOPBACK, Daemon

SPECIAL_USE = {
    "Sent": "\\Sent",
    "Drafts": "\\Drafts",
    "Trash": "\\Trash",
    "Junk": "\\Junk",
    "Archive": "\\Archive",
}

_NOBODY_SIGNED_IN = 68  # EX_NOHOST, as `doveadm kick` ends when it finds no session

_MAIN = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.key
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2 oauthbearer
auth_failure_delay = 0
auth_cache_size = 0
auth_worker_max_count = 10
auth_debug = yes
mail_location = {storage}:~/mail
mail_fsync = never
mail_max_userip_connections = 1000
first_valid_uid = 1
shutdown_clients = yes
{capability}
passdb {{
  driver = checkpassword
  args = {folder}/check-password
  mechanisms = plain login
  default_fields = nodelay=yes
}}
passdb {{
  driver = oauth2
  args = {folder}/oauth2.conf
  mechanisms = xoauth2 oauthbearer
  default_fields = nodelay=yes
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/homes/%u allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
  prefix = {prefix}
  separator = {separator}
{mailboxes}
}}
service imap-login {{
  chroot =
  service_count = 0
  process_min_avail = 1
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 500
}}
service auth {{
  user = {user}
}}
service auth-worker {{
  user = {user}
}}
service anvil {{
  chroot =
  # Failed sign-ins would otherwise wait 2 to 15 seconds, and longer each time.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""

# Dovecot looks at a passwd-file at most once a second; a program is asked every time, so a changed password counts
# at once. The checkpassword protocol: user and password on descriptor 3, each ended by NUL; status 1 is a wrong
# password, 111 "try again later".
_CHECK_PASSWORD = """\
#!/bin/sh
{{ IFS= read -r user; IFS= read -r password; }} <<END
$(tr '\\000' '\\n' <&3)
END
[ ! -e {folder}/unavailable ] || exit 111
[ -f "{folder}/passwords/$user" ] || exit 1
[ "$(cat "{folder}/passwords/$user")" = "$password" ] || exit 1
export USER="$user"
exec "$@"
"""

_OAUTH2 = """\
introspection_mode = post
introspection_url = {url}
username_attribute = email
active_attribute = active
active_value = true
"""


class Dovecot:
    """A context manager; `start`, `stop` and `restart` in between keep the mail and the ports."""

    host = LOOPBACK

    def __init__(
        self,
        *,
        special_use: bool = True,
        storage: str = "mdbox",
        separator: str = "/",
        prefix: str = "",
        capability: str | None = None,
    ) -> None:
        """`capability` replaces the announced list, for a server that lacks some; `prefix` may be "INBOX."."""
        self._program = process.find_program("dovecot")
        self._doveadm = process.find_program("doveadm")
        self._special_use = special_use
        self._storage = storage
        self._separator = separator
        self._prefix = prefix
        self._capability = capability
        self._open = contextlib.ExitStack()
        self._passwords: dict[str, str] = {}
        self._expired: FaultProxy | None = None

    def __enter__(self) -> "Dovecot":
        with contextlib.ExitStack() as opening:
            self.folder = opening.enter_context(process.private_folder("tl-dovecot-"))
            for name in ("run", "state", "homes", "passwords"):
                process.make_folder(self.folder / name)
            process.write_file(self.folder / "check-password", _CHECK_PASSWORD.format(folder=self.folder), mode=0o700)
            self._authority = certificates.Authority(self.folder)
            self._introspection = opening.enter_context(Introspection())
            process.write_file(self.folder / "oauth2.conf", _OAUTH2.format(url=self._introspection.url))
            self._put_certificate("valid")
            self.port = process.free_port()
            self.tls_port = process.free_port()
            self._configuration = process.write_file(self.folder / "dovecot.conf", self._text())
            self._daemon = Daemon(
                [self._program, "-F", "-c", self._configuration],
                self.folder,
                self.folder / "output",
                grace=0.2,  # the master process would sleep for a second after its children have ended
            )
            opening.callback(self.stop)
            self.start()
            self._open = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    # Running

    def start(self) -> None:
        self._daemon.start(lambda: process.greets(self.port))

    def stop(self) -> None:
        """Go away: connections end, new ones are refused. Mail, passwords and ports stay for `start`."""
        self._daemon.stop()
        (self.folder / "run" / "master.pid").unlink(missing_ok=True)

    def restart(self) -> None:
        self.stop()
        self.start()

    def doveadm(self, *arguments: str, check: bool = True) -> str:
        """Dovecot's own administration command; its output."""
        done = self._run_doveadm(arguments, check=check)
        return done.stdout.decode()

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    # Certificates and sign-in

    @property
    def ca_file(self) -> Path:
        """What a client must trust to accept the valid certificate."""
        return self._authority.ca_file

    @property
    def expired_tls_port(self) -> int:
        """The same server behind a certificate that expired ten days ago."""
        if self._expired is None:
            context = self._authority.pair("expired").server_context()
            self._expired = self._open.enter_context(FaultProxy(self.port, tls=context))
        return self._expired.port

    def use_certificate(self, kind: certificates.Kind) -> None:
        """Show another certificate from now on, on the TLS port and for STARTTLS."""
        self._put_certificate(kind)
        self.restart()

    def add_user(self, name: str, password: str) -> None:
        process.make_folder(self.folder / "homes" / name)
        self.set_password(name, password)

    def set_password(self, user: str, password: str) -> None:
        """Valid from the next sign-in; open connections go on, as they do at most providers."""
        process.write_file(self.folder / "passwords" / user, password)
        self._passwords[user] = password

    def remove_user(self, user: str) -> None:
        """The account is gone; its mail stays in the folder."""
        (self.folder / "passwords" / user).unlink()
        del self._passwords[user]

    def set_sign_in_unavailable(self, unavailable: bool) -> None:
        """Answer every password with `NO [UNAVAILABLE]`: the server's own trouble, not a wrong password."""
        marker = self.folder / "unavailable"
        if unavailable:
            process.write_file(marker, "")
        else:
            marker.unlink(missing_ok=True)

    def accept_token(self, token: str, user: str) -> None:
        """Let this OAuth access token in as `user` (XOAUTH2 and OAUTHBEARER)."""
        process.make_folder(self.folder / "homes" / user)
        self._introspection.accept(token, user)

    def reject_token(self, token: str) -> None:
        self._introspection.reject(token)

    # Mail

    def deliver(
        self,
        user: str,
        raw: bytes,
        folder: str = "INBOX",
        flags: Iterable[str] = (),
        internaldate: dt.datetime | None = None,
    ) -> None:
        """Let an email arrive in a folder, which is created when missing."""
        self.deliver_many(user, [Delivery(raw, folder, tuple(flags), internaldate)])

    def deliver_many(self, user: str, deliveries: Sequence[Delivery]) -> None:
        imap_client.append(LOOPBACK, self.port, user, self._passwords[user], deliveries)

    def snapshot(self, user: str) -> dict[str, FolderSnapshot]:
        """What the server itself holds, folder by folder; takes it read-only."""
        return imap_client.snapshot(LOOPBACK, self.port, user, self._passwords[user])

    def create_folder(self, user: str, folder: str) -> None:
        self.doveadm("mailbox", "create", "-s", "-u", user, folder)

    def delete_folder(self, user: str, folder: str) -> None:
        self.doveadm("mailbox", "delete", "-s", "-u", user, folder)

    def rename_folder(self, user: str, folder: str, to: str) -> None:
        self.doveadm("mailbox", "rename", "-s", "-u", user, folder, to)

    def change_uidvalidity(self, user: str, folder: str = "INBOX") -> int:
        """Give the folder a new UIDVALIDITY, as after a restore from backup; the UIDs stay. Returns the new one."""
        new = self.snapshot(user)[folder].uidvalidity + 1
        self.doveadm("mailbox", "update", "-u", user, "--uid-validity", str(new), folder)
        return new

    def kick(self, user: str, *, seconds: float = 10.0) -> None:
        """Drop the user's open connections; there is one, or will be within `seconds`.

        A sign-in is answered a moment before Dovecot counts it among those that can be dropped.
        """
        deadline = time.monotonic() + seconds
        while (done := self._run_doveadm(("kick", user), check=False)).returncode == _NOBODY_SIGNED_IN:
            if time.monotonic() > deadline:
                raise process.ServerFailed(f"{user} was not signed in within {seconds:g} s, so nothing was dropped")
            time.sleep(0.05)
        if done.returncode:
            raise process.ServerFailed(done.stderr.decode(errors="replace"))

    def expunge(self, user: str, message_id: str, folder: str = "INBOX") -> None:
        """Remove the email with this Message-ID for good."""
        self._expect_one(user, message_id, folder)
        self.doveadm("expunge", "-u", user, "mailbox", folder, "header", "message-id", message_id)

    def move(self, user: str, message_id: str, folder: str, to: str) -> None:
        """File the email elsewhere, as another mail client would; the folder is created when missing."""
        self._expect_one(user, message_id, folder)
        if to not in self.folders(user):
            self.create_folder(user, to)
        self.doveadm("move", "-u", user, to, "mailbox", folder, "header", "message-id", message_id)

    def set_flags(self, user: str, message_id: str, flags: Sequence[str], folder: str = "INBOX") -> None:
        self._expect_one(user, message_id, folder)
        query = ("mailbox", folder, "header", "message-id", message_id)
        self.doveadm("flags", "replace", "-u", user, " ".join(flags), *query)

    def folders(self, user: str) -> list[str]:
        return self.doveadm("mailbox", "list", "-u", user).splitlines()

    # Inside

    def _expect_one(self, user: str, message_id: str, folder: str) -> None:
        found = self.doveadm("search", "-u", user, "mailbox", folder, "header", "message-id", message_id)
        if not found.strip():
            raise process.ServerFailed(f"no email with Message-ID {message_id} in {folder} of {user}")

    def _run_doveadm(self, arguments: Sequence[str], *, check: bool) -> subprocess.CompletedProcess[bytes]:
        return process.run([self._doveadm, "-c", self._configuration, *arguments], cwd=self.folder, check=check)

    def _put_certificate(self, kind: certificates.Kind) -> None:
        pair = self._authority.pair(kind)
        process.write_file(self.folder / "server.pem", pair.certificate.read_bytes(), mode=0o644)
        process.write_file(self.folder / "server.key", pair.key.read_bytes())

    def _text(self) -> str:
        user = process.unprivileged_user()
        mailboxes = "".join(
            f"  mailbox {name} {{\n    special_use = {use}\n    auto = subscribe\n  }}\n"
            for name, use in (SPECIAL_USE.items() if self._special_use else ())
        )
        return _MAIN.format(
            folder=self.folder,
            user=user.pw_name,
            group=process.group_name(user),
            uid=user.pw_uid,
            gid=user.pw_gid,
            storage=self._storage,
            prefix=self._prefix,
            separator=self._separator,
            mailboxes=mailboxes,
            port=self.port,
            tls_port=self.tls_port,
            capability=f"imap_capability = {self._capability}" if self._capability else "",
        )


def installed_version() -> str | None:
    """Dovecot's version, or None where it is not installed."""
    try:
        answer = process.run([process.find_program("dovecot"), "--version"], cwd=Path("/"))
    except process.ServerMissing:
        return None
    found = re.match(r"[\d.]+", answer.stdout.decode())
    return found[0] if found else None
