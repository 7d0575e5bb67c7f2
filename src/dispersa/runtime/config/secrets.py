"""What is the secret behind a key that names an environment variable or a file?"""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from dispersa.errors import InvalidConfig


def reveal(key: str, secret: SecretStr, environment: Mapping[str, str] | None = None) -> str:
    """Return the secret itself; `key` names it in the refusal where it can not be had.

    `env:NAME` is the value of an environment variable, `file:PATH` the content of a file without
    the white space around it; anything else is the secret.
    """
    kind, colon, rest = secret.get_secret_value().partition(":")
    if colon and kind == "env":
        found = (os.environ if environment is None else environment).get(rest)
        if not found:
            raise InvalidConfig(f"{key} names the environment variable {rest}, which is not set")
        return found
    if colon and kind == "file":
        try:
            return Path(rest).expanduser().read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidConfig(f"{key} names the file {rest}, which can not be read") from error
    return secret.get_secret_value()
