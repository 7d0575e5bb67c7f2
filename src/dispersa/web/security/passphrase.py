"""Does this person know the passphrase? argon2id, and a set-up code where none was set yet.

Source: RFC 9106 (Argon2), its second recommended parameters, which are argon2-cffi's defaults;
OWASP ASVS 5.0 V6.
"""

import hmac
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from dispersa.errors import InvalidInput
from dispersa.web.security.vault import Vault

LENGTH_MIN, LENGTH_MAX = 12, 256
_NAME = "passphrase"
_HASHER = PasswordHasher()
_NOBODY = _HASHER.hash(secrets.token_urlsafe(16))
"""Checked where no passphrase is set, so that the answer takes as long."""


def is_set(vault: Vault) -> bool:
    """Return whether there is a passphrase."""
    return vault.fact(_NAME) is not None


def set_passphrase(vault: Vault, passphrase: str) -> None:
    """Set or replace the passphrase.

    Raises
    ------
    InvalidInput
        If it is too short, too long, or one character over and over.
    """
    length = len(passphrase)
    if not LENGTH_MIN <= length <= LENGTH_MAX:
        raise InvalidInput(
            f"the passphrase has {length} characters; expected {LENGTH_MIN} to {LENGTH_MAX}: "
            "four unrelated words are easy to remember and hard to guess"
        )
    if len(set(passphrase)) < 5:
        raise InvalidInput("the passphrase repeats few characters; take four unrelated words")
    vault.set_fact(_NAME, _HASHER.hash(passphrase))


def is_right(vault: Vault, passphrase: str) -> bool:
    """Return whether this is the passphrase; takes as long if it is not."""
    stored = vault.fact(_NAME)
    try:
        _HASHER.verify(_NOBODY if stored is None else stored, passphrase[:LENGTH_MAX])
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


class SetupCode:
    """A code printed on the console of the first start; whoever can read it owns the machine."""

    def __init__(self) -> None:
        self.text = "-".join(secrets.token_hex(2) for _ in range(4))

    def is_right(self, given: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self.text.encode(), given.strip().lower().encode())
