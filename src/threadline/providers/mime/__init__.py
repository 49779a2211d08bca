"""Reading mail: from bytes that anyone could have sent to a `ParsedMessage`.

    parse.py        what a message says: the first reading, and the second where the first is in doubt
    first.py        the first reading: the compiled parser
    second.py       the second reading: by hand, forgiving, linear in the size of the message
    large.py        messages of which only the header block, the structure and the text parts were fetched
    compose.py      from header and parts to one `ParsedMessage`
    extract.py      the content of one part of a whole message
    sanitise.py     HTML made fit to be shown
    pool.py         `Parser`: all of the above in a child process with limits, for mail from outside
    child.py        that process

The functions never raise on any bytes. They may be slow or greedy on hostile ones: that is what `Parser` is for.
"""
