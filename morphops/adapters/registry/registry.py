"""Releases and images in a registry (OCI distribution-spec v1.1).

The `oras` package does transport and authentication: credentials come from Docker's own
configuration and its helpers. It trusts what a registry says of its bytes, so every byte is hashed
here again.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from inspect import unwrap
from pathlib import Path
from typing import Any

from morphops.core.release.artifact import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    INDEX,
    MANIFEST,
    Artifact,
    check_bytes,
    children,
    decode,
    parse_json,
)
from morphops.core.release.digest import short
from morphops.core.release.image_manifest import describe_image
from morphops.core.release.reference import HUB, ImageRef
from morphops.core.release.release import Image, Release
from morphops.errors import InputError, MorphopsError, NotFound, PreconditionError, RegistryError

_CONNECT, _READ = 5.0, 60.0  # seconds; the second is between two packets, not for the whole
_ACCEPT = ", ".join((MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_INDEX))
_HUB_ACCOUNT = "https://index.docker.io/v1/"  # as `docker login` writes it


class Registry:
    """One registry.

    Args:
        host: `host[:port]`; plain HTTP on loopback, HTTPS elsewhere.
        stalled_after: seconds in which nothing comes, after which a request is given up.
    """

    def __init__(self, host: str, *, stalled_after: float = _READ) -> None:
        self.host = host
        self._patience = min(_READ, stalled_after)

    def ping(self) -> None:
        """Ask whether it is there.

        Raises:
            RegistryError: it is not.
        """
        self._ask("GET", f"{self._base}/", "answer")

    def resolve_image(
        self, name: str, ref: ImageRef, platform: str
    ) -> tuple[Image, Mapping[str, bytes]]:
        """What a release records of an image, and the bytes of its manifests.

        Raises:
            NotFound: the registry does not have it.
            InputError: it is no image, or not for the platform.
            IntegrityError: the registry answers with other bytes.
        """
        return describe_image(
            name,
            ref,
            platform,
            manifest=lambda digest: self._manifest(ref.path, digest),
            blob=lambda digest: self._blob(ref.path, digest),
        )

    def has(self, repository: str, digest: str) -> bool:
        """Whether a repository (without the host) has a manifest of this digest."""
        try:
            self._manifest(repository, digest)
        except NotFound:
            return False
        return True

    def push_release(self, artifact: Artifact, repository: str) -> None:
        """Push a release and tag it with its 12 digits; what is there is not sent again.

        Raises:
            RegistryError: the registry is out of reach or refuses.
            PreconditionError: there is no room for what is to be sent.
        """
        container = self._container(repository)
        try:
            with tempfile.TemporaryDirectory(prefix="morphops-push-") as folder:
                for digest, data in artifact.blobs.items():
                    path = Path(folder) / digest.removeprefix("sha256:")
                    path.write_bytes(data)
                    layer = {"digest": digest, "size": len(data)}
                    upload = partial(self._client.upload_blob, str(path), container, layer)
                    answer = self._call(upload, f"push to {repository}")
                    self._expect(answer, f"push to {repository}")
        except OSError as err:
            raise PreconditionError(
                f"cannot write what is to be pushed: {err.strerror}",
                state="the release was not made",
                hint="free space in the folder for temporary files, or set TMPDIR to another",
            ) from None
        self.tag(repository, artifact.manifest, short(artifact.digest))

    def pull_release(self, repository: str, digest: str) -> Release:
        """Pull a release by its digest.

        Raises:
            NotFound: nobody has it here.
            InputError: the digest names something else.
            IntegrityError: the registry answers with other bytes.
        """
        manifest = self._manifest(repository, digest)
        return decode(digest, manifest, lambda blob: self._blob(repository, blob))

    def hold(self, release: Release, owns: Callable[[str], bool]) -> None:
        """Tag every image of a release, and every child of an index, so that no cleanup takes them.

        Args:
            release: whose images.
            owns: whether a full repository is ours; others are never written to.
        """
        for image in release.images:
            if not owns(image.ref.repository):
                continue
            repository = self._within(image.ref.repository)
            data = release.manifests[image.ref.digest]
            for child in children(data):
                bytes_ = release.manifests.get(child) or self._manifest(repository, child)
                self.tag(repository, bytes_, f"morphops-{release.short}-{short(child)}")
            self.tag(repository, data, f"morphops-{release.short}")

    def tag(self, repository: str, manifest: bytes, tag: str) -> None:
        """Put a manifest under a tag.

        Raises:
            RegistryError: the registry is out of reach or refuses.
        """
        media_type = str(parse_json(manifest, repository).get("mediaType") or MANIFEST)
        self._ask(
            "PUT",
            f"{self._base}/{repository}/manifests/{tag}",
            f"tag {repository}:{tag}",
            data=manifest,
            headers={"Content-Type": media_type},
        )

    def _manifest(self, repository: str, digest: str) -> bytes:
        answer = self._ask(
            "GET",
            f"{self._base}/{repository}/manifests/{digest}",
            f"find {short(digest)} in {repository}",
            headers={"Accept": _ACCEPT},
        )
        data = bytes(answer.content)
        check_bytes(digest, data, f"what {self.host} sent for {repository}")
        return data

    def _blob(self, repository: str, digest: str) -> bytes:
        url = f"{self._base}/{repository}/blobs/{digest}"
        return bytes(self._ask("GET", url, f"find {short(digest)} in {repository}").content)

    @property
    def _base(self) -> str:
        return f"{self._client.prefix}://{self.host}/v2"

    @cached_property
    def _client(self) -> Any:
        from oras.provider import Registry as Oras

        from morphops.core.release.reference import is_loopback

        logging.getLogger("oras.logger").disabled = True  # what it would say, our errors say
        local = is_loopback(self.host)
        client = Oras(hostname=self.host, insecure=local)
        # oras asks five times more, over two minutes and without a word, also where it was refused.
        client.do_request = partial(unwrap(Oras.do_request), client)
        client.session = _bounded_session(direct=local, silence=self._patience)
        client.auth.session = client.session
        client.auth.hostname = self.host
        client.auth._auth_config = _docker_config()
        if self.host == HUB:
            client.auth._load_auth(_HUB_ACCOUNT)
        else:
            client.auth.load_configs(client.get_container(f"{self.host}/x"))
        return client

    def _container(self, repository: str) -> Any:
        return self._client.get_container(f"{self.host}/{repository}")

    def _within(self, repository: str) -> str:
        return repository.removeprefix(f"{self.host}/")

    def _ask(self, method: str, url: str, doing: str, **options: Any) -> Any:
        answer = self._call(lambda: self._client.do_request(url, method, **options), doing)
        return self._expect(answer, doing)

    def _call(self, request: Callable[[], Any], doing: str) -> Any:
        """Make a request, and translate what goes wrong on the way; no URL, it may hold a token."""
        import requests

        try:
            return request()
        except requests.Timeout:
            raise self._unreachable(doing, f"no answer within {self._patience:g} s") from None
        except requests.RequestException as err:
            raise self._unreachable(doing, type(err).__name__) from None
        except (ValueError, AttributeError) as err:
            # oras raises these where it was asked for credentials and has none that are accepted,
            # and where an answer is not what the protocol has; the last status tells them apart.
            if self._client.session.last_status in (401, 403):
                raise self._denied(doing, self._client.session.last_status) from None
            raise RegistryError(
                f"could not {doing}: {self.host} does not answer as a registry does "
                f"({type(err).__name__})"
            ) from None

    def _expect(self, answer: Any, doing: str) -> Any:
        if answer.status_code in (200, 201, 202):
            return answer
        if answer.status_code in (401, 403):
            raise self._denied(doing, answer.status_code)
        if answer.status_code == 404:
            raise NotFound(f"could not {doing}: {self.host} does not have it")
        raise RegistryError(
            f"could not {doing}: {self.host} answers HTTP {answer.status_code}",
            hint="try again; the registry's own log says more",
        )

    def _unreachable(self, doing: str, why: str) -> MorphopsError:
        from morphops.core.release.reference import is_loopback

        local = is_loopback(self.host)
        return RegistryError(
            f"could not {doing}: the registry {self.host} is out of reach ({why})",
            state="nothing was changed",
            hint="inv registry.up" if local else "see whether the name and the network are right",
        )

    def _denied(self, doing: str, status: int) -> MorphopsError:
        found = bool(getattr(self._client.auth, "_basic_auth", None))
        if not found:
            why = "no credentials for it stand in Docker's configuration"
        elif status == 401:
            why = "the credentials in Docker's configuration were not accepted"
        else:
            why = "the account in Docker's configuration may not do this"
        return RegistryError(
            f"could not {doing}: {self.host} refuses (HTTP {status}): {why}",
            state="nothing was changed",
            hint="docker login" if self.host == HUB else f"docker login {self.host}",
        )


def _docker_config() -> dict[str, Any]:
    """Docker's own configuration; oras would not look where `DOCKER_CONFIG` says.

    Raises:
        InputError: it is there, and cannot be read.
    """
    folder = os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker"
    path = Path(folder) / "config.json"
    try:
        read = json.loads(path.read_bytes())
        auths, helpers = read.get("auths") or {}, read.get("credHelpers") or {}
        return {"auths": auths, "credHelpers": helpers, "credsStore": read.get("credsStore")}
    except FileNotFoundError:
        # Not empty: oras would then go and look by itself.
        return {"auths": {}, "credHelpers": {}, "credsStore": None}
    except (OSError, ValueError, AttributeError, RecursionError):
        raise InputError(
            f"{path} cannot be read as Docker's configuration",
            state="nothing was changed",
            hint="mend it, or name another folder with DOCKER_CONFIG",
        ) from None


def _bounded_session(*, direct: bool, silence: float) -> Any:
    """A session each of whose requests has a time limit; oras gives none."""
    import requests

    class Bounded(requests.Session):
        last_status = 0

        def request(self, *args: Any, **kwargs: Any) -> requests.Response:
            kwargs.setdefault("timeout", (_CONNECT, silence))
            answer = super().request(*args, **kwargs)
            self.last_status = answer.status_code
            return answer

    session = Bounded()
    # A proxy of the environment must not see what goes to loopback, and could not deliver it.
    session.trust_env = not direct
    return session
