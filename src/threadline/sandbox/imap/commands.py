"""Every command by name.

The handlers stand in `commands_account`, `commands_folder` and `commands_message`.
"""

from __future__ import annotations

from threadline.sandbox.imap import commands_account as account
from threadline.sandbox.imap import commands_folder as folder
from threadline.sandbox.imap import commands_message as message
from threadline.sandbox.imap.session import Command, State

_ANY, _SIGNED_IN, _OPEN = State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED

COMMANDS: dict[bytes, Command] = {
    b"CAPABILITY": Command(_ANY, account.capability),
    b"NOOP": Command(_ANY, account.noop),
    b"LOGOUT": Command(_ANY, account.logout),
    b"ID": Command(_ANY, account.identify),
    b"LOGIN": Command(_ANY, account.login),
    b"AUTHENTICATE": Command(_ANY, account.authenticate),
    b"ENABLE": Command(_SIGNED_IN, account.enable),
    b"NAMESPACE": Command(_SIGNED_IN, account.namespace),
    b"IDLE": Command(_SIGNED_IN, account.idle),
    b"LIST": Command(_SIGNED_IN, folder.list_folders),
    b"LSUB": Command(_SIGNED_IN, folder.list_subscribed),
    b"STATUS": Command(_SIGNED_IN, folder.status),
    b"SELECT": Command(_SIGNED_IN, folder.select),
    b"EXAMINE": Command(_SIGNED_IN, folder.examine),
    b"CREATE": Command(_SIGNED_IN, folder.create),
    b"DELETE": Command(_SIGNED_IN, folder.delete),
    b"RENAME": Command(_SIGNED_IN, folder.rename),
    b"SUBSCRIBE": Command(_SIGNED_IN, folder.subscribe),
    b"UNSUBSCRIBE": Command(_SIGNED_IN, folder.unsubscribe),
    b"APPEND": Command(_SIGNED_IN, folder.append),
    b"CHECK": Command(_OPEN, account.noop),
    b"CLOSE": Command(_OPEN, message.close),
    b"UNSELECT": Command(_OPEN, message.unselect),
    b"EXPUNGE": Command(_OPEN, message.expunge),
    b"UID EXPUNGE": Command(_OPEN, message.uid_expunge),
    b"FETCH": Command(_OPEN, message.fetch, shifts_numbers=False),
    b"UID FETCH": Command(_OPEN, message.uid_fetch),
    b"SEARCH": Command(_OPEN, message.search, shifts_numbers=False),
    b"UID SEARCH": Command(_OPEN, message.uid_search),
    b"STORE": Command(_OPEN, message.store, shifts_numbers=False),
    b"UID STORE": Command(_OPEN, message.uid_store),
    b"COPY": Command(_OPEN, message.copy),
    b"UID COPY": Command(_OPEN, message.uid_copy),
    b"MOVE": Command(_OPEN, message.move),
    b"UID MOVE": Command(_OPEN, message.uid_move),
}
