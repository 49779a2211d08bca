"""Control verbs: accounts, folders and mail."""

from __future__ import annotations

import re
from http import HTTPStatus

from threadline.sandbox.http import Json, ProblemError
from threadline.sandbox.microsoft.arguments import mime, moment, number, objects, one_of, text
from threadline.sandbox.microsoft.directory import KINDS
from threadline.sandbox.microsoft.lookup import Lookup, account_json, folder_json, folder_of, message_json, message_of


class MailVerbs(Lookup):
    """What happens in a mailbox."""

    def accounts(self, _: Json) -> Json:
        """Everybody."""
        return {"accounts": [account_json(self.service, user) for user in self.service.directory.users()]}

    def folders(self, body: Json) -> Json:
        """The folders of an account."""
        mailbox = self.mailbox_of(body)
        counts = mailbox.counts()
        return {"folders": [folder_json(mailbox, row, counts) for row in mailbox.folders()]}

    def messages(self, body: Json) -> Json:
        """The newest messages of a folder (`inbox`), at most `limit` (50)."""
        mailbox = self.mailbox_of(body)
        folder = folder_of(mailbox, text(body, "folder", "inbox"))
        rows = mailbox.db.all(
            "select * from message where folder = ? order by received desc, id desc limit ?",
            folder["id"], number(body, "limit", 50, 100_000),
        )  # fmt: skip
        return {"messages": [message_json(mailbox, row) for row in rows]}

    def account(self, body: Json) -> Json:
        """A new user with a mailbox."""
        address, password = text(body, "address", ""), text(body, "password", "secret")
        kind = one_of(body, "kind", "cloud", KINDS)
        if not re.fullmatch(r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+", address):
            raise ProblemError("address must be an email address")
        if self.service.directory.user(address) is not None:
            raise ProblemError(f"There is an account {address} already", HTTPStatus.CONFLICT)
        user = self.service.directory.create_user(
            address, password, name=text(body, "name", ""), admin=bool(body.get("admin")), kind=kind
        )
        self.service.graph.mailbox(user).create(text(body, "language", "en"))
        return account_json(self.service, user)

    def deliver(self, body: Json) -> Json:
        """A message, `mime` (text) or `mime_base64`, into `folder` (`inbox`; made when missing)."""
        mailbox = self.mailbox_of(body)
        folder = folder_of(mailbox, text(body, "folder", "inbox"), create=True)
        references = body.get("reference_attachments", [])
        links = tuple({"name": str(one["name"]), "url": str(one.get("url", ""))} for one in objects(references))
        row = mailbox.deliver(folder, mime(body), moment(body), is_read=bool(body.get("read")), references=links)
        return message_json(mailbox, row)

    def deliver_many(self, body: Json) -> Json:
        """`messages`, each with `mime` or `mime_base64`, `at` and `read`, into `folder`, in one transaction."""
        mailbox = self.mailbox_of(body)
        folder = folder_of(mailbox, text(body, "folder", "inbox"), create=True)
        with mailbox.db.transaction():
            rows = [
                mailbox.deliver(folder, mime(one), moment(one), is_read=bool(one.get("read")))
                for one in objects(body.get("messages"))
            ]
        return {"ids": [row["immutable"] for row in rows]}

    def move(self, body: Json) -> Json:
        """The message (`id`, of either kind, or `message_id`; else the newest of `folder`) into the folder `to`."""
        mailbox = self.mailbox_of(body)
        row = message_of(mailbox, body)
        return message_json(mailbox, mailbox.move(row, folder_of(mailbox, text(body, "to", "archive"), create=True)))

    def delete(self, body: Json) -> Json:
        """For good."""
        mailbox = self.mailbox_of(body)
        row = message_of(mailbox, body)
        gone = message_json(mailbox, row)
        mailbox.delete(row)
        return gone

    def read(self, body: Json) -> Json:
        """Mark read, or unread with `read` false."""
        mailbox = self.mailbox_of(body)
        row = message_of(mailbox, body)
        return message_json(mailbox, mailbox.mark_read(row, is_read=bool(body.get("read", True))))

    def folder(self, body: Json) -> Json:
        """Make a folder, `Clients/Acme` with the one above it."""
        mailbox = self.mailbox_of(body)
        return folder_json(mailbox, folder_of(mailbox, text(body, "name", ""), create=True), mailbox.counts())

    def rename(self, body: Json) -> Json:
        """The folder gets the name `to`; its id stays."""
        mailbox = self.mailbox_of(body)
        row = folder_of(mailbox, text(body, "folder", ""))
        mailbox.rename(row, text(body, "to", ""))
        return folder_json(mailbox, mailbox.by_key(row["id"]), mailbox.counts())

    def delete_folder(self, body: Json) -> Json:
        """With what is in it."""
        mailbox = self.mailbox_of(body)
        mailbox.delete_folder(folder_of(mailbox, text(body, "folder", "")))
        return {}
