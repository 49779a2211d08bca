"""One client's connection: reading commands, keeping its state, answering.

What a hostile client can do is bounded: the length of a line, the size of a literal, the number of mistakes,
and the time it may sit idle. Each limit ends the connection with BYE.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from threadline.sandbox.imap.account import Account
from threadline.sandbox.imap.faults import Faults, Throttle
from threadline.sandbox.imap.selected import Selected
from threadline.sandbox.imap.store import Store
from threadline.sandbox.imap.syntax import Cursor, MalformedError

LONGEST_LINE = 65_536
_LITERAL = re.compile(rb"\{([0-9]{1,10})(\+?)\}\r?\n\Z")
_LARGEST_LITERAL = 128 * 1024 * 1024
_LARGEST_LITERAL_BEFORE_LOGIN = 8 * 1024
_MOST_LITERALS = 1000
_MOST_MISTAKES = 20
_IDLE_SECONDS = 30 * 60  # RFC 3501 section 5.4: at least 30 minutes
_IDLE_SECONDS_BEFORE_LOGIN = 180
_TAG = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\+]{1,100}')


class State(Enum):
    """RFC 3501 section 3."""

    NOT_AUTHENTICATED = 0
    AUTHENTICATED = 1
    SELECTED = 2


@dataclass(frozen=True, slots=True)
class Options:
    """Which extensions the server offers. Without them it stands for the many servers that have none."""

    condstore: bool = True
    special_use: bool = True
    esearch: bool = True


class RefusedError(Exception):
    """The command cannot be done: NO, with a response code of RFC 5530 where there is one."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.line = f"[{code}] {text}" if code else text


class FarewellError(Exception):
    """The connection ends, with this text in a BYE where there is one."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command:

    from which state on it may be given, and what does it. The handler returns the text after OK.
    """

    state: State
    run: Callable[[Session, Cursor], Awaitable[str]]
    shifts_numbers: bool = True  # EXPUNGE may be told with its answer (RFC 3501 section 7.4.1)


class Session:
    """One connection."""

    commands: dict[bytes, Command]

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        store: Store,
        options: Options,
        faults: Faults,
        commands: dict[bytes, Command],
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.store = store
        self.options = options
        self.faults = faults
        self.commands = commands
        self.account: Account | None = None
        self.selected: Selected | None = None
        self.condstore = False  # the client has used a CONDSTORE feature (RFC 7162 section 3.1)
        self.tag = b"*"
        self._mistakes = 0

    # -- what handlers use ---------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        if self.selected:
            return State.SELECTED
        return State.AUTHENTICATED if self.account else State.NOT_AUTHENTICATED

    @property
    def capabilities(self) -> str:
        """What the server offers in this state."""
        found = ["IMAP4rev1", "LITERAL+", "SASL-IR", "ID", "ENABLE", "IDLE"]
        if self.account is None:
            return " ".join([*found, "AUTH=PLAIN"])
        found += ["NAMESPACE", "UIDPLUS", "UNSELECT", "CHILDREN", "MOVE"]
        if self.options.special_use:
            found += ["SPECIAL-USE", "LIST-EXTENDED", "LIST-STATUS"]
        if self.options.condstore:
            found.append("CONDSTORE")
        if self.options.esearch:
            found.append("ESEARCH")
        return " ".join(found)

    @property
    def signed_in(self) -> Account:
        if self.account is None:
            raise MalformedError("Not authenticated")
        return self.account

    @property
    def opened(self) -> Selected:
        if self.selected is None:
            raise MalformedError("No mailbox selected")
        if self.selected.gone:
            raise FarewellError("[UNAVAILABLE] The mailbox is not what it was; open it again")
        return self.selected

    def send(self, data: bytes) -> None:
        """Queue bytes for the client."""
        self.writer.write(data)

    async def flush(self) -> None:
        """Wait until the client has taken what was queued."""
        await self.writer.drain()

    def leave_folder(self) -> None:
        """Close the open folder, if any."""
        if self.selected:
            self.selected.close()
            self.selected = None

    async def line(self) -> bytes:
        """The next line with its end. FarewellError when it is too long, too late, or the client has gone."""
        limit = _IDLE_SECONDS if self.account else _IDLE_SECONDS_BEFORE_LOGIN
        try:
            async with asyncio.timeout(limit):
                return await self.reader.readuntil(b"\n")
        except TimeoutError:
            raise FarewellError("Disconnected for inactivity") from None
        except asyncio.LimitOverrunError:
            raise FarewellError("Command line too long") from None
        except asyncio.IncompleteReadError:
            raise FarewellError from None

    # -- the loop ------------------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Greet, then answer commands until one side ends it."""
        self.send(f"* OK [CAPABILITY {self.capabilities}] Threadline sandbox ready\r\n".encode())
        try:
            while True:
                await self.flush()
                await self._one_command()
        except FarewellError as reason:
            if str(reason):
                self.send(f"* BYE {reason}\r\n".encode())
        finally:
            self.leave_folder()

    async def _one_command(self) -> None:
        fragments = await self._read_command()
        tag, _, rest = fragments[0].partition(b" ")
        if not _TAG.fullmatch(tag):
            self._mistake(b"*", "Invalid tag")
            return
        self.tag = tag
        cursor = Cursor([rest, *fragments[1:]])
        try:
            name, command = self._lookup(cursor)
            if self.faults.delay_ms:
                await asyncio.sleep(self.faults.delay_ms / 1000)
            self._refuse_when_throttled(name)
            done = await command.run(self, cursor)
        except MalformedError as mistake:
            self._mistake(tag, str(mistake))
        except RefusedError as refusal:
            self._updates(shifts_numbers=False)
            self.send(tag + f" NO {refusal.line}\r\n".encode())
        else:
            self._updates(shifts_numbers=command.shifts_numbers)
            self.send(tag + f" OK {done}\r\n".encode())
            if name == b"LOGOUT":
                raise FarewellError

    def _lookup(self, cursor: Cursor) -> tuple[bytes, Command]:
        name = cursor.atom()
        if name == b"UID":
            cursor.space()
            name = b"UID " + cursor.atom()
        command = self.commands.get(name)
        if command is None:
            raise MalformedError("Unknown command")
        if command.state is State.NOT_AUTHENTICATED and name in {b"LOGIN", b"AUTHENTICATE"} and self.account:
            raise MalformedError("Already authenticated")
        if command.state.value > self.state.value:
            raise MalformedError("No mailbox selected" if self.account else "Please authenticate first")
        return name, command

    def _refuse_when_throttled(self, name: bytes) -> None:
        throttle = self.faults.throttle
        if throttle is Throttle.LIMIT and self.account and name != b"LOGOUT":
            raise RefusedError("Rate limit hit, try again later", "LIMIT")
        if throttle is Throttle.CONNECTIONS and name in {b"LOGIN", b"AUTHENTICATE"}:
            raise RefusedError("Too many simultaneous connections. (Failure)", "ALERT")

    def _updates(self, *, shifts_numbers: bool) -> None:
        if self.selected and not self.selected.gone:
            self.send(self.selected.updates(with_expunges=shifts_numbers, with_modseq=self.condstore))

    def _mistake(self, tag: bytes, text: str) -> None:
        self._mistakes += 1
        self.send(tag + f" BAD {text}\r\n".encode())
        if self._mistakes >= _MOST_MISTAKES:
            raise FarewellError("Too many invalid commands")

    async def _read_command(self) -> list[bytes]:
        fragments: list[bytes] = []
        total = 0
        largest = _LARGEST_LITERAL if self.account else _LARGEST_LITERAL_BEFORE_LOGIN
        while True:
            line = await self.line()
            marker = _LITERAL.search(line)
            if not marker:
                fragments.append(line.rstrip(b"\n").rstrip(b"\r"))
                return fragments
            size = int(marker[1])
            total += size + len(line)
            if total > largest or len(fragments) > 2 * _MOST_LITERALS:
                raise FarewellError("[TOOBIG] Literal too large")
            fragments.append(line[: marker.start()])
            if not marker[2]:
                self.send(b"+ OK\r\n")
                await self.flush()
            try:
                fragments.append(await self.reader.readexactly(size))
            except asyncio.IncompleteReadError:
                raise FarewellError from None
