r"""The image of the lock: a program of some sixty bytes that ends when its input does.

A lock must be possible on an engine that holds no image yet and reaches no registry. So the program
is written out here as machine code (Linux system calls, static ELF, no loader, no libc):

    write(1, "held\n", 5)
    while read(0, below the stack, 256) > 0: again
    exit(0)
"""

from __future__ import annotations

import hashlib
import io
import struct
import tarfile
from collections.abc import Mapping

from morphops.core.release.digest import canonical_json
from morphops.errors import EngineUnavailable

SAYS = b"held\n"

# As assembled by GNU as; each ends where SAYS begins.
_X86_64 = bytes.fromhex(
    "b801000000 bf01000000"  # mov eax, 1 (write); mov edi, 1
    "488d3528000000 ba05000000 0f05"  # lea rsi, [SAYS]; mov edx, 5; syscall
    "31c0 31ff"  # again: xor eax, eax (read); xor edi, edi
    "488db42400ffffff ba00010000 0f05"  # lea rsi, [rsp - 256]; mov edx, 256; syscall
    "4885c0 7fe8"  # test rax, rax; jg again
    "b83c000000 31ff 0f05"  # mov eax, 60 (exit); xor edi, edi; syscall
)
_AARCH64 = bytes.fromhex(
    "080880d2 200080d2 a1010010 a20080d2 010000d4"  # x8 = 64 (write); x0 = 1; adr x1, SAYS; 5; svc
    "e80780d2 000080d2 e10304d1 022080d2 010000d4"  # again: x8 = 63 (read); 0; sp - 256; 256; svc
    "1f0000f1 4cffff54"  # cmp x0, 0; b.gt again
    "a80b80d2 000080d2 010000d4"  # x8 = 93 (exit); x0 = 0; svc
)
# Go's name of an architecture, as Docker has it → e_machine (System V ABI) and program.
_PROGRAMS: Mapping[str, tuple[int, bytes]] = {"amd64": (62, _X86_64), "arm64": (183, _AARCH64)}
_BASE = 0x400000
_HEADERS = 120  # ELF header and one program header


def program(architecture: str) -> bytes:
    """The executable for an architecture (`amd64`, `arm64`).

    Raises:
        EngineUnavailable: there is none for that one.
    """
    if architecture not in _PROGRAMS:
        raise EngineUnavailable(
            f"an engine on {architecture} cannot hold a lock: there is no program for it "
            f"(only for {', '.join(_PROGRAMS)})",
            state="nothing was changed",
        )
    machine, code = _PROGRAMS[architecture]
    size = _HEADERS + len(code) + len(SAYS)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)  # 64 bits, little-endian
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", ident, 2, machine, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x10000)
    return header + segment + code + SAYS


def reference() -> str:
    """The image's name, the same on every architecture; other programs would have another one."""
    programs = b"".join(program(architecture) for architecture in sorted(_PROGRAMS))
    return f"morphops/lock:{hashlib.sha256(programs).hexdigest()[:12]}"


def archive(architecture: str) -> bytes:
    """The image as `docker load` takes it (Docker image spec v1.2, combined image JSON)."""
    layer = _tar({"hold": (program(architecture), 0o555)})
    config = canonical_json(
        {
            "architecture": architecture,
            "os": "linux",
            "config": {"Entrypoint": ["/hold"], "User": "65534:65534"},
            "rootfs": {
                "type": "layers",
                "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"],
            },
        }
    )
    manifest = canonical_json(
        [{"Config": "config.json", "RepoTags": [reference()], "Layers": ["layer.tar"]}]
    )
    return _tar(
        {
            "config.json": (config, 0o644),
            "layer.tar": (layer, 0o644),
            "manifest.json": (manifest, 0o644),
        }
    )


def _tar(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, (data, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), mode
            tar.addfile(entry, io.BytesIO(data))
    return stream.getvalue()
