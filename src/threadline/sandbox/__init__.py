"""Stand-ins for the servers of the outside world, to look at and to test against.

`python -m threadline.sandbox` runs an IMAP server with a demo mailbox and a control API that makes trouble on
request. Nothing here is shared with the product: no constant, no serialiser, no clock, so that a mistake is
never made twice alike.
"""
