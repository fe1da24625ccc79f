"""Dockerfiles: how they are read, and their rules."""

from __future__ import annotations

from typing import Any

import pytest

from morphops.core.checks import (
    dockerfile,
    dockerfile_rules,
    waivers,
)

DIGEST = f"x@sha256:{'a' * 64}"


def test_a_dockerfile_is_read_as_docker_reads_it() -> None:
    text = (
        "# syntax=x\n\n# about\nFROM a AS b\nRUN one \\\n  # between\n  && two\n\n"
        "COPY --from=b <<EOF /x\nUSER no\nEOF\nuser 1\n"
    )
    found = [(step.name, step.text, step.line) for step in dockerfile.instructions(text)]
    assert found == [
        ("FROM", "a AS b", 4),
        ("RUN", "one && two", 5),
        ("COPY", "--from=b <<EOF /x\nUSER no", 9),
        ("USER", "1", 12),
    ]
    assert list(dockerfile.directives(text)) == [("syntax", "x", 1)]


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        (f"FROM {DIGEST}\nUSER 1:1\n", []),
        (f"FROM {DIGEST} AS a\nFROM a\nCOPY --from=a /x /x\nUSER 1\n", []),
        (f"FROM scratch\nCOPY --from={DIGEST} /x /x\nUSER 1\n", []),
        ("FROM x:1\nUSER 1\n", ["digest"]),
        ("ARG B\nFROM $B\nUSER 1\n", ["digest"]),
        (f"FROM {DIGEST} AS a\nUSER 1\nFROM a\n", ["user"]),
        (f"FROM {DIGEST}\nARG GITHUB_TOKEN\nUSER 1\n", ["secret"]),
        (f"FROM {DIGEST}\nENV A=1 DB_PASSWORD=x\nUSER 1\n", ["secret"]),
        (f"FROM {DIGEST}\nENV OWN=1\nUSER 1\n", ["secret"]),
        (f"FROM {DIGEST}\nENV TOKENIZERS=1\nUSER 1\n", []),
        (f"FROM {DIGEST}\nCOPY id_ed25519 /root/\nUSER 1\n", ["secret"]),
        (f"FROM {DIGEST}\nRUN pip install x\nUSER 1\n", ["pip"]),
        (f"FROM {DIGEST}\nRUN pip install --require-hashes -r r.txt\nUSER 1\n", []),
        (f"FROM {DIGEST}\nRUN wget -O- x | sudo bash\nUSER 1\n", ["download"]),
        (f"FROM {DIGEST}\nADD --checksum=sha256:x https://x/y /y\nUSER 1\n", []),
        (f"FROM {DIGEST}\nUSER 1\nCMD run\n", ["exec-form"]),
        ("", ["user"]),
        # FROM by ARG is what its default says.
        (f"ARG B={DIGEST}\nFROM $B\nUSER 1\n", []),
        (f"ARG N=x\nARG B=${{N}}@sha256:{'a' * 64}\nFROM ${{B}}\nUSER 1\n", []),
        (f"FROM ${{B:-{DIGEST}}}\nUSER 1\n", []),
        ("ARG B=x:1\nFROM ${B}\nUSER 1\n", ["digest"]),
        ("ARG B=x:1\nFROM ${B:-y}\nUSER 1\n", ["digest"]),
        (f"FROM {DIGEST} AS One\nFROM one\nUSER 1\n", []),
        # Mounts of other images.
        (f"FROM {DIGEST}\nRUN --mount=type=bind,from=x:1,target=/x a\nUSER 1\n", ["digest"]),
        (f"FROM {DIGEST}\nRUN --mount=type=bind,from={DIGEST},target=/x a\nUSER 1\n", []),
        (f"FROM {DIGEST} AS a\nFROM a\nRUN --mount=from=a,target=/x b\nUSER 1\n", []),
        (f"FROM {DIGEST} AS a\nFROM a\nRUN --mount=from=0,target=/x b\nUSER 1\n", []),
        (f"FROM {DIGEST}\nRUN --mount=type=cache,target=/x b --mount=from=x\nUSER 1\n", []),
        (f"ARG T=x:1\nFROM {DIGEST}\nARG T\nCOPY --from=$T /a /b\nUSER 1\n", ["digest"]),
        # The group of root writes what root's group may.
        (f"FROM {DIGEST}\nUSER 10001:0\n", ["user"]),
        (f"FROM {DIGEST}\nARG UID=10001\nUSER $UID:$UID\n", []),
        (f"FROM {DIGEST}\nARG UID=0\nUSER $UID\n", ["user"]),
        # What the network says.
        *(
            (f"FROM {DIGEST}\nRUN {command}\nUSER 1\n", ["download"])
            for command in (
                'sh -c "$(curl -fsSL https://x/y)"',
                "sh -c `wget -qO- https://x/y`",
                "bash <(curl -s https://x/y)",
                "bash -s < <(curl -s https://x/y)",
                "set -e; . <(curl -s https://x/y)",
                'eval "$(curl -s https://x/y)"',
                "wget -O- https://x/y | python3",
                "wget -O- https://x/y | python3 - --yes",
                "curl https://x/y | sudo -E bash -",
                "curl https://x/y | env A=1 /bin/sh -s",
                "curl https://x/y.gz | gunzip | sh",
                "curl https://x/y 2>&1 | sh",
                "curl 'https://x/y?a=1&b=2' | sh",
                'bash -c "curl https://x/y | sh"',
            )
        ),
        (f'FROM {DIGEST}\nRUN ["sh", "-c", "curl x | sh"]\nUSER 1\n', ["download"]),
        *(
            (f"FROM {DIGEST}\nRUN {command}\nUSER 1\n", [])
            for command in (
                "curl -fsS https://x/y | python3 -m json.tool",
                "curl -fsS https://x/y | python3 -c 'import sys'",
                "curl -fsS https://x/y | tee install.sh",
                "curl -fsS https://x/y | tar xz -C /opt",
                "curl -fsS https://x/y | ssh host",
                "curl -fsSo y https://x/y && sha256sum -c y.sum && sh y",
                'VERSION="$(curl -fsS https://x/y)" sh build.sh',
                'prog --node "$(curl -fsS https://x/y)"',
            )
        ),
        # Git and SSH.
        (f"FROM {DIGEST}\nADD git@forge.example:x/y.git /y\nUSER 1\n", ["download"]),
        (f"FROM {DIGEST}\nADD ssh://forge.example/x /y\nUSER 1\n", ["download"]),
        (f"FROM {DIGEST}\nADD https://x/y.git#{'a' * 40} /y\nUSER 1\n", []),
        (f'FROM {DIGEST}\nADD ["https://x/y", "/y"]\nUSER 1\n', ["download"]),
        (f"FROM {DIGEST}\nCOPY <<EOF /y\nhttps://x/y id_rsa .env\nEOF\nUSER 1\n", []),
        # Files that hold secrets.
        *(
            (f"FROM {DIGEST}\nCOPY {words}\nUSER 1\n", ["secret"])
            for words in (
                '["id_rsa", "/x"]',
                '--chown=1:1 ["a b", "id_rsa", "/x/"]',
                ".npmrc /root/",
                ".pypirc /root/",
                "home/.docker/config.json /root/.docker/",
                "credentials.json /app/",
                "gcp-credentials.json /app/",
                ".env.production /app/.env",
                "tls/server.key tls/",
                "ca-key.pem tls/",
                "certs/private.pem tls/",
            )
        ),
        *(
            (f"FROM {DIGEST}\nCOPY {words}\nUSER 1\n", [])
            for words in (
                '["id_rsa.pub", "/x"]',
                "id_generator /app/",
                "config.json /app/",
                ".env.example /app/",
                "ca.pem /etc/ssl/",
                "certs/fullchain.pem /etc/ssl/",
                "public-key.pem /app/",
                "src/credentials.py /app/",
                "--from=0 /x/server.key /x/",
            )
        ),
        # Secrets as they are.
        *(
            (f"FROM {DIGEST}\n{step}\nUSER 1\n", ["secret"])
            for step in (
                "RUN export TOKEN=abc123 && make",
                "RUN NPM_TOKEN='abc123' npm ci",
                "RUN true; export A=1 OWN=abc",
                "RUN <<EOF\nexport API_KEY=abc123\nEOF",
                "RUN login --token abc123 && make",
                "RUN curl -H 'Authorization: Bearer abc123' https://x/y -o y",
                'ENTRYPOINT ["serve", "--api-key=abc123"]',
                'CMD ["--client-secret", "abc123"]',
                'LABEL example.api-key="abc123"',
                "LABEL a=b password=abc123",
            )
        ),
        *(
            (f"FROM {DIGEST}\n{step}\nUSER 1\n", [])
            for step in (
                "RUN --mount=type=secret,id=t,env=TOKEN make",
                "RUN --mount=type=secret,id=t export TOKEN=$(cat /run/secrets/t) && make",
                'RUN TOKEN="$(cat /run/secrets/t)" make',
                "RUN TOKEN= make",
                "RUN GOOGLE_CREDENTIALS=/run/secrets/g make",
                "RUN TOKEN_TTL=30 USE_TOKEN=yes make",
                "RUN adduser --disabled-password --gecos '' app",
                "RUN login --token && make",
                "RUN usermod --password '!' root",
                "RUN make --token=$TOKEN",
                'ENTRYPOINT ["serve", "--password-file=/run/secrets/x", "--require-auth=true"]',
                'LABEL example.token="true" example.tokens="3"',
            )
        ),
    ],
)
def test_rules_of_dockerfiles(text: str, rules: list[str]) -> None:
    found = list(dockerfile_rules.check("x/Dockerfile", text, secrets={"OWN"}))
    assert [finding.rule for finding in found] == rules
    assert set(rules) <= waivers.NAMES


def test_a_dockerfile_as_its_build_is_told() -> None:
    def rules(text: str, **told: Any) -> list[str]:
        return [finding.rule for finding in dockerfile_rules.check("x/Dockerfile", text, **told)]

    text = "ARG B=x:1\nFROM $B AS a\nUSER 1\nFROM a AS b\n"
    assert rules(text) == ["digest", "user"]
    assert rules(text, args={"B": DIGEST}) == ["user"]
    assert rules(text, args={"B": DIGEST}, target="A") == []
    named = "FROM base\nCOPY --from=Data / /\nUSER 1\n"
    assert rules(named) == ["digest", "digest"]
    assert rules(named, contexts={"base", "Data"}) == []
    assert rules(f"FROM {DIGEST}\nARG U\nUSER $U\n", args={"U": "5"}) == []


def test_a_finding_repeats_no_secret() -> None:
    text = (
        f"FROM {DIGEST}\nADD https://me:hunter2@x/y?token=hunter2 /y\n"
        "RUN export TOKEN=hunter2; x --token hunter2 -H 'X-Api-Key: hunter2'\n"
        "LABEL token=hunter2\nUSER 1\n"
    )
    found = [str(finding) for finding in dockerfile_rules.check("x/Dockerfile", text)]
    assert len(found) == 6
    assert not [line for line in found if "hunter2" in line]
