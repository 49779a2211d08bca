"""The whole way of a recruiter, in the real pages, with the real program and a real mail server.

From the printed address of a new installation to the emails on the profiles, the reason for each that is missing, and
a mailbox that was disconnected and comes back with nothing lost and nothing twice.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.installation import Installation
from tests.browser.letters import CV, HOSTILE, letter
from tests.browser.recruiter import Recruiter
from tests.plugins.browser import BrowserLog
from tests.servers.dovecot import Dovecot

pytestmark = [
    pytest.mark.tries_the_network("a mail server is looked for in the public directories too"),
    pytest.mark.timeout(300),
]

SOFIA, MAIL_PASSWORD, PASSWORD = "sofia@northgate.test", "correct horse", "a long way to Tipperary"
ANNA, ANNAS_OTHER, BO = "anna@posten.test", "anna.berg@privat.test", "bo@ek.test"
CSV = f"kind,name,email,created_at\ncontact,Bo Ek,{BO},{{created}}\ncontact,Ida Falk,no address,\n"


@pytest.fixture
def server(dovecot: Dovecot) -> Dovecot:
    """Sofia's mailbox: one email on a profile, one sent, and one for each reason why it is on none."""
    dovecot.add_user(SOFIA, MAIL_PASSWORD)
    dovecot.deliver_many(
        SOFIA,
        [
            *(letter(f"news{n}", "news@shop.test", SOFIA, subject=f"Newsletter {n}", days_ago=9) for n in range(1, 61)),
            letter("old", BO, SOFIA, subject="From long ago", days_ago=20),
            letter("other", ANNAS_OTHER, SOFIA, subject="From my other address", days_ago=4),
            letter("filed", ANNA, SOFIA, subject="The filed one", days_ago=3, folder="Clients/Acme"),
            letter(
                "first", f"Anna Berg <{ANNA}>", SOFIA, subject="First call", text="About a quokka.", html=HOSTILE,
                days_ago=2, attachments=(("CV Anna Berg.pdf", CV),),
            ),
            letter("sent", SOFIA, ANNA, subject="Your interview", days_ago=1, folder="Sent"),
        ],
    )  # fmt: skip
    return dovecot


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path / "data", THREADLINE_ALLOW_HOSTS="127.0.0.1,localhost") as running:
        yield running


def test_from_the_printed_address_to_nothing_lost_and_nothing_twice(
    place: Installation, server: Dovecot, page: Page, context: BrowserContext, browser_log: BrowserLog
) -> None:
    asked_outside: list[str] = []
    context.route(re.compile(r"^https?://(?!127\.0\.0\.1)"), lambda route: _refuse(route, asked_outside))
    browser_log.allow("403 .*/setup/")
    sofia = Recruiter(page, place.url)

    set_up_company_and_administrator(sofia, place)
    add_people(sofia, place)
    connect_by_detecting_and_by_hand(sofia, server)
    see_the_email_in_the_list_and_open_it_beside(sofia)
    see_it_on_the_thread_line(sofia)
    see_the_reason_for_each_that_is_missing(sofia, server)
    refresh_brings_what_arrived_since(sofia)
    including_the_folder_shows_the_filed_one(sofia)
    making_the_other_address_primary_shows_its_email(sofia)
    a_rare_word_finds_its_email(sofia)
    the_attachment_comes_whole(sofia)
    before = held(place)
    disconnecting_says_what_stays(sofia)
    assert held(place) == before
    server.deliver_many(SOFIA, [letter("meanwhile", ANNAS_OTHER, SOFIA, subject="While you were away")])
    connecting_again_fills_the_gap(sofia)
    nothing_is_lost_and_nothing_is_there_twice(place, server)
    signed_out_nothing_is_shown_and_signed_in_it_is(sofia)
    assert asked_outside == []
    assert browser_log.problems == []


def _refuse(route: Route, asked: list[str]) -> None:
    asked.append(route.request.url)
    route.abort()


def set_up_company_and_administrator(sofia: Recruiter, place: Installation) -> None:
    sofia.go("/emails/")
    sofia.reads("This installation is not set up yet")
    sofia.page.goto(place.set_up_address)
    sofia.fill(company="Northgate", timezone="Europe/Stockholm", name="Sofia Lind", email=SOFIA, password="short")
    sofia.press("Set up and sign in")
    assert "10 characters" in sofia.error_beside("password")
    sofia.fill(password=PASSWORD)
    sofia.press("Set up and sign in")
    sofia.reads("Northgate is set up. Now connect your mailbox.")


def add_people(sofia: Recruiter, place: Installation) -> None:
    """Anna by the form; Bo, who is newer than his email, by a file with a bad line."""
    sofia.go("/people/add/")
    sofia.fill(name="Anna Berg", kind="candidate", email=ANNA, secondary=ANNAS_OTHER, created_at="2020-01-01T09:00:00")
    sofia.press("Add the person")
    sofia.reads("Anna Berg is added")
    sofia.reads("No emails on Anna Berg’s profile yet")
    created = dt.datetime.now(dt.UTC) - dt.timedelta(days=10)
    file = place.folder.with_name("people.csv")
    file.write_text(CSV.format(created=created.isoformat(timespec="seconds")))
    sofia.go("/company/import/")
    sofia.main.locator("[name=file]").set_input_files(file)
    sofia.press("Try it out")
    sofia.reads("what the import would do")
    sofia.reads("Line 3")
    sofia.press("Import 1 person")
    sofia.reads("people.csv is imported")
    sofia.go("/people/")
    sofia.reads("Bo Ek")
    assert "Ida Falk" not in sofia.main.inner_text()


def connect_by_detecting_and_by_hand(sofia: Recruiter, server: Dovecot) -> None:
    sofia.find_server(SOFIA)
    sofia.reads("We did not find the mail server")
    sofia.fill(host="imap.northgate.test", security="none", username=SOFIA, password=MAIL_PASSWORD)
    sofia.press("Connect")
    assert "imap.northgate.test" in sofia.error_beside("host")
    sofia.fill(host="localhost", port=str(server.port), password="wrong")
    sofia.press("Connect")
    assert "password" in sofia.error_beside("password")
    sofia.fill(password=MAIL_PASSWORD)
    sofia.press("Connect")
    sofia.page.wait_for_url(re.compile(r"/settings/\d+/$"))
    panel = sofia.page.locator("section.panel")
    expect(panel).to_have_count(0, timeout=30_000)
    sofia.reads("Connected")
    sofia.reads("64 listed, 64 new, 2 on profiles")
    sofia.reads("History is complete")


def see_the_email_in_the_list_and_open_it_beside(sofia: Recruiter) -> None:
    sofia.go("/emails/")
    row = sofia.row("First call")
    expect(row.locator(".chip")).to_contain_text("Anna Berg")
    reading = sofia.open_email("First call")
    expect(row).to_be_visible()
    expect(row).to_have_attribute("aria-current", "true")
    sofia.reads("On 1 profile", within=reading)
    sofia.reads("Images kept at the sender are not loaded", within=reading)
    frame = reading.locator("iframe")
    sandbox = (frame.get_attribute("sandbox") or "").split()
    assert "allow-scripts" not in sandbox
    inside = frame.content_frame.locator("body")
    expect(inside).to_contain_text("thank you for the pleasant call")
    assert inside.locator("script, form, input, base, meta, [onclick], [onerror]").count() == 0
    assert inside.get_by_text("our terms").get_attribute("href") == "https://careers.example/terms"
    assert "javascript" not in inside.inner_html()
    sofia.go("/emails/")
    sofia.follow(re.compile("^Sent"), within=sofia.page.locator(".folders"))
    expect(sofia.row("Your interview").locator(".chip")).to_contain_text("Anna Berg")


def see_it_on_the_thread_line(sofia: Recruiter) -> None:
    sofia.open_profile("Anna Berg")
    received = sofia.page.locator("li.received").filter(has_text="First call")
    expect(received).to_be_visible()
    expect(received).to_contain_text("About a quokka")
    expect(sofia.page.locator("li.sent").filter(has_text="Your interview")).to_be_visible()
    received.locator("h3 a").click()
    expect(sofia.main.get_by_role("heading", level=1)).to_have_text("First call")


def see_the_reason_for_each_that_is_missing(sofia: Recruiter, server: Dovecot) -> None:
    results = sofia.look_for("Anna Berg", "The filed one")
    sofia.reads("not held: its folder is not synced", within=results)
    sofia.follow("See why", within=results)
    assert sofia.unmet() == ["It is not in the Inbox or Sent items"]
    sofia.reads("Clients / Acme")

    sofia.go("/emails/")
    sofia.row("From my other address").get_by_role("link", name=re.compile("why")).click()
    reading = sofia.page.locator("#reading")
    sofia.reads("not their primary address", within=reading)
    sofia.follow(re.compile("See why"), within=reading)
    assert sofia.unmet() == ["It is not from or to Anna’s primary address"]
    sofia.reads("this is Anna’s secondary address")

    results = sofia.look_for("Bo Ek", "From long ago")
    sofia.follow("See why", within=results)
    assert sofia.unmet() == ["It arrived before Bo’s profile was created"]

    server.deliver_many(SOFIA, [letter("new", ANNA, SOFIA, subject="Just now", answers="first")])
    results = sofia.look_for("Anna Berg", "Just now")
    sofia.follow("See why", within=results)
    assert sofia.unmet() == ["No refresh has run since it arrived"]


def refresh_brings_what_arrived_since(sofia: Recruiter) -> None:
    assert "1 new, 1 on profiles" in sofia.refresh()
    expect(sofia.row("Just now").locator(".chip")).to_contain_text("Anna Berg")
    sofia.open_profile("Anna Berg")
    expect(sofia.page.locator("li.received").filter(has_text="Just now")).to_be_visible()


def including_the_folder_shows_the_filed_one(sofia: Recruiter) -> None:
    sofia.follow("See why", within=sofia.look_for("Anna Berg", "The filed one"))
    sofia.press("Include Clients/Acme")
    sofia.reads("Clients/Acme counts beside the Inbox and Sent items from now on")
    _appears(sofia, "The filed one")


def making_the_other_address_primary_shows_its_email(sofia: Recruiter) -> None:
    sofia.follow("See why", within=sofia.look_for("Anna Berg", "From my other address"))
    sofia.press("Make it the primary")
    sofia.reads(f"{ANNAS_OTHER} is the primary address of Anna Berg now")
    sofia.reads("It is on the profile.")
    _appears(sofia, "From my other address")
    expect(sofia.page.locator("li.received").filter(has_text="First call")).to_be_visible()


def _appears(sofia: Recruiter, subject: str) -> None:
    """On Anna's profile, within the seconds that the worker takes."""
    sofia.open_profile("Anna Berg")
    email = sofia.page.locator("li.received").filter(has_text=subject)
    for _ in range(40):
        if email.count():
            break
        sofia.page.wait_for_timeout(250)
        sofia.page.reload()
    expect(email).to_be_visible()


def a_rare_word_finds_its_email(sofia: Recruiter) -> None:
    sofia.go("/emails/")
    sofia.page.keyboard.press("/")
    sofia.page.keyboard.type("quokka")
    sofia.page.keyboard.press("Enter")
    sofia.page.wait_for_url(re.compile("q=quokka"))
    expect(sofia.page.locator(".email-row")).to_have_count(1)
    expect(sofia.row("First call")).to_be_visible()


def the_attachment_comes_whole(sofia: Recruiter) -> None:
    reading = sofia.open_email("First call")
    assert sofia.download(reading.get_by_role("link", name="CV Anna Berg.pdf")) == ("CV Anna Berg.pdf", CV)


def disconnecting_says_what_stays(sofia: Recruiter) -> None:
    sofia.go("/settings/")
    sofia.follow("Disconnect…")
    sofia.reads("66 emails and every profile stay as they are")
    sofia.press("Disconnect")
    sofia.reads("is disconnected and its password is forgotten")
    sofia.reads("66, all kept and searchable")
    sofia.reads("Not connected")
    sofia.open_profile("Anna Berg")
    expect(sofia.page.locator("li.received").filter(has_text="First call")).to_be_visible()


def connecting_again_fills_the_gap(sofia: Recruiter) -> None:
    sofia.go("/settings/")
    sofia.follow("Connect again")
    sofia.fill(password="wrong")
    sofia.press("Connect again")
    assert "password" in sofia.error_beside("password")
    sofia.fill(password=MAIL_PASSWORD)
    sofia.press("Connect again")
    sofia.reads("is connected again")
    expect(sofia.page.locator("section.panel")).to_have_count(0, timeout=30_000)
    sofia.reads("1 new")
    assert "Nothing new" in sofia.refresh()
    _appears(sofia, "While you were away")


def held(place: Installation) -> Counter[tuple[str, str]]:
    """(folder, Message-ID) of every copy that is in the Inbox or Sent items now, as the command line lists them."""
    copies = [
        *place.lines("messages", "list", "--mailbox", SOFIA, "--folder", "inbox"),
        *place.lines("messages", "list", "--mailbox", SOFIA, "--folder", "sent"),
    ]
    return Counter((copy["folder"], copy["message_id"]) for copy in copies if copy["where"] == "here")


def nothing_is_lost_and_nothing_is_there_twice(place: Installation, server: Dovecot) -> None:
    on_server = server.snapshot(SOFIA)
    listed: Counter[tuple[str, str | None]] = Counter()
    for name in ("INBOX", "Sent"):
        listed.update((name, seen.message_id) for seen in on_server[name].messages.values())
    assert held(place) == listed
    assert len(listed) == 66
    assert set(listed.values()) == {1}
    check = place.json("mailbox", "verify", SOFIA)
    assert check["complete"] is True
    counted = {folder["name"]: (folder["on_server"], folder["held"]) for folder in check["folders"]}
    assert counted == {name: (len(on_server[name].messages),) * 2 for name in ("INBOX", "Sent", "Clients/Acme")}


def signed_out_nothing_is_shown_and_signed_in_it_is(sofia: Recruiter) -> None:
    sofia.go("/emails/")
    sofia.sign_out()
    sofia.go("/emails/")
    sofia.page.wait_for_url(re.compile("/accounts/login/"))
    sofia.sign_in(SOFIA, PASSWORD)
    sofia.go("/emails/")
    expect(sofia.row("While you were away")).to_be_visible()
