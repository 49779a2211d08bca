"""Names that servers and clients give to the folder of sent mail, for servers that do not flag it (RFC 6154).

Every entry says who writes it. An entry that nobody writes does harm: it may be somebody's own folder.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SentName:
    name: str
    language: str
    written_by: str


SENT_NAMES: tuple[SentName, ...] = (
    SentName("Sent", "English", "Dovecot, Courier and Cyrus defaults, Thunderbird, Roundcube, Yahoo, Zoho"),
    SentName("Sent Items", "English", "Exchange, Outlook, Outlook for IMAP accounts, Fastmail, KMail"),
    SentName("Sent Messages", "English", "Apple Mail, iCloud, QQ Mail"),
    SentName("Sent Mail", "English", "Gmail (British and American English), Eudora"),
    SentName("Sent-Mail", "English", "Pine and Alpine, KMail, IMP"),
    SentName("SentMail", "English", "UW IMAP installations"),
    SentName("SentBox", "English", "TKmail and older webmails"),
    SentName("Gesendet", "German", "Gmail, GMX, WEB.DE, T-Online"),
    SentName("Gesendete Elemente", "German", "Exchange, Outlook"),
    SentName("Gesendete Objekte", "German", "Outlook Express, Entourage, 1&1 webmail"),
    SentName("Éléments envoyés", "French", "Exchange, Outlook"),
    SentName("Envoyés", "French", "Yahoo, Zimbra"),
    SentName("Messages envoyés", "French", "Gmail, Apple Mail"),
    SentName("Elementos enviados", "Spanish", "Exchange, Outlook"),
    SentName("Enviados", "Spanish", "Gmail, Yahoo, Zimbra"),
    SentName("Itens enviados", "Portuguese", "Exchange, Outlook (Brazil and Portugal)"),
    SentName("E-mails enviados", "Portuguese", "Gmail (Brazil)"),
    SentName("Correio enviado", "Portuguese", "Gmail (Portugal)"),
    SentName("Posta inviata", "Italian", "Exchange, Outlook, Gmail"),
    SentName("Inviata", "Italian", "Zimbra, Apple Mail"),
    SentName("Verzonden items", "Dutch", "Exchange, Outlook"),
    SentName("Verzonden berichten", "Dutch", "Gmail"),
    SentName("Verzonden", "Dutch", "Apple Mail, Yahoo"),
    SentName("Skickat", "Swedish", "Exchange, Outlook, Gmail"),
    SentName("Skickade objekt", "Swedish", "Exchange 2003 to 2010"),
    SentName("Sendt post", "Danish", "Exchange, Outlook"),
    SentName("Sendte elementer", "Norwegian", "Exchange, Outlook"),
    SentName("Sendt", "Danish and Norwegian", "Gmail, one.com webmail"),
    SentName("Lähetetyt", "Finnish", "Exchange, Outlook, Gmail"),
    SentName("Saadetud üksused", "Estonian", "Exchange, Outlook"),
    SentName("Elementy wysłane", "Polish", "Exchange, Outlook"),
    SentName("Wysłane", "Polish", "Gmail, WP, Onet"),
    SentName("Odeslaná pošta", "Czech", "Exchange, Outlook, Gmail"),
    SentName("Odeslané", "Czech", "Seznam, Zimbra"),
    SentName("Odoslaná pošta", "Slovak", "Exchange, Outlook"),
    SentName("Odoslané", "Slovak", "Gmail, Zimbra"),
    SentName("Elküldött elemek", "Hungarian", "Exchange, Outlook"),
    SentName("Elküldött", "Hungarian", "Zimbra, Freemail"),
    SentName("Elemente trimise", "Romanian", "Exchange, Outlook"),
    SentName("Trimise", "Romanian", "Gmail, Zimbra"),
    SentName("Poslane stavke", "Croatian", "Exchange, Outlook"),
    SentName("Poslano", "Slovenian", "Exchange, Outlook, Gmail"),
    SentName("Изпратени", "Bulgarian", "Exchange, Outlook, Gmail, ABV"),
    SentName("Απεσταλμένα", "Greek", "Exchange, Outlook, Gmail"),
    SentName("Gönderilmiş Öğeler", "Turkish", "Exchange, Outlook"),
    SentName("Gönderilmiş Postalar", "Turkish", "Gmail"),
    SentName("Отправленные", "Russian", "Exchange, Outlook, Gmail, Yandex, Mail.ru"),
    SentName("Надіслані", "Ukrainian", "Exchange, Outlook, Gmail, ukr.net"),
    SentName("Elements enviats", "Catalan", "Exchange, Outlook"),
    SentName("פריטים שנשלחו", "Hebrew", "Exchange, Outlook"),
    SentName("العناصر المرسلة", "Arabic", "Exchange, Outlook"),
    SentName("Mục đã gửi", "Vietnamese", "Exchange, Outlook"),
    SentName("Item Terkirim", "Indonesian", "Exchange, Outlook"),
    SentName("送信済みアイテム", "Japanese", "Exchange, Outlook"),
    SentName("送信済みメール", "Japanese", "Gmail"),
    SentName("送信済み", "Japanese", "Apple Mail, Yahoo Japan"),
    SentName("보낸 편지함", "Korean", "Exchange, Outlook"),
    SentName("보낸편지함", "Korean", "Gmail, Daum"),
    SentName("보낸메일함", "Korean", "Naver"),
    SentName("已发送邮件", "Chinese (simplified)", "Exchange, Outlook"),
    SentName("已发送", "Chinese (simplified)", "NetEase 163 and 126, Aliyun"),
    SentName("已发邮件", "Chinese (simplified)", "Gmail"),
    SentName("寄件備份", "Chinese (traditional)", "Exchange, Outlook, Gmail, Yahoo Taiwan"),
    SentName("已傳送", "Chinese (traditional)", "Apple Mail"),
)


def folded(name: str) -> str:
    """The form in which folder names are compared."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


SENT_RANK: dict[str, int] = {folded(entry.name): rank for rank, entry in enumerate(SENT_NAMES)}
