"""Alice's company in Microsoft 365: an installation that is registered there, and how people sign in to it."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.servers.microsoft import MicrosoftServer
from tests.services.world import ALICE, World, mail
from threadline.config.microsoft import Registration
from threadline.providers.oauth import microsoft as oauth
from threadline.services.microsoft import signing_in, storing
from threadline.services.microsoft.answers import Returned
from threadline.services.microsoft.app import app
from threadline.services.sealed import opened
from threadline.storage.models import Mailbox, SignIn

SESSION = "the session of Alice's browser"
IT = "it@acme.example"


def registration(server: MicrosoftServer, **more: Any) -> Registration:
    values: dict[str, Any] = {
        "client_id": server.client_id,
        "client_secret": server.client_secret,
        "certificate_file": None,
        "secret_expires": date(2099, 1, 1),
        "cloud": "global",
        "tenant": "organizations",
        "login_url": server.login_url,
        "graph_url": server.graph_url,
    }
    return Registration(**values | more)


class Office:
    """Acme in Microsoft 365. Everybody's password is `secret`."""

    def __init__(self, server: MicrosoftServer, world: World, settings: Any) -> None:
        self.server = server
        self.world = world
        self._settings = settings
        settings.MICROSOFT = registration(server)
        settings.MICROSOFT_DOMAINS = frozenset({"acme.example", "rival.example"})
        server.add_account(ALICE)
        server.add_account(IT, admin=True)

    def register(self, **more: Any) -> None:
        """Change the registration, as the operator does by the environment and a restart."""
        self._settings.MICROSOFT = registration(self.server, **more)

    def sign_in(self, address: str = ALICE, *, as_: str = "", mailbox: Mailbox | None = None, **how: Any) -> SignIn:
        """Begin for `address`, sign in at Microsoft as `as_` (the same), and come back."""
        begun = signing_in.begin(self.world.alice, address, mailbox=mailbox, session=SESSION, door="pages")
        back = self.server.click_through(begun.url, as_ or address, **how)
        return self.come_back(back)

    def come_back(self, url: str, *, session: str = SESSION) -> SignIn:
        returned = self.returned(url)
        return signing_in.finish(signing_in.found(returned), returned, user=self.world.alice, session=session)

    @staticmethod
    def returned(url: str) -> Returned:
        return Returned.of(dict(parse_qsl(urlsplit(url).query)))

    def granted(self) -> Mailbox:
        """Alice's mailbox with its tokens, as a sign-in leaves it; its mail is not looked at."""
        begun = signing_in.begin(self.world.alice, ALICE, session=SESSION, door="pages")
        query = dict(parse_qsl(urlsplit(self.server.click_through(begun.url, ALICE)).query))
        words = opened(begun.row.sealed, context=f"sign-in {begun.row.state}")
        answer = oauth.redeem(
            app(),
            code=query["code"],
            redirect_uri=begun.row.redirect_uri,
            verifier=words["verifier"],
            nonce=words["nonce"],
        )
        mailbox = storing.connect(begun.row, answer, None, ALICE)
        self.server.clear_log()
        return mailbox

    def connect(self) -> Mailbox:
        row = self.sign_in()
        assert (row.outcome, row.sentence) == ("connected", f"{ALICE} is connected.")
        assert row.mailbox is not None
        return Mailbox.objects.get(pk=row.mailbox.pk)

    def deliver(self, number: int) -> None:
        self.server.deliver(ALICE, mail(number))

    def token_requests(self) -> list[dict[str, Any]]:
        return self.server.log(path="oauth2/v2.0/token")
