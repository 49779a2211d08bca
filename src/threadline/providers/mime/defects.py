"""What can be wrong with a message, in words. No text of the mail is ever part of a defect."""

from __future__ import annotations

NO_HEADER = "header: there is none"
HEADER_CUT = "header: longer than 1 MB, the rest was not read"
HEADER_JUNK = "header: broken by lines that belong to no header"
ADDRESS = "address: a header holds something that is no address"
RECIPIENTS_CUT = "address: more than 5,000 in one header, the rest was not read"
DATE = "date: not a date"
REFERENCES_CUT = "references: more than 100, the middle was left out"
CHARSET = "text: the character set is unknown or wrong, it was guessed"
ENCODING = "text: the transfer encoding is broken, what could be decoded was kept"
TEXT_CUT = "text: longer than 1 MB, the rest was left out"
HTML_CUT = "html: longer than 2 MB, the rest was left out"
PART_CUT = "text: a part was not fetched to its end"
STRUCTURE = "structure: a multipart without its parts, read as text"
PARTS_IN_HEADER = "structure: a multipart whose parts could not be told from its header, they were not read"
PARTS_UNKNOWN = "structure: the mail server found no parts in a multipart, its content was not fetched"
TOO_DEEP = "structure: nested more than 50 levels, the inner parts were not read"
TOO_MANY_PARTS = "structure: more than 10,000 parts, the rest was not read"
BODY_NOT_READ = "body: not read"
BODY_KILLED = "body: reading it took too much time or memory"

# The raw form must be kept where one of these occurred: something of the message could not be read.
UNREAD = frozenset(
    {
        ENCODING,
        PARTS_IN_HEADER,
        PARTS_UNKNOWN,
        TOO_DEEP,
        TOO_MANY_PARTS,
        BODY_NOT_READ,
        BODY_KILLED,
        HEADER_CUT,
    }
)
