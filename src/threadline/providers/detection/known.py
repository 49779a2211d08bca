"""The large mail hosts, by the domains of their addresses and by the servers that receive the mail of others.

Every entry names where it comes from: "ISPDB x" is the file x of Thunderbird's autoconfig database. All of them
are on port 993 with TLS. A domain or MX belongs here only when all of its mailboxes are on that host.
"""

from __future__ import annotations

from dataclasses import dataclass

from threadline.providers.detection.result import Provider

_ADDRESS, _LOCAL_PART = "%EMAILADDRESS%", "%EMAILLOCALPART%"

GOOGLE_HINT = (
    "Gmail does not take your usual password from other programs. In this version you connect Gmail with an app "
    "password: turn on 2-Step Verification in your Google account, then create one at "
    "https://myaccount.google.com/apppasswords. If your company runs the account, its administrator may have "
    "switched app passwords off."
)
MICROSOFT_HINT = (
    "This mailbox is with Microsoft, which no longer accepts passwords from other programs, not even app passwords: "
    "it only takes its own sign-in, in a browser. If your mail is in "
    "truth kept on a server of your own, enter that server yourself."
)
_YAHOO_HINT = (
    "{name} does not take your usual password from other programs: create an app password in your account's "
    "security settings and enter that one."
)
_SWITCH_ON_HINT = "{name} lets other programs in only after you have switched on IMAP in its mail settings."


@dataclass(frozen=True, slots=True)
class MailHost:
    name: str
    host: str  # "" when there is no server that takes a password
    source: str
    domains: frozenset[str]
    mx: tuple[str, ...] = ()  # an MX under one of these names is this host's
    username: str = _ADDRESS
    provider: Provider | None = "imap"
    hint: str = ""


def _host(name: str, host: str, source: str, domains: str, **more: object) -> MailHost:
    return MailHost(name, host, source, frozenset(domains.split()), **more)  # type: ignore[arg-type]


HOSTS: tuple[MailHost, ...] = (
    _host(
        "Gmail", "imap.gmail.com", "ISPDB googlemail.com", "gmail.com googlemail.com google.com",
        mx=("google.com", "googlemail.com"), provider="gmail", hint=GOOGLE_HINT,
    ),
    _host(
        "Outlook.com", "", "ISPDB hotmail.com; basic authentication ended 2024-09-16",
        "hotmail.com live.com msn.com outlook.com windowslive.com passport.com livemail.tw "
        "outlook.at outlook.be outlook.cl outlook.cz outlook.de outlook.dk outlook.es outlook.fr outlook.hu "
        "outlook.ie outlook.in outlook.it outlook.jp outlook.kr outlook.lv outlook.my outlook.ph outlook.pt "
        "outlook.sa outlook.sg outlook.sk outlook.co.id outlook.co.il outlook.co.th outlook.com.ar "
        "outlook.com.au outlook.com.br outlook.com.gr outlook.com.tr outlook.com.vn "
        "hotmail.be hotmail.ca hotmail.cl hotmail.cz hotmail.de hotmail.dk hotmail.es hotmail.fi hotmail.fr "
        "hotmail.gr hotmail.hu hotmail.it hotmail.lt hotmail.lv hotmail.my hotmail.nl hotmail.no hotmail.ph "
        "hotmail.rs hotmail.se hotmail.sg hotmail.sk hotmail.co.id hotmail.co.il hotmail.co.in hotmail.co.jp "
        "hotmail.co.kr hotmail.co.th hotmail.co.uk hotmail.co.za hotmail.com.ar hotmail.com.au "
        "hotmail.com.br hotmail.com.hk hotmail.com.tr hotmail.com.tw hotmail.com.vn "
        "live.at live.be live.ca live.cl live.cn live.de live.dk live.fi live.fr live.hk live.ie live.in "
        "live.it live.jp live.nl live.no live.ru live.se live.co.jp live.co.kr live.co.uk live.co.za "
        "live.com.ar live.com.au live.com.mx live.com.my live.com.ph live.com.pt live.com.sg",
        mx=("olc.protection.outlook.com",), provider="graph", hint=MICROSOFT_HINT,
    ),
    _host(
        "Microsoft 365", "", "ISPDB office365.com; basic authentication ended October 2022",
        "office365.com", mx=("mail.protection.outlook.com", "mx.microsoft"), provider="graph",
        hint=MICROSOFT_HINT,
    ),
    _host(
        "Yahoo", "imap.mail.yahoo.com", "ISPDB yahoo.com",
        "yahoo.com yahoo.de yahoo.it yahoo.fr yahoo.es yahoo.se yahoo.co.in yahoo.co.uk yahoo.co.nz "
        "yahoo.com.au yahoo.com.ar yahoo.com.br yahoo.com.mx ymail.com myyahoo.com rocketmail.com cox.net",
        mx=("am0.yahoodns.net",), hint=_YAHOO_HINT.format(name="Yahoo"),
    ),
    _host(
        "AOL", "imap.aol.com", "ISPDB aol.com",
        "aol.com aim.com netscape.net netscape.com compuserve.com cs.com wmconnect.com aol.de aol.it aol.fr "
        "aol.es aol.se aol.co.uk aol.co.nz aol.com.au aol.com.ar aol.com.br aol.com.mx",
        mx=("mail.gm0.yahoodns.net",), hint=_YAHOO_HINT.format(name="AOL"),
    ),
    _host(
        "AT&T", "imap.mail.att.net", "ISPDB att.net",
        "ameritech.net att.net bellsouth.net currently.com flash.net nvbell.net pacbell.net prodigy.net "
        "sbcglobal.net snet.net swbell.net wans.net",
    ),
    _host(
        "iCloud", "imap.mail.me.com", "ISPDB me.com", "icloud.com me.com mac.com", username=_LOCAL_PART,
        hint="iCloud takes only an app-specific password: create one at https://account.apple.com.",
    ),
    _host(
        "Fastmail", "imap.fastmail.com", "ISPDB messagingengine.com", "fastmail.com fastmail.fm",
        mx=("messagingengine.com",), hint=_YAHOO_HINT.format(name="Fastmail"),
    ),
    _host(
        "Zoho", "imap.zoho.com", "ISPDB zoho.com", "zoho.com zohomail.com",
        hint=_SWITCH_ON_HINT.format(name="Zoho"),
    ),
    _host(
        "GMX", "imap.gmx.net", "ISPDB gmx.net",
        "gmx.net gmx.de gmx.at gmx.ch gmx.eu gmx.biz gmx.org gmx.info mein.gmx mail.gmx email.gmx",
        mx=("mx00.emig.gmx.net", "mx01.emig.gmx.net", "mx00.gmx.net", "mx01.gmx.net"),
        hint=_SWITCH_ON_HINT.format(name="GMX"),
    ),
    _host(
        "GMX", "imap.gmx.com", "ISPDB gmx.com",  # no MX: mail.com shares it, on another server
        "gmx.com gmx.tm gmx.us gmx.co.uk gmx.es gmx.fr gmx.ca gmx.cn gmx.co.in gmx.com.br gmx.com.my gmx.hk "
        "gmx.ie gmx.ph gmx.pt gmx.ru gmx.se gmx.sg gmx.tw gmx.com.tr gmx.it gmx.li",
        hint=_SWITCH_ON_HINT.format(name="GMX"),
    ),
    _host(
        "mail.com", "imap.mail.com", "ISPDB mail.com",
        "mail.com mail.org email.com post.com usa.com accountant.com consultant.com dr.com engineer.com "
        "cheerful.com techie.com linuxmail.org europe.com london.com myself.com iname.com writeme.com",
        hint=_SWITCH_ON_HINT.format(name="mail.com"),
    ),
    _host(
        "WEB.DE", "imap.web.de", "ISPDB web.de", "web.de", username=_LOCAL_PART,
        hint=_SWITCH_ON_HINT.format(name="WEB.DE"),
    ),
    _host(
        "T-Online", "secureimap.t-online.de", "ISPDB t-online.de", "t-online.de magenta.de",
        hint="T-Online takes the separate email password that you set in its customer centre, "
        "not the password of its website.",
    ),
    _host(
        "1&1", "imap.1und1.de", "ISPDB 1und1.de",
        "online.de onlinehome.de sofortstart.de sofort-start.de sofortsurf.de sofort-surf.de go4more.de",
        mx=("kundenserver.de", "schlund.de"),
    ),
    _host("IONOS", "imap.ionos.com", "ISPDB ionos.com", "ionos.com", mx=("perfora.net", "mx.ionos.com")),
    _host("Strato", "imap.strato.de", "ISPDB strato.de", "strato.de", mx=("rzone.de",)),
    _host(
        "freenet", "mx.freenet.de", "ISPDB freenet.de", "freenet.de",
        hint=_SWITCH_ON_HINT.format(name="freenet"),
    ),
    _host(
        "mailbox.org", "imap.mailbox.org", "ISPDB mailbox.org", "mailbox.org", mx=("mailbox.org",),
        hint="With two-factor authentication switched on, mailbox.org takes an application password.",
    ),
    _host(
        "Posteo", "posteo.de", "ISPDB posteo.de",
        "posteo.de posteo.at posteo.be posteo.ch posteo.co.uk posteo.com posteo.cz posteo.dk posteo.es "
        "posteo.eu posteo.fi posteo.ie posteo.it posteo.jp posteo.me posteo.net posteo.nl posteo.no posteo.org "
        "posteo.pl posteo.pt posteo.se posteo.uk posteo.us",
    ),
    _host("Migadu", "imap.migadu.com", "ISPDB migadu.com", "migadu.com", mx=("migadu.com",)),
    _host("Rackspace", "secure.emailsrvr.com", "ISPDB emailsrvr.com", "emailsrvr.com", mx=("emailsrvr.com",)),
    _host("Orange", "imap.orange.fr", "ISPDB orange.fr", "orange.fr wanadoo.fr"),
    _host("Free", "imap.free.fr", "ISPDB free.fr", "free.fr", username=_LOCAL_PART),
    _host("Libero", "imapmail.libero.it", "ISPDB libero.it", "libero.it iol.it blu.it inwind.it giallo.it"),
    _host(
        "Comcast", "imap.comcast.net", "ISPDB comcast.net", "comcast.net",
        hint="Comcast lets other programs in only after you have allowed third-party access in its settings.",
    ),
    _host(
        "o2", "poczta.o2.pl", "ISPDB o2.pl", "o2.pl go2.pl tlen.pl prokonto.pl", username=_LOCAL_PART,
        hint=_SWITCH_ON_HINT.format(name="o2"),
    ),
    _host(
        "Yandex", "imap.yandex.com", "ISPDB yandex.ru",
        "yandex.ru yandex.com yandex.net yandex.by yandex.kz yandex.ua ya.ru narod.ru",
        hint=_SWITCH_ON_HINT.format(name="Yandex"),
    ),
    _host(
        "Mail.ru", "imap.mail.ru", "ISPDB mail.ru", "mail.ru inbox.ru list.ru bk.ru corp.mail.ru",
        hint=_YAHOO_HINT.format(name="Mail.ru"),
    ),
    _host("Naver", "imap.naver.com", "ISPDB naver.com", "naver.com"),
    _host("QQ", "imap.qq.com", "ISPDB qq.com", "qq.com"),
)  # fmt: skip

_BY_DOMAIN = {domain: host for host in HOSTS for domain in host.domains}
_BY_MX = {suffix: host for host in HOSTS for suffix in host.mx}
_BY_SERVER = {host.host: host for host in reversed(HOSTS) if host.host} | {
    # The names at which Microsoft's IMAP answers, however they are announced (ISPDB office365.com, hotmail.com).
    name: next(host for host in HOSTS if host.name == "Microsoft 365")
    for name in ("outlook.office365.com", "imap-mail.outlook.com", "outlook.office.com")
}


def by_domain(domain: str) -> MailHost | None:
    """The host of an address's domain."""
    if domain.endswith(".onmicrosoft.com"):  # every Microsoft 365 tenant has one (ISPDB office365.com)
        return _BY_DOMAIN["office365.com"]
    return _BY_DOMAIN.get(domain)


def is_personal_microsoft(domain: str) -> bool:
    """Whether addresses of this domain are personal Microsoft accounts, which no organisation has."""
    host = _BY_DOMAIN.get(domain)
    return host is not None and host.name == "Outlook.com"


def by_exchanger(name: str) -> MailHost | None:
    """The host that a receiving server belongs to."""
    labels = name.split(".")
    return next((_BY_MX[under] for i in range(len(labels)) if (under := ".".join(labels[i:])) in _BY_MX), None)


def by_server(name: str) -> MailHost | None:
    """The host that an IMAP server belongs to."""
    return _BY_SERVER.get(name.lower())
