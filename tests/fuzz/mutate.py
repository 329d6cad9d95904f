"""Changes of bytes that know nothing of a format."""

from __future__ import annotations

from random import Random

EDGES = [
    0,
    1,
    2,
    3,
    7,
    8,
    127,
    128,
    255,
    256,
    32767,
    65535,
    65536,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**40,
    2**63 - 1,
    -1,
    -2,
]


def number(rng: Random) -> int:
    """A whole number that programs stumble over, or any."""
    return (
        rng.choice(EDGES) + rng.choice((-1, 0, 0, 0, 1))
        if rng.random() < 0.7
        else rng.getrandbits(rng.choice((4, 10, 31, 60)))
    )


def word(rng: Random, size: int | None = None) -> bytes:
    """A number in 1, 2, 4 or 8 bytes of either order."""
    size = size or rng.choice((1, 2, 4, 8))
    return (number(rng) % 256**size).to_bytes(size, rng.choice(("little", "big")))


def _place(data: bytes, rng: Random) -> int:
    """A position, near the beginning or the end as often as anywhere: headers and tables are there."""
    near = min(len(data), rng.choice((16, 128, 1024)))
    return rng.choice((rng.randint(0, near), len(data) - rng.randint(0, near), rng.randint(0, len(data))))


def _flip(data: bytes, rng: Random) -> bytes:
    at = min(_place(data, rng), len(data) - 1)
    return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :] if data else data


def _overwrite(data: bytes, rng: Random) -> bytes:
    at, new = _place(data, rng), word(rng)
    return data[:at] + new + data[at + len(new) :]


def _random(data: bytes, rng: Random) -> bytes:
    at, new = _place(data, rng), rng.randbytes(rng.choice((1, 2, 4, 16, 100)))
    return data[:at] + new + data[at + rng.choice((0, len(new))) :]


def _cut(data: bytes, rng: Random) -> bytes:
    return data[: _place(data, rng)]


def _drop(data: bytes, rng: Random) -> bytes:
    at = _place(data, rng)
    return data[:at] + data[at + rng.choice((1, 2, 4, 8, 100, 512)) :]


def _repeat(data: bytes, rng: Random) -> bytes:
    at, size = _place(data, rng), rng.choice((1, 4, 8, 100, 512, 2000))
    return data[:at] + data[at : at + size] * rng.choice((2, 3, 50)) + data[at + size :]


def _swap(data: bytes, rng: Random) -> bytes:
    size = rng.choice((1, 2, 4, 8, 64, 512))
    first, second = sorted((_place(data, rng), _place(data, rng)))
    if first + size > second:
        return data
    a, b = data[first : first + size], data[second : second + size]
    return data[:first] + b + data[first + size : second] + a + data[second + size :]


def _elsewhere(data: bytes, rng: Random) -> bytes:
    size, start, at = rng.choice((2, 4, 8, 64)), _place(data, rng), _place(data, rng)
    return data[:at] + data[start : start + size] + data[at + size :]


def _nothing_left(data: bytes, rng: Random) -> bytes:
    return rng.choice(
        (b"", rng.randbytes(rng.randrange(200)), data[:4] + rng.randbytes(60), bytes(len(data)), data * 2)
    )


WAYS = [_flip, _flip, _overwrite, _overwrite, _overwrite, _random, _cut, _drop, _repeat, _swap, _elsewhere]


def mutated(data: bytes, rng: Random) -> bytes:
    """Return bytes with one change or a few."""
    if rng.random() < 0.01:
        return _nothing_left(data, rng)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        data = rng.choice(WAYS)(data, rng)
    return data[: 1 << 20]
