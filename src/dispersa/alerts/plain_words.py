"""How does text from outside become safe to read in an alert? One line, no control, no secret."""

import re
import unicodedata

LENGTH_MAX = 280
"""Characters of a foreign sentence; an alert is read on a phone."""
_ACCOUNT = re.compile(r"\b(D?[UF])\d{2,}(\d{3})\b")
_CREDENTIALS = re.compile(r"(?<=://)[^\s/@]+@")
_SECRET = re.compile(
    r"(?i)\b(password|passphrase|passwd|token|secret|api[_-]?key|authorization|bearer)\b"
    r"(\s*(?:[:=]|\bis\b)?\s*)(?:bearer\s+)?[^\s,;]+"
)


def plain_words(text: str, limit: int = LENGTH_MAX) -> str:
    """Return a sentence of the broker, a person or a library as an alert may carry it.

    Control characters (line ends, terminal escapes, text direction marks) become spaces, account
    numbers lose their middle, whatever follows a word such as password or token goes, and a long
    text is cut with an ellipsis.

    >>> plain_words("Order held\\x1b[2J for DU1234567, token=abc")
    'Order held [2J for DU···567, token=···'
    """
    shown = "".join(" " if unicodedata.category(sign)[0] == "C" else sign for sign in text)
    line = " ".join(shown.split())
    line = _CREDENTIALS.sub("···@", line)
    line = _SECRET.sub(r"\1\2···", line)
    line = _ACCOUNT.sub(r"\1···\2", line)
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
