"""What is the secret behind a key that names a variable, a file or an entry of the keyring?"""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from dispersa.errors import InvalidConfig

REFERENCES = frozenset({"env", "file", "keyring"})
"""Words before the colon of a key that names where its secret is, and does not hold it."""


def reveal(key: str, secret: SecretStr, environment: Mapping[str, str] | None = None) -> str:
    """Return the secret itself; `key` names it in the refusal where it can not be had.

    `env:NAME` is the value of an environment variable, `file:PATH` the content of a file without
    the white space around it, `keyring:SERVICE/NAME` an entry of the system's keyring; anything
    else is the secret.
    """
    kind, colon, rest = secret.get_secret_value().partition(":")
    match kind if colon else "":
        case "env":
            found = (os.environ if environment is None else environment).get(rest)
            if not found:
                raise InvalidConfig(
                    f"{key} names the environment variable {rest}, which is not set"
                )
            return found
        case "file":
            return _from_file(key, rest)
        case "keyring":
            return _from_keyring(key, rest)
        case _:
            return secret.get_secret_value()


def is_reference(secret: SecretStr) -> bool:
    """Whether a key says where its secret is instead of what it is."""
    kind, colon, _ = secret.get_secret_value().partition(":")
    return bool(colon) and kind in REFERENCES


def _from_file(key: str, path: str) -> str:
    try:
        found = Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfig(f"{key} names the file {path}, which can not be read") from error
    if not found:
        raise InvalidConfig(f"{key} names the file {path}, which is empty")
    return found


def _from_keyring(key: str, entry: str) -> str:
    import keyring
    from keyring.errors import KeyringError

    service, slash, name = entry.rpartition("/")
    if not (slash and service and name):
        raise InvalidConfig(f"{key} names the keyring entry {entry!r}; expected SERVICE/NAME")
    try:
        found = keyring.get_password(service, name)
    except KeyringError as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise InvalidConfig(
            f"{key} names an entry of the keyring, and none can be opened here ({said}); unlock "
            "it, or use 'env:NAME' or 'file:PATH'"
        ) from error
    if not found:
        raise InvalidConfig(
            f"{key} names the keyring entry {entry}, which does not exist; "
            f"store it with `keyring set {service} {name}`"
        )
    return found
