import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morphogen_pir.siphash import siphash13, siphash13_one

# Key bytes 00 … 0f, messages empty, 00, 00 01, … : the outputs of the authors' reference
# implementation (github.com/veorq/SipHash) built with cROUNDS=1 and dROUNDS=3.
KEY = (0x0706050403020100, 0x0F0E0D0C0B0A0908)
VECTORS = [
    0xABAC0158050FC4DC, 0xC9F49BF37D57CA93, 0x82CB9B024DC7D44D, 0x8BF80AB8E7DDF7FB,
    0xCF75576088D38328, 0xDEF9D52F49533B67, 0xC50D2B50C59F22A7, 0xD3927D989BB11140,
    0x369095118D299A8E, 0x25A48EB36C063DE4, 0x79DE85EE92FF097F, 0x70C118C1F94DC352,
    0x78A384B157B4D9A2, 0x306F760C1229FFA7, 0x605AA111C0F95D34, 0xD320D86D2A519956,
    0xCC4FDD1A7D908B66, 0x9CF2689063DBD80C, 0x8FFC389CB473E63E, 0xF21F9DE58D297D1C,
    0xC0DC2F46A6CCE040, 0xB992ABFE2B45F844, 0x7FFE7B9BA320872E, 0x525A0E7FDAE6C123,
    0xF464AEB267349C8C, 0x45CD5928705B0979, 0x3A3E35E3CA9913A5, 0xA91DC74E4ADE3B35,
    0xFB0BED02EF6CD00D, 0x88D93CB44AB1E1F4, 0x540F11D643C5E663, 0x2370DD1F8C21D1BC,
    0x81157B6C16A7B60D, 0x4D54B9E57A8FF9BF, 0x759F12781F2A753E, 0xCEA1A3BEBF186B91,
    0x2CF508D3ADA26206, 0xB6101C2DA3C33057, 0xB3F47496AE3A36A1, 0x626B57547B108392,
    0xC1D2363299E41531, 0x667CC1923F1AD944, 0x65704FFEC8138825, 0x24F280D1C28949A6,
    0xC2CA1CEDFAF8876B, 0xC2164BFC9F042196, 0xA16E9C9368B1D623, 0x49FB169C8B5114FD,
    0x9F3143F8DF074C46, 0xC6FDAF2412CC86B3, 0x7EAF49D10A52098F, 0x1CF313559D292F9A,
    0xC44A30DDA2F41F12, 0x36FAE98943A71ED0, 0x318FB34C73F0BCE6, 0xA27ABF3670A7E980,
    0xB4BCC0DB243C6D75, 0x23F8D852FDB71513, 0x8F035F4DA67D8A08, 0xD89CD0E5B7E8F148,
    0xF6F4E6BCF7A644EE, 0xAEC59AD80F1837F2, 0xC3B2F6154B6694E0, 0x9D199062B7BBB3A8,
]  # fmt: skip


def hash_one(message: bytes, k0: int = 0, k1: int = 0) -> int:
    value = siphash13_one(message, k0, k1)
    assert value == int(siphash13(np.frombuffer(message, np.uint8).reshape(1, -1), k0, k1)[0])
    return value


@pytest.mark.parametrize("length", range(64))
def test_reference_vectors(length: int) -> None:
    assert hash_one(bytes(range(length)), *KEY) == VECTORS[length]


def slow_siphash13(message: bytes, k0: int, k1: int) -> int:
    """Straight from the paper's text, one integer at a time."""
    mask = 2**64 - 1
    v = [
        k0 ^ 0x736F6D6570736575,
        k1 ^ 0x646F72616E646F6D,
        k0 ^ 0x6C7967656E657261,
        k1 ^ 0x7465646279746573,
    ]

    def left(x: int, n: int) -> int:
        return (x << n | x >> (64 - n)) & mask

    def sipround() -> None:
        v[0] = (v[0] + v[1]) & mask
        v[2] = (v[2] + v[3]) & mask
        v[1], v[3] = left(v[1], 13) ^ v[0], left(v[3], 16) ^ v[2]
        v[0] = left(v[0], 32)
        v[2] = (v[2] + v[1]) & mask
        v[0] = (v[0] + v[3]) & mask
        v[1], v[3] = left(v[1], 17) ^ v[2], left(v[3], 21) ^ v[0]
        v[2] = left(v[2], 32)

    tail = len(message) % 8
    blocks = message + bytes(7 - tail) + bytes([len(message) % 256])
    for at in range(0, len(blocks), 8):
        word = int.from_bytes(blocks[at : at + 8], "little")
        v[3] ^= word
        sipround()
        v[0] ^= word
    v[2] ^= 0xFF
    for _ in range(3):
        sipround()
    return v[0] ^ v[1] ^ v[2] ^ v[3]


@given(
    st.integers(0, 40).flatmap(
        lambda length: st.lists(st.binary(min_size=length, max_size=length), min_size=1, max_size=8)
    ),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
)
def test_many_at_once_are_as_one_by_one(messages: list[bytes], k0: int, k1: int) -> None:
    array = np.frombuffer(b"".join(messages), np.uint8).reshape(
        len(messages), -1 if messages[0] else 0
    )
    expected = [slow_siphash13(m, k0, k1) for m in messages]
    assert siphash13(array, k0, k1).tolist() == expected
    assert [siphash13_one(m, k0, k1) for m in messages] == expected


@pytest.mark.skipif(sys.hash_info.algorithm != "siphash13", reason="another hash in this Python")
def test_agrees_with_the_interpreter() -> None:
    """CPython hashes bytes with SipHash-1-3; PYTHONHASHSEED=0 makes its key (0, 0), as ours."""
    program = "import json; print(json.dumps([hash(bytes(range(n))) for n in range(1, 60)]))"
    output = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONHASHSEED": "0"},
        check=True,
        capture_output=True,
    ).stdout
    ours = [hash_one(bytes(range(n))) for n in range(1, 60)]
    assert [value % 2**64 for value in json.loads(output)] == ours
