"""Files that hold secrets, by their names. Pure."""

from __future__ import annotations

import re

_SECRET = re.compile(
    r"(^|/)(\.env(\.(?!example|sample|template|dist)[\w-]+)*|[^/]*\.env|[^/]*\.(pem|key|p12|pfx|jks)"
    r"|id_(rsa|dsa|ecdsa|ed25519|\*)[^/.]*|[._]netrc|\.npmrc|\.pypirc|\.git-credentials|\.pgpass"
    r"|\.docker/config\.json|\.dockerconfigjson|\.aws/credentials|\.kube/config"
    r"|(?:[\w-]+[._-])?credentials\.json)$"
)
# Certificates and public keys are for everybody; `ca-key.pem` is not a certificate.
_PUBLIC = re.compile(
    r"(^|[/._-])(pub|public|(ca|cacerts?|certs?|certificates?|chain|fullchain|bundle|root)"
    r"(?![^/]*(key|priv)))[\w-]*(\.[\w-]+)*\.pem$"
)


def is_secret(path: str) -> bool:
    """Returns whether a file's name says that it holds a secret: `.env`, `id_rsa`, `tls.key`."""
    return bool(_SECRET.search(path)) and not _PUBLIC.search(path)
