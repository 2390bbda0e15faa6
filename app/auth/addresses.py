"""E-mail addresses: which are taken, and the one form they are kept in."""

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from app.core.errors import BadRequest
from app.core.ids import Email

MAX_EMAIL_CHARS = 254
"""RFC 5321 §4.5.3.1.3."""

# The library refuses .local and .test unless told, as its manual says to, by this list; a closed
# network's addresses are good names for accounts, and no mail is ever sent.
SPECIAL_USE_DOMAIN_NAMES.clear()


def new_email(text: str) -> Email:
    """Return the address that an account is made with, normalised.

    Only its shape is looked at, never DNS; a closed network's ``name@host`` is good. Raises
    BadRequest, which never quotes the address.
    """
    if len(text) > MAX_EMAIL_CHARS:
        raise BadRequest(f"email: at most {MAX_EMAIL_CHARS} characters")
    try:
        found = validate_email(
            text.strip(),
            check_deliverability=False,
            globally_deliverable=False,
            allow_smtputf8=True,
        )
    except EmailNotValidError as fault:
        raise BadRequest("email: not an e-mail address") from fault
    email = found.normalized.lower()
    if len(email) > MAX_EMAIL_CHARS:
        raise BadRequest(f"email: at most {MAX_EMAIL_CHARS} characters")
    return Email(email)


def known_email(text: str) -> Email | None:
    """Return the form under which an account with that address would be kept, if there can be."""
    try:
        return new_email(text)
    except BadRequest:
        return None
