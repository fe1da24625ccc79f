"""Which variables hold a secret: told by the name, and by what a value looks like. Pure."""

from __future__ import annotations

import re

from morphops.core.checks.plain_secrets import has_password

_SECRET = frozenset({
    "PASSWORD", "PASSWD", "PASS", "PWD", "PASSPHRASE", "SECRET", "SECRETS", "TOKEN", "KEY",
    "APIKEY", "DSN", "CREDENTIAL", "CREDENTIALS", "SALT", "PEPPER", "PAT",
})  # fmt: skip
# These say it wherever they stand in a name, if the end does not say something else.
_ANYWHERE = frozenset({
    "PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "CREDENTIALS",
})  # fmt: skip
_HARMLESS = frozenset({
    "FILE", "PATH", "DIR", "ID", "IDS", "NAME", "TTL", "LENGTH", "SIZE", "MIN", "MAX", "AGE",
    "DAYS", "HOURS", "MINUTES", "SECONDS", "EXPIRY", "EXPIRES", "EXPIRATION", "ENABLED",
    "DISABLED", "REQUIRED", "POLICY", "HEADER", "TYPE", "ALGORITHM", "PREFIX", "USER",
    "USERNAME", "HOST", "PORT", "COUNT", "ROUNDS", "MODE", "RESET", "LOGIN", "REGION",
})  # fmt: skip
_SWITCH = frozenset({
    "REQUIRE", "USE", "ENABLE", "DISABLE", "ALLOW", "SKIP", "PUBLIC",
})  # fmt: skip
# A secret that another party hands out cannot be made up here.
_FOREIGN = frozenset({
    "SMTP", "MAIL", "EMAIL", "AWS", "S3", "GCP", "AZURE", "API", "APIKEY", "OAUTH", "OIDC",
    "SSO", "SAML", "GITHUB", "GITLAB", "GOOGLE", "SLACK", "STRIPE", "OPENAI", "ANTHROPIC",
    "LDAP", "REMOTE", "EXTERNAL", "CLIENT", "LICENSE", "LICENCE", "WEBHOOK", "BOT", "SENTRY",
    "TWILIO", "DISCORD", "TELEGRAM", "CLOUDFLARE", "TUNNEL", "DSN", "PAT", "ACCESS",
})  # fmt: skip
_RANDOM = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9+/=_-]{24,}")


def is_secret_name(name: str) -> bool:
    """Whether a variable is called like a secret: `DB_PASSWORD`, `SECRET_KEY_BASE`."""
    words = _words(name)
    last = words[-1].rstrip("0123456789") or words[-1]
    if words[0] in _SWITCH or last in _HARMLESS or words[-1] in _HARMLESS:
        return False
    return last in _SECRET or bool(_ANYWHERE & set(words))


def holds_secret(value: str) -> bool:
    """Whether a value looks like a secret: a URL with a password, or long and random."""
    return has_password(value) or bool(_RANDOM.fullmatch(value))


def can_be_made(name: str) -> bool:
    """Whether a fresh value does: a password inside of the stack, and not another party's."""
    words = _words(name)
    return is_secret_name(name) and not _FOREIGN & set(words) and words[-1] not in ("URL", "URI")


def _words(name: str) -> list[str]:
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).upper()
    return [word for word in re.split(r"[^A-Z0-9]+", parted) if word] or [""]
