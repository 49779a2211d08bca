"""What all commands share: `--json`, a store that is ready, how a company, a mailbox, a time and a secret are given."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from threadline.cli.output import WANTS_JSON
from threadline.cli.preparation import prepare_store

F = TypeVar("F", bound=Callable[..., Any])


class Command(click.Command):
    """A command: takes `--json`, and finds a store that is ready."""

    needs_store = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(
                ["--json"],
                is_flag=True,
                expose_value=False,
                callback=_remember_json,
                help="Print the result as JSON.",
            )
        )

    def invoke(self, ctx: click.Context) -> Any:
        if self.needs_store:
            prepare_store()
        return super().invoke(ctx)


class Group(click.Group):
    """A group of commands."""

    command_class = Command


class Starter(Command):
    """A command that sees to the store by itself."""

    needs_store = False


def _remember_json(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    ctx.meta[WANTS_JSON] = ctx.meta.get(WANTS_JSON) or value


def company_option(command: F) -> F:
    return click.option("--company", "company_name", metavar="NAME", help="The company, where there are several.")(
        command
    )


def password_options(command: F) -> F:
    """`--password-file` and `--token-file`, for whoever signs in at a mail server."""
    command = click.option(
        "--token-file",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path, allow_dash=True),
        help="A file holding an OAuth access token instead of a password (XOAUTH2).",
    )(command)
    return password_file_option(command)


def password_file_option(command: F) -> F:
    return click.option(
        "--password-file",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path, allow_dash=True),
        help="A file holding the password; - reads it from standard input.",
    )(command)


def read_secret(path: Path, option: str) -> str:
    """The secret in a file, without the line break at its end. Raises UsageError when there is none."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise click.BadParameter(f"{path} is not a text file.", param_hint=option) from None
    secret = text.removesuffix("\n").removesuffix("\r")
    if not secret or "\n" in secret or "\0" in secret:
        raise click.BadParameter(f"{path} holds no single line of text.", param_hint=option)
    return secret


def ask_secret(prompt: str) -> str:
    """Ask for a password on the terminal, without echo. Raises UsageError where there is no terminal."""
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask for the password on. Give it with --password-file FILE.")
    answer: str = click.prompt(prompt, hide_input=True, err=True)
    return answer


class Time(click.ParamType[datetime]):
    """An RFC 3339 time; without an offset it is naive, and the company's."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; expected one such as 2026-03-14T09:05:00Z.", param, ctx)


class Number(click.ParamType[int]):
    """A whole number from `least` to `most`."""

    name = "number"

    def __init__(self, least: int, most: int = 2**63 - 1) -> None:
        self._least, self._most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        if not text.isdecimal() or len(text) > 19 or not self._least <= int(text) <= self._most:
            expected = f"from {self._least} to {self._most}" if self._most < 2**63 - 1 else f"of at least {self._least}"
            self.fail(f"{text!r} is no such number; expected a whole number {expected}.", param, ctx)
        return int(text)


PORT = Number(1, 65535)
ID = Number(1)


def in_zone(time: datetime | None, zone: Any) -> datetime | None:
    """The time in UTC; a naive one is taken as the zone's."""
    if time is None:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
