"""The demo world: the recruiter Sofia Lindqvist, her year of mail, and the people she writes with.

`world(now)` is the whole of it as data; `seed(data_dir, now)` puts it into the sandbox's mailboxes, once.
"""

from threadline.sandbox.demo.seeding import PASSWORD, export, seed
from threadline.sandbox.demo.whole import MAILBOX, Company, User, World, world

__all__ = ["MAILBOX", "PASSWORD", "Company", "User", "World", "export", "seed", "world"]
