"""Does this person hold the second factor? Time-based codes, each good once. Source: RFC 6238."""

import pyotp

from dispersa.web.security.vault import Vault

_SECRET, _LAST = "totp", "totp_last"
_PERIOD_S = 30


def is_enrolled(vault: Vault) -> bool:
    """Return whether a second factor is set; live accounts need one."""
    return vault.fact(_SECRET) is not None


def new_secret() -> str:
    """Make a secret to be shown once, as text and as an address for an authenticator."""
    return pyotp.random_base32()


def address(secret: str, account: str) -> str:
    """Return the otpauth address that an authenticator reads."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name="dispersa")


def enroll(vault: Vault, secret: str, code: str, at_s: float) -> bool:
    """Keep a secret once its holder has shown a code from it."""
    step = _step_of(secret, code, at_s)
    if step is None:
        return False
    vault.set_fact(_SECRET, secret)
    vault.set_fact(_LAST, str(step))
    return True


def is_right(vault: Vault, code: str, at_s: float) -> bool:
    """Return whether this is the code of now, or of 30 s before or after, not used yet."""
    secret = vault.fact(_SECRET)
    if secret is None:
        return False
    step = _step_of(secret, code, at_s)
    if step is None or step <= int(vault.fact(_LAST) or 0):
        return False
    vault.set_fact(_LAST, str(step))
    return True


def _step_of(secret: str, code: str, at_s: float) -> int | None:
    """Return the 30-second step that a code belongs to."""
    totp, given = pyotp.TOTP(secret), code.replace(" ", "")
    step = int(at_s) // _PERIOD_S
    for near in (step, step - 1, step + 1):
        if pyotp.utils.strings_equal(totp.generate_otp(near), given):
            return near
    return None
