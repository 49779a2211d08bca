"""The program: which commands there are, loaded when they are asked for, and what an error becomes.

`threadline --help` needs neither Django nor a store.
"""

# ruff: noqa: ARG002  click names the arguments

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from threadline.cli import demo_folder
from threadline.cli.failures import explain_failure
from threadline.cli.preparation import prepare
from threadline.config.environment import read

# name -> (module:attribute, what the overview says of it)
COMMANDS: Mapping[str, tuple[str, str]] = {
    "serve": ("threadline.cli.serve:serve", "Start the pages and a worker."),
    "worker": ("threadline.cli.store:worker", "Start a worker without the pages."),
    "company": ("threadline.cli.company:company", "Add a company."),
    "user": ("threadline.cli.user:user", "Add people who sign in."),
    "people": ("threadline.cli.people:people", "Import, add, change, merge and list candidates and contacts."),
    "policy": ("threadline.cli.policy:policy", "Show and set which emails show on profiles."),
    "mailbox": ("threadline.cli.mailbox:mailbox", "Connect, refresh and verify mailboxes."),
    "ledger": ("threadline.cli.ledger:ledger", "Emails that could not be stored, and trying them again."),
    "messages": ("threadline.cli.messages:messages", "List and read emails and their attachments."),
    "explain": ("threadline.cli.explain:explain", "Say why an email is, or is not, on a profile."),
    "link": ("threadline.cli.link:link", "Put an email on a profile by hand."),
    "unlink": ("threadline.cli.link:unlink", "Take an email off a profile by hand."),
    "doctor": ("threadline.cli.doctor:doctor", "Check a mailbox's connection and this installation, step by step."),
    "migrate": ("threadline.cli.store:migrate", "Bring the store up to date after an update."),
    "backup": ("threadline.cli.store:backup", "Copy the store and its key into one file, while it is in use."),
    "search": ("threadline.cli.store:search", "The text index."),
    "keys": ("threadline.cli.store:keys", "The keys that seal passwords."),
}


# The options of `serve` decide about the environment; `doctor` reports what keeps the settings from loading.
PREPARES_ITSELF = {"serve", "doctor"}
# What is run often, and has nothing to do with pages and with who signs in.
ONLY_THE_STORE = {"people", "policy", "mailbox", "ledger", "messages", "explain", "link", "unlink"}


class Program(click.Group):
    """Loads a command's module when it is asked for; turns every error into one sentence and an exit status."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        if cmd_name != "serve":
            demo_folder.live_at_its_time(read(), os.environ)
        if cmd_name not in PREPARES_ITSELF:
            prepare(only_the_store=cmd_name in ONLY_THE_STORE)
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        gc.freeze()  # what is loaded by now stays
        gc.set_threshold(20_000, 20, 20)  # a batch of mail is many objects, of which hardly any is in a circle
        gc.enable()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> None:
        """Run and leave with the exit status of the contract."""
        arguments = list(sys.argv[1:] if args is None else args)
        try:
            status = super().main(arguments, prog_name, **{**extra, "standalone_mode": False})
        except Exception as error:  # noqa: BLE001  # here every error becomes a sentence; unexpected ones go to the log
            sys.exit(explain_failure(error, as_json="--json" in arguments))
        except KeyboardInterrupt as error:
            sys.exit(explain_failure(error, as_json="--json" in arguments))
        sys.exit(status if isinstance(status, int) else 0)


@click.command(cls=Program)
@click.version_option(package_name="threadline")
def program() -> None:
    """Email sync for recruitment teams: every email on the right profile, and a reason for every one that is not.

    Every command takes --json; the shapes are documented. Exit status: 0 done, 1 failed, 2 wrong use.
    """
