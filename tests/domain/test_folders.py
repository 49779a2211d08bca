"""Which folder is the Inbox and which is Sent."""

from datetime import timedelta

import pytest

from tests.domain.other_folder_names import OTHER_NAMES
from tests.domain.world import NOON
from threadline.domain import utf7
from threadline.domain.folder_names import SENT_NAMES, SENT_RANK, folded
from threadline.domain.folders import ListedFolder, Role, choose_roles, role_of

SENT = [pytest.param(entry.name, id=f"{entry.language}: {entry.name}") for entry in SENT_NAMES]
OTHER = [pytest.param(name, id=f"{language}, {use}: {name}") for language, use, name in OTHER_NAMES]


@pytest.mark.parametrize("name", SENT)
def test_a_known_name_of_the_sent_folder_is_known_in_every_form_it_arrives_in(name: str) -> None:
    for form in (name, name.upper(), utf7.encode(name), f"INBOX.{utf7.encode(name)}", f"Inbox.{name}"):
        assert role_of(form, (), ".") == (Role.SENT, "")
    assert role_of(f"[Gmail]/{utf7.encode(name)}", ("\\HasNoChildren",), "/") == (Role.SENT, "")
    assert role_of(utf7.encode(name), (), None) == (Role.SENT, "")


@pytest.mark.parametrize("name", OTHER)
def test_trash_drafts_outbox_and_junk_are_never_taken_for_sent(name: str) -> None:
    for form in (name, utf7.encode(name), f"INBOX.{utf7.encode(name)}"):
        assert role_of(form, (), ".") == (Role.OTHER, "")


def test_the_table_has_at_least_twenty_languages_and_each_entry_says_who_writes_it() -> None:
    assert len({entry.language for entry in SENT_NAMES}) >= 20
    assert all(entry.written_by for entry in SENT_NAMES)
    assert len(SENT_RANK) == len(SENT_NAMES), "a name stands in the table twice"


def test_every_language_of_the_table_has_names_that_must_not_match() -> None:
    tested = {language for language, _, _ in OTHER_NAMES}
    needed = {part.partition(" (")[0] for entry in SENT_NAMES for part in entry.language.split(" and ")}
    assert needed <= tested
    assert not {folded(name) for _, _, name in OTHER_NAMES} & SENT_RANK.keys()


@pytest.mark.parametrize("name", ["INBOX", "Inbox", "inbox", "iNbOx"])
def test_the_inbox_is_known_in_any_case(name: str) -> None:
    assert role_of(name, (), "/") == (Role.INBOX, "")


@pytest.mark.parametrize(
    ("name", "delimiter"),
    [
        ("Clients/Acme/Sent", "/"),
        ("Archive.Sent", "."),
        ("Other Users/bob/Sent", "/"),
        ("INBOX.Clients.Sent", "."),
        ("INBOX.INBOX", "."),
        ("INBOX.INBOX.Sent", "."),
        ("Inbox/Clients", "/"),
        ("Sent/2024", "/"),
        ("Sentinel", "/"),
        ("Not sent", "/"),
        ("", "/"),
    ],
)
def test_a_folder_that_somebody_made_is_not_taken_for_the_servers_own(name: str, delimiter: str) -> None:
    assert role_of(name, (), delimiter) == (Role.OTHER, "")


@pytest.mark.parametrize(
    ("name", "flags", "role", "flag"),
    [
        ("Verschickt", ("\\HasNoChildren", "\\Sent"), Role.SENT, "\\Sent"),
        ("Verschickt", ("\\sent",), Role.SENT, "\\sent"),
        ("Posteingang", ("\\Inbox",), Role.INBOX, "\\Inbox"),  # XLIST at Zoho
        ("Sent", ("\\Trash",), Role.OTHER, "\\Trash"),
        ("Sent", ("\\AllMail",), Role.OTHER, "\\AllMail"),
        ("Sent", ("\\Noselect",), Role.OTHER, ""),
        ("Sent", ("\\NonExistent", "\\Sent"), Role.OTHER, ""),
        ("INBOX", ("\\Archive",), Role.INBOX, ""),
    ],
)
def test_a_flag_of_the_server_decides_before_the_name(name: str, flags: tuple[str, ...], role: Role, flag: str) -> None:
    assert role_of(name, flags, "/") == (role, flag)


def folder(name: str, *flags: str, messages: int | None = None, age: int | None = None) -> ListedFolder:
    newest = None if age is None else NOON - timedelta(days=age)
    return ListedFolder(utf7.encode(name), name, frozenset(flags), ".", messages, newest)


def chosen(*folders: ListedFolder, **overrides: str) -> dict[Role, list[str]]:
    roles = choose_roles(folders, overrides)
    assert roles.keys() == {f.remote_name for f in folders}
    return {role: [name for name, given in roles.items() if given is role] for role in Role}


INBOX = folder("INBOX")


def test_of_two_sent_folders_the_flagged_one_is_sent() -> None:
    roles = chosen(INBOX, folder("Sent Items", messages=900, age=0), folder("Sent", "\\Sent", messages=0))
    assert roles == {Role.INBOX: ["INBOX"], Role.SENT: ["Sent"], Role.OTHER: ["Sent Items"]}


def test_of_two_unflagged_sent_folders_the_one_with_the_newest_mail_is_sent() -> None:
    old, new = folder("Sent", messages=900, age=400), folder("INBOX.Sent Items", messages=3, age=1)
    assert chosen(INBOX, old, new)[Role.SENT] == ["INBOX.Sent Items"]
    assert chosen(INBOX, folder("Sent"), new)[Role.SENT] == ["INBOX.Sent Items"]


def test_without_dates_the_one_with_the_most_mail_is_sent_and_else_the_commonest_name() -> None:
    assert chosen(INBOX, folder("Sent", messages=1), folder("Sent Items", messages=9))[Role.SENT] == ["Sent Items"]
    assert chosen(INBOX, folder("Sent Items"), folder("Sent"))[Role.SENT] == ["Sent"]


def test_the_owners_word_wins_over_flags_and_names() -> None:
    roles = chosen(INBOX, folder("Sent", "\\Sent"), folder("Verschickt"), Verschickt="sent")
    assert roles == {Role.INBOX: ["INBOX"], Role.SENT: ["Verschickt"], Role.OTHER: ["Sent"]}


def test_the_owner_may_name_a_folder_as_it_reads_or_as_it_is_on_the_wire() -> None:
    name = "Übergabe"
    for spelling in (name, utf7.encode(name)):
        assert chosen(INBOX, folder(name), **{spelling: "inbox"})[Role.INBOX] == ["INBOX", utf7.encode(name)]


def test_an_included_folder_keeps_its_role() -> None:
    assert chosen(INBOX, folder("Clients"), Clients="include")[Role.OTHER] == ["Clients"]
    assert chosen(INBOX, folder("Sent"), Sent="include")[Role.SENT] == ["Sent"]


def test_the_owner_may_take_a_role_away() -> None:
    roles = chosen(INBOX, folder("Sent", "\\Sent"), folder("Sent Items"), Sent="other")
    assert roles[Role.SENT] == ["Sent Items"]


def test_a_word_that_is_no_role_is_refused_with_what_was_expected() -> None:
    with pytest.raises(ValueError, match="'trash' is no role of a folder; expected one of inbox, include, other"):
        choose_roles([INBOX], {"INBOX": "trash"})


def test_there_is_one_inbox_even_where_the_server_flags_another() -> None:
    assert chosen(folder("Posteingang", "\\Inbox"), INBOX)[Role.INBOX] == ["INBOX"]


def test_a_mailbox_without_any_sent_folder_has_none() -> None:
    assert chosen(INBOX, folder("Drafts"))[Role.SENT] == []
    assert choose_roles([], {}) == {}
