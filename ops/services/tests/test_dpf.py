import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morphogen_pir.dpf import DpfKeys, domain_bits_for, expand, split, tree_depth
from morphogen_pir.matrix import Matrix, MatrixError, xor
from morphogen_pir.prg import BUILT_IN_KEYS, PrgKeys
from morphogen_pir.wire import Kind, WireError, decode_keys, encode_keys, from_hex

KEYS = BUILT_IN_KEYS
OTHER_KEYS = PrgKeys(b"a" * 16, b"b" * 16)


def bits_of(keys: DpfKeys, count: int, prg: PrgKeys = KEYS) -> np.ndarray:
    """What keys expand to, a row for each key and a byte for each place."""
    words = expand(prg, keys, count).astype("<u8")
    assert words.shape == (len(keys), -(-count // 64))
    return np.unpackbits(words.view(np.uint8), axis=1, count=count, bitorder="little")


def difference(first: DpfKeys, second: DpfKeys, count: int, prg: PrgKeys = KEYS) -> list[list[int]]:
    both = bits_of(first, count, prg) ^ bits_of(second, count, prg)
    return [np.flatnonzero(row).tolist() for row in both]


@pytest.mark.parametrize("bits", [*range(11)])
def test_every_place_of_a_small_domain(bits: int) -> None:
    places = range(1 << bits)
    assert difference(*split(KEYS, bits, places), 1 << bits) == [[place] for place in places]


@settings(max_examples=40)
@given(st.data(), st.integers(11, 20))
def test_places_of_large_domains(data: st.DataObject, bits: int) -> None:
    places = data.draw(st.lists(st.integers(0, 2**bits - 1), min_size=1, max_size=4))
    count = data.draw(st.integers(1, 2**bits))
    expected = [[place] if place < count else [] for place in places]
    assert difference(*split(OTHER_KEYS, bits, places), count, OTHER_KEYS) == expected


def test_part_of_a_domain_is_the_beginning_of_the_whole() -> None:
    keys, _ = split(KEYS, 12, [3000, 5])
    whole = bits_of(keys, 4096)
    for count in (1, 127, 128, 129, 1000, 2048, 2049, 4095):
        assert np.array_equal(bits_of(keys, count), whole[:, :count])


def test_a_key_is_the_same_alone_and_among_others() -> None:
    first, second = (encode_keys(Kind.ROW, KEYS, half) for half in split(KEYS, 12, [5, 5, 3000]))
    together = bits_of(decode_keys(first, Kind.ROW, KEYS, 12), 4096)
    for key, bits in zip(first, together, strict=True):
        assert np.array_equal(bits_of(decode_keys([key], Kind.ROW, KEYS, 12), 4096)[0], bits)
    # Keys of both parties may stand beside each other.
    mixed = bits_of(decode_keys([first[2], second[2]], Kind.ROW, KEYS, 12), 4096)
    assert np.flatnonzero(mixed[0] ^ mixed[1]).tolist() == [3000]


def test_many_keys_of_a_large_domain_are_expanded_in_parts() -> None:
    places = [0, 2**20 - 1, 77_777, 5, 2**19, 2**19 - 1, 3, 1, 4, 1]
    assert difference(*split(KEYS, 20, places), 2**20) == [[place] for place in places]


@pytest.mark.parametrize(("count", "bits"), [(1, 0), (2, 1), (3, 2), (512, 9), (513, 10)])
def test_domain_bits(count: int, bits: int) -> None:
    assert domain_bits_for(count) == bits


@pytest.mark.parametrize(("bits", "index"), [(3, 8), (3, -1), (0, 1), (-1, 0), (41, 0)])
def test_outside_the_domain(bits: int, index: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        split(KEYS, bits, [0, index] if bits >= 0 else [index])


def test_other_prg_keys_give_noise() -> None:
    first, second = split(KEYS, 12, [5])
    different = np.count_nonzero(bits_of(first, 4096, OTHER_KEYS) ^ bits_of(second, 4096))
    assert different > 1000


def key_bits(index: int, party: int, count: int, seed: int) -> np.ndarray:
    """The mean of every bit of `count` keys for one place."""
    entropy = random.Random(seed).randbytes
    keys = encode_keys(Kind.ROW, KEYS, split(KEYS, 9, [index] * count, entropy)[party])
    data = np.frombuffer(b"".join(keys), np.uint8).reshape(count, -1)
    return np.unpackbits(data, axis=1).mean(axis=0)


@pytest.mark.parametrize("party", [0, 1])
def test_the_distribution_of_one_key_does_not_depend_on_the_row(party: int) -> None:
    """Each bit of a key is constant by format or a fair coin, the same for rows far apart.

    4,000 keys of each of four rows: a fair bit's mean has a deviation of 0.008. Six of those,
    over the bits of all keys, would go by chance once in a million runs (the entropy is seeded,
    so in fact never). A bit that told the row would be off by far more.
    """
    count, bound = 4_000, 6 * 0.5 / 4_000**0.5
    means = [key_bits(index, party, count, seed=index) for index in (0, 1, 255, 511)]
    constant = (means[0] == 0) | (means[0] == 1)
    # Header: 32 bits. Root and two corrections: a cleared control bit each. Two levels: 6 bits
    # of each flag byte. Everything else must be random.
    assert constant.sum() == 32 + 3 + 2 * 6
    for mean in means:
        assert np.array_equal(mean[constant], means[0][constant])
        assert np.abs(mean[~constant] - 0.5).max() < bound


def test_pairs_of_bits_do_not_tell_the_row_either() -> None:
    """The expansion of one key looks random around the place asked for."""
    entropy = random.Random(7).randbytes
    bits = bits_of(split(KEYS, 9, [77] * 4_000, entropy)[0], 512)
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 6 * 0.5 / 4_000**0.5
    together = (bits[:, 76:78] == bits[:, 77:79]).mean(axis=0)
    assert np.abs(together - 0.5).max() < 6 * 0.5 / 4_000**0.5


def test_the_root_is_drawn_before_the_row_is_looked_at() -> None:
    roots = {split(KEYS, 12, [i], random.Random(1).randbytes)[0].roots.tobytes() for i in range(50)}
    assert len(roots) == 1


def test_keys_are_fresh_each_time() -> None:
    keys = encode_keys(Kind.ROW, KEYS, split(KEYS, 9, [5] * 50)[0])
    keys += encode_keys(Kind.ROW, KEYS, split(KEYS, 9, [5] * 50)[0])
    assert len(set(keys)) == 100


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("bits", [0, 5, 7, 8, 25])
def test_keys_survive_the_wire(kind: Kind, bits: int) -> None:
    for half in split(KEYS, bits, [(1 << bits) - 1, 0]):
        data = encode_keys(kind, KEYS, half)
        again = decode_keys(data, kind, KEYS, bits)
        for name in ("parties", "roots", "left", "right", "leaves"):
            assert np.array_equal(getattr(again, name), getattr(half, name)), name
        assert encode_keys(kind, KEYS, again) == data
        size = 4 + (32 if kind is Kind.PAGE else 0) + 32 + 17 * tree_depth(bits)
        assert [len(key) for key in data] == [size, size]


def test_malformed_keys_are_refused() -> None:
    good = encode_keys(Kind.ROW, KEYS, split(KEYS, 9, [5])[0])[0]
    page = encode_keys(Kind.PAGE, KEYS, split(KEYS, 9, [5])[0])[0]
    broken = {
        "too short": [b"", good[:3]],
        "version": [b"\x02" + good[1:]],
        "kind": [page, good[:1] + b"\x07" + good[2:]],
        "party": [good[:2] + b"\x02" + good[3:]],
        "domain": [good[:3] + b"\x0a" + good[4:]],
        "length": [good[:-1], good + b"\0", good[:4]],
        "control bit where": [
            good[:4] + bytes([good[4] | 1]) + good[5:],
            good[:20] + bytes([good[20] | 1]) + good[21:],
        ],
        "unknown control": [good[:36] + b"\x04" + good[37:]],
    }
    for reason, keys in broken.items():
        for key in keys:
            with pytest.raises(WireError, match=reason):
                decode_keys([good, key], Kind.ROW, KEYS, 9)
    with pytest.raises(WireError, match="other PRG keys"):
        decode_keys([page], Kind.PAGE, OTHER_KEYS, 9)


@given(st.binary(max_size=120))
def test_noise_is_refused_or_a_key(data: bytes) -> None:
    try:
        keys = decode_keys([data], Kind.ROW, KEYS, 9)
    except WireError:
        return
    assert encode_keys(Kind.ROW, KEYS, keys) == [data]


@pytest.mark.parametrize("text", ["", "00", "0x0", "0xzz", "0x00\n", None, 5, "0X00", "0x 0"])
def test_hex_is_strict(text: object) -> None:
    with pytest.raises(WireError):
        from_hex(text)


@pytest.mark.parametrize(
    ("left", "right"),
    [(b"a" * 15, b"b" * 16), (bytes(16), b"b" * 16), (b"a" * 16, b"a" * 16)],
)
def test_weak_prg_keys_are_refused(left: bytes, right: bytes) -> None:
    with pytest.raises(ValueError, match="PRG key"):
        PrgKeys(left, right)


@settings(max_examples=60)
@given(
    st.integers(1, 9000),
    st.sampled_from([8, 32, 40, 256, 16384]),
    st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20),
)
def test_the_answers_of_both_servers_are_the_row(
    rows: int, row_bytes: int, draws: list[int]
) -> None:
    rows = min(rows, 2**22 // row_bytes)
    matrix = Matrix.synthetic(rows * row_bytes, row_bytes, draws[0])
    places = [draw % rows for draw in draws]
    keys = split(KEYS, domain_bits_for(rows), places)
    halves = [matrix.scan(expand(KEYS, half, rows)) for half in keys]
    assert [xor(*pair) for pair in zip(*halves, strict=True)] == [matrix.row(p) for p in places]


@settings(max_examples=30)
@given(st.integers(1, 40_000), st.integers(1, 17), st.integers(0, 2**32))
def test_a_scan_is_the_xor_of_the_rows_whose_bit_is_set(rows: int, count: int, seed: int) -> None:
    """Whatever the bits are: also none, all, and in each chunk only a few patterns."""
    draw = np.random.default_rng(seed)
    matrix = Matrix.synthetic(rows * 32, 32, seed)
    bits = draw.integers(0, 2**64, (count, -(-rows // 64)), dtype=np.uint64)
    bits[0] = 0
    bits[-1] = 2**64 - 1
    single = np.unpackbits(bits.astype("<u8").view(np.uint8), axis=1, count=rows, bitorder="little")
    expected = [
        np.bitwise_xor.reduce(matrix.words[row.astype(bool)], axis=0).tobytes() for row in single
    ]
    assert matrix.scan(bits) == expected
    with pytest.raises(ValueError, match="one bit"):
        matrix.scan(bits[:, 1:])


@pytest.mark.parametrize("place", [0, 1, 70_000, 99_999])
def test_the_first_row_that_is_not_empty(place: int) -> None:
    data = np.zeros((100_000, 4), dtype=np.uint64)
    assert Matrix(data.copy()).first_row() == 0
    data[place:, 3] = 1
    assert Matrix(data).first_row() == place


def test_pages_join_rows_and_fill_the_last() -> None:
    matrix = Matrix.from_bytes(bytes(range(40)), 8)
    pages = matrix.pages(2)
    assert pages.num_rows == 3
    assert pages.row(1) == bytes(range(16, 32))
    assert pages.row(2) == bytes(range(32, 40)) + bytes(8)


@pytest.mark.parametrize(
    ("size", "row_bytes", "reason"),
    [(0, 32, "empty"), (33, 32, "whole number"), (32, 0, "row size"), (36, 12, "row size")],
)
def test_sizes_that_are_no_matrix(size: int, row_bytes: int, reason: str) -> None:
    with pytest.raises(MatrixError, match=reason):
        Matrix.from_bytes(bytes(size), row_bytes)


def test_answers_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="length"):
        xor(b"a", b"ab")
