"""The documentation says what is: links lead somewhere, commands exist, generated pages are current."""

import re
from pathlib import Path

import click
import pytest

from threadline.cli.program import program
from threadline.config import environment

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "TESTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
GUIDES = [ROOT / "README.md", ROOT / "docs" / "design.md", *sorted((ROOT / "docs" / "guides").glob("*.md"))]

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^(?:```.*?^```|<!-- .*? -->)", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"^```[^\n]*\n(.*?)^```|`((?:[^`\n]|\n(?!\n))+)`", re.MULTILINE | re.DOTALL)
# Before the program may stand a path or a variable; after `-u` it is the name of a user. Words after it are commands.
_COMMAND = re.compile(r"(?:^|(?<!-u)[\s/'])threadline((?: +[a-z][a-z-]*)+)([^\n]*)", re.MULTILINE)
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
_SOURCE = re.compile(r"`((?:src/threadline|domain|providers|storage|services|jobs|web|cli|config|tests)/[\w./-]+)`")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _anchors(page: Path) -> set[str]:
    """What headings are called in a link, as GitHub makes it."""
    headings = re.findall(r"^#+ +(.+)$", _FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        path, _, anchor = link.partition("#")
        if ":" in path:
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert broken == []


def _named_commands(page: Path) -> list[tuple[list[str], list[str]]]:
    """The commands in the code of a page: (words, options)."""
    found = _CODE.findall(page.read_text(encoding="utf-8"))
    texts = [block or " ".join(inline.split()) for block, inline in found]
    return [(words.split(), _OPTION.findall(rest)) for text in texts for words, rest in _COMMAND.findall(text)]


def _wrong_in(words: list[str], options: list[str]) -> str | None:
    """The first word that is no command where one has to stand, or an option that the command does not take."""
    command: click.Command = program
    for word in words:
        if not isinstance(command, click.Group):
            break
        found = command.get_command(click.Context(command), word)
        if found is None:
            return word
        command = found
    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "--version"}
    return next((option for option in options if option not in known), None)


@pytest.mark.parametrize("page", GUIDES, ids=_name)
def test_every_command_and_option_that_a_page_names_exists(page: Path) -> None:
    wrong = [(words, _wrong_in(words, options)) for words, options in _named_commands(page)]
    assert [one for one in wrong if one[1]] == []


def test_the_pages_name_commands() -> None:
    named = {" ".join(words) for page in GUIDES for words, _ in _named_commands(page)}
    assert {"serve", "mailbox refresh", "keys rotate", "backup"} <= named


def test_what_is_wrong_with_a_command_is_found() -> None:
    assert _wrong_in(["mailbox", "add", "x"], ["--user", "--json"]) is None
    assert _wrong_in(["mailbox", "erase"], []) == "erase"
    assert _wrong_in(["serf"], []) == "serf"
    assert _wrong_in(["mailbox", "add"], ["--pop3-host"]) == "--pop3-host"


@pytest.mark.parametrize("page", GUIDES, ids=_name)
def test_every_source_file_that_a_page_names_exists(page: Path) -> None:
    named = set(_SOURCE.findall(page.read_text(encoding="utf-8")))
    places = {name: [ROOT / name, ROOT / "src" / "threadline" / name] for name in named}
    assert sorted(name for name, paths in places.items() if not any(path.exists() for path in paths)) == []


def test_the_table_of_settings_is_current() -> None:
    assert (ROOT / "docs" / "generated" / "environment.md").read_text(encoding="utf-8") == environment.table()


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "adr"
    index = (folder / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in sorted(folder.glob("0*.md")) if f"({page.name})" not in index] == []
