"""Why an email is set aside in the ledger, in a sentence for each reason that the ledger keeps."""

from __future__ import annotations

REASONS = {
    "not_storable": "Something in this email cannot be stored. That is our fault, and we look into it.",
    "unreadable_at_server": "The mail server lists this email but does not hand it out.",
    "crashed": "Reading this email stops the reader, even by itself and even its header alone.",
    "timed_out": "Reading this email takes too long, even by itself and even its header alone.",
    "out_of_memory": "Reading this email needs too much memory, even by itself and even its header alone.",
    "erased": "This email was erased on request and is kept out on purpose.",
    "retention": "This email is older than your company keeps emails, so it is kept out on purpose.",
}
