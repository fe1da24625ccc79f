"""Digests, references, releases: what is read is what is written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morphops.core.release.digest import canonical_json, digest_of, is_digest, parse_digest, short
from morphops.core.release.reference import ImageRef, tag_of
from morphops.core.release.release import Image, Release
from morphops.errors import InputError

D = "sha256:" + "0123456789abcdef" * 4
E = "sha256:" + "f" * 64
EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

digests = st.text("0123456789abcdef", min_size=64, max_size=64).map(lambda text: f"sha256:{text}")
parts = st.from_regex(r"[a-z0-9]+((\.|_|__|-{1,3})[a-z0-9]+){0,2}", fullmatch=True)
hosts = st.sampled_from(["", "localhost:5000/", "127.0.0.1:5000/", "reg.example.com/", "R.io:1/"])
repositories = st.builds(
    lambda host, path: host + "/".join(path), hosts, st.lists(parts, min_size=1, max_size=3)
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("aä\n", max_size=3), inner),
    max_leaves=8,
)


def test_the_digest_of_bytes() -> None:
    assert digest_of(b"") == EMPTY
    assert is_digest(EMPTY)
    assert short(EMPTY) == "e3b0c44298fc"
    assert short("") == ""


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "latest",
            "0" * 64,
            "sha512:" + "0" * 128,
            "sha256:" + "g" * 64,
            "sha256:" + "٣" * 64,
        ),
        *(D[:-1], D + "0", D.upper(), D.replace("a", "A"), f"{D}\n", f" {D}"),
    ],
)
def test_what_is_no_digest(text: str) -> None:
    assert not is_digest(text)
    with pytest.raises(InputError):
        parse_digest(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("v1.2", "malformed release 'v1.2': a tag can move, so only sha256:<64 hex> is accepted"),
        (
            "cd527f3d6989",
            "malformed release 'cd527f3d6989': only sha256: and all 64 digits are accepted here",
        ),
        (
            "sha256:abc",
            "malformed release 'sha256:abc': sha256: is followed by 64 lowercase hex digits, "
            "here are 3 characters",
        ),
    ],
)
def test_a_malformed_digest_is_explained(text: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_digest(text, "release")
    assert caught.value.what == says
    assert caught.value.hint.startswith("inv deploy")


@settings(deadline=None)
@given(json_values)
def test_canonical_json_has_one_form(value: object) -> None:
    data = canonical_json(value)
    assert json.loads(data) == value
    assert canonical_json(json.loads(data)) == data
    assert b"\n" not in data  # so that it is one line of a history


def test_canonical_json_sorts_and_refuses_what_json_has_not() -> None:
    assert canonical_json({"b": [1, None], "a": "ü"}) == '{"a":"ü","b":[1,null]}'.encode()
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))


@settings(deadline=None)
@given(repositories, digests)
def test_references_round_trip(repository: str, digest: str) -> None:
    ref = ImageRef(repository, digest)
    assert ImageRef.parse(str(ref)) == ref


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "'' names no digest"),
        ("shop/api", "'shop/api' names no digest"),
        ("shop/api:v1", "'shop/api:v1' names no digest"),
        ("shop/api@v1", "malformed image digest 'v1': a tag can move"),
        (f"-v/x@{D}", "malformed repository '-v/x'"),  # it comes to a command line
        (f"[::1/x@{D}", "malformed repository '[::1/x'"),
        (f"http://r.example/x:1@{D}", "malformed repository 'http://r.example/x"),
        (f"@{D}", "malformed repository ''"),
        (f"shop//api@{D}", "malformed repository 'shop//api'"),
        (f"/shop@{D}", "malformed repository '/shop'"),
        (f"shop/@{D}", "malformed repository 'shop/'"),
        (f"shop/Api@{D}", "malformed repository 'shop/Api'"),
        (f"shop/a..b@{D}", "malformed repository 'shop/a..b'"),
        (f"shop/a___b@{D}", "malformed repository 'shop/a___b'"),
        (f"shop/a._b@{D}", "malformed repository 'shop/a._b'"),
        (f"shop/-a@{D}", "malformed repository 'shop/-a'"),
        (f"https://reg.example/shop@{D}", "malformed repository 'https://reg.example/shop'"),
        (f"shop\n@{D}", "malformed repository 'shop\\n'"),
        (f"shop@{D}@{D}", "malformed image digest"),
        (f"shop@{D}\n", "malformed image digest"),
    ],
)
def test_what_is_no_reference(text: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        ImageRef.parse(text)
    assert says in caught.value.what


def test_an_index_is_told_from_a_manifest() -> None:
    alone = Image("api", ImageRef("shop/api", D), manifest=D, config=E, platform="linux/amd64")
    assert alone.index is None
    assert Image("api", ImageRef("shop/api", E), D, D, "linux/amd64").index == E


def test_a_release_knows_its_images_by_name() -> None:
    image = Image("api", ImageRef("shop/api", D), D, E, "linux/amd64")
    release = Release(E, "shop", (image,), {})
    assert release.image("api") is image
    assert release.short == "f" * 12
    with pytest.raises(InputError, match=r"f{12} has no image 'web' \(it has: api\)"):
        release.image("web")


@pytest.mark.parametrize(
    ("text", "repository", "tag"),
    [
        ("shop/api:v1", "shop/api", "v1"),
        ("127.0.0.1:20000/bug/app:1.2", "127.0.0.1:20000/bug/app", "1.2"),
        ("127.0.0.1:20000/bug/app", "127.0.0.1:20000/bug/app", ""),
        ("[::1]:20000/bug/app", "[::1]:20000/bug/app", ""),
        ("[::1]:20000/bug/app:latest", "[::1]:20000/bug/app", "latest"),
        ("localhost/app", "localhost/app", ""),
    ],
)
def test_of_a_tag_and_a_digest_the_digest_counts(text: str, repository: str, tag: str) -> None:
    """distribution/reference: `name[:tag][@digest]`."""
    assert ImageRef.parse(f"{text}@{D}") == ImageRef(repository, D)
    assert tag_of(f"{text}@{D}") == tag


def test_a_digest_without_its_beginning_is_told_as_that() -> None:
    with pytest.raises(InputError, match="without its beginning") as refused:
        parse_digest("ab" * 32, "release digest")
    assert refused.value.hint == f"write it as sha256:{'ab' * 32}"
