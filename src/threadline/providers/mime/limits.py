"""How much of one message is read. What lies beyond is cut and noted as a defect, never an error."""

from __future__ import annotations

HEADER_BYTES = 1_000_000
TEXT_CHARS = 1_000_000
HTML_CHARS = 2_000_000  # compiled HTML parsers turn quadratic on hostile input: seconds at this size, minutes beyond
PARTS = 10_000
DEPTH = 50  # of nested multiparts; real mail stays below ten
RECIPIENTS = 5_000  # of each address header
REFERENCES = 100
REPLY_IDS = 10
SUBJECT_CHARS = 10_000
NAME_CHARS = 255  # of an attachment's file name
ADDRESS_NAME_CHARS = 1_000
ID_CHARS = 998  # RFC 5322 section 2.1.1: the longest line
MEASURED_BYTES = 128_000  # attachments up to this encoded size are decoded to know their exact size
