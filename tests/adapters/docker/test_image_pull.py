"""What the docker CLI writes to a terminal while it pulls, and what of it is progress."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from morphops.adapters.docker.image_pull import Progress

UP, DOWN = b"\x1b[2A\x1b[2K\r", b"\r\x1b[2B"
WRITTEN = b"".join(
    (
        b"127.0.0.1:5000/a@sha256:00: Pulling from a\r\n",
        b"aaaa: Pulling fs layer \r\nbbbb: Pulling fs layer \r\n",
        UP + b"aaaa: Downloading [=>    ]  1.0kB/3.0kB" + DOWN,
        UP + b"aaaa: Downloading [=>    ]  1.0kB/3.0kB" + DOWN,  # the containerd store's ticks
        UP + b"aaaa: Retrying in 5 seconds " + DOWN,
        UP + b"aaaa: Retrying in 4 seconds " + DOWN,
        UP + b"aaaa: Downloading [===>  ]  2.0kB/3.0kB" + DOWN,
        UP + b"aaaa: Pull complete " + DOWN,
        b"\r\n",
    )
)
NEWS = (
    "127.0.0.1:5000/a@sha256:00: Pulling from a",
    "aaaa: Pulling fs layer",
    "bbbb: Pulling fs layer",
    "aaaa: Downloading [=>    ]  1.0kB/3.0kB",
    "aaaa: Downloading [===>  ]  2.0kB/3.0kB",
    "aaaa: Pull complete",
)


def test_only_what_is_new_is_progress() -> None:
    progress = Progress()
    assert progress.news(WRITTEN) == NEWS
    assert progress.news(UP + b"aaaa: Pull complete " + DOWN) == ()


@given(st.lists(st.integers(0, len(WRITTEN)), max_size=8))
def test_however_it_is_cut_into_pieces(cuts: list[int]) -> None:
    progress, places = Progress(), [0, *sorted(cuts), len(WRITTEN)]
    pieces = [WRITTEN[a:b] for a, b in itertools.pairwise(places)]
    assert tuple(text for piece in pieces for text in progress.news(piece)) == NEWS
