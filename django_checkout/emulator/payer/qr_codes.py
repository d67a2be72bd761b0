"""QR codes as SVG and PNG: ISO/IEC 18004, bytes at error correction level L, versions 1 to 9, mask 0."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from itertools import product

Matrix = list[list[bool]]
#: Sets a module of a fixed pattern, by row and column.
Put = Callable[[int, int, object], None]

#: Blocks, and data and correction codewords of each block, by version.
BLOCKS = {
    1: (1, 19, 7),
    2: (1, 34, 10),
    3: (1, 55, 15),
    4: (1, 80, 20),
    5: (1, 108, 26),
    6: (2, 68, 18),
    7: (2, 78, 20),
    8: (2, 97, 24),
    9: (2, 116, 30),
}
#: The centers of the alignment patterns by version.
ALIGNED = {2: (6, 18), 3: (6, 22), 4: (6, 26), 5: (6, 30), 6: (6, 34), 7: (6, 22, 38), 8: (6, 24, 42), 9: (6, 26, 46)}
#: The 15 bits of level L and mask 0.
FORMAT = 0b111011111000100
BORDER = 4
SCALE = 8


def matrix_of(text: str) -> Matrix:
    """Return the modules of a text. Raises ``ValueError`` if it is too long."""
    content = text.encode()
    version = next((number for number, (count, size, _) in BLOCKS.items() if len(content) + 2 <= count * size), 0)
    if not version:
        msg = "The text is too long for a QR code."
        raise ValueError(msg)
    modules, is_fixed = _patterns(version)
    bits = _bits(_codewords(content, version))
    for row, column in _places(len(modules)):
        if not is_fixed[row][column]:
            modules[row][column] = bool(next(bits, 0)) ^ ((row + column) % 2 == 0)
    return modules


def svg(text: str) -> bytes:
    """Return the code of a text as SVG."""
    modules = matrix_of(text)
    size = len(modules) + 2 * BORDER
    path = "".join(
        f"M{column + BORDER},{row + BORDER}h1v1h-1z"
        for row, line in enumerate(modules)
        for column, is_dark in enumerate(line)
        if is_dark
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0,0h{size}v{size}h-{size}z"/><path d="{path}"/></svg>'
    ).encode()


def png(text: str) -> bytes:
    """Return the code of a text as PNG, in black and white."""
    modules = matrix_of(text)
    size = (len(modules) + 2 * BORDER) * SCALE
    rows = bytearray()
    for y in range(size):
        line = modules[y // SCALE - BORDER] if BORDER <= y // SCALE < len(modules) + BORDER else []
        shown = [bool(line) and BORDER <= x < len(line) + BORDER and line[x - BORDER] for x in range(size // SCALE)]
        # Eight pixels a byte: a module is as wide as a byte.
        rows += b"\0" + bytes(0 if is_dark else 255 for is_dark in shown)
    header = struct.pack(">IIBBBBB", size, size, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _bits(codewords: list[int]) -> Iterator[int]:
    return (codeword >> shift & 1 for codeword in codewords for shift in range(7, -1, -1))


def _codewords(content: bytes, version: int) -> list[int]:
    """Return data and correction codewords, interleaved."""
    count, size, correction = BLOCKS[version]
    # Four bits of mode, eight of length: everything after it is shifted by half a byte.
    head = bytes([0x4, len(content)]) + content
    nibbles = "".join(f"{byte:02x}" for byte in head)[1:]
    data = list(bytes.fromhex(nibbles + "0"))
    data += [0xEC if index % 2 == 0 else 0x11 for index in range(count * size - len(data))]
    blocks = [data[at * size : (at + 1) * size] for at in range(count)]
    corrections = [_remainder(block, correction) for block in blocks]
    groups = (*zip(*blocks, strict=True), *zip(*corrections, strict=True))
    return [codeword for group in groups for codeword in group]


def _multiply(first: int, second: int) -> int:
    """Return the product in the field of 256 elements."""
    product = 0
    for shift in range(7, -1, -1):
        product = (product << 1) ^ ((product >> 7) * 0x11D)
        product ^= (second >> shift & 1) * first
    return product


def _remainder(block: list[int], length: int) -> list[int]:
    """Return the correction codewords of a block."""
    divisor, root = [0] * (length - 1) + [1], 1
    for _ in range(length):
        divisor = [
            _multiply(coefficient, root) ^ (divisor[index + 1] if index + 1 < length else 0)
            for index, coefficient in enumerate(divisor)
        ]
        root = _multiply(root, 2)
    rest = [0] * length
    for codeword in block:
        factor = codeword ^ rest.pop(0)
        rest.append(0)
        rest = [value ^ _multiply(coefficient, factor) for value, coefficient in zip(rest, divisor, strict=True)]
    return rest


def _patterns(version: int) -> tuple[Matrix, Matrix]:
    """Return the modules of the fixed patterns, and which modules they are."""
    size = 17 + 4 * version
    modules = [[False] * size for _ in range(size)]
    fixed = [[False] * size for _ in range(size)]

    def put(row: int, column: int, is_dark: object) -> None:
        if 0 <= row < size and 0 <= column < size:
            modules[row][column], fixed[row][column] = bool(is_dark), True

    for at in range(size):
        put(6, at, at % 2 == 0)
        put(at, 6, at % 2 == 0)
    for row, column in ((3, 3), (3, size - 4), (size - 4, 3)):
        _put_rings(put, row, column, 4, (2, 4))
    centers = ALIGNED.get(version, ())
    for row, column in product(centers, centers):
        if (row, column) not in ((6, 6), (6, centers[-1]), (centers[-1], 6)):
            _put_rings(put, row, column, 2, (1,))
    _put_format(put, size)
    if version >= 7:
        _put_version(put, size, version)
    return modules, fixed


def _put_rings(put: Put, row: int, column: int, radius: int, light: tuple[int, ...]) -> None:
    """Put square rings around a center; those with a radius in ``light`` are light."""
    for down, right in product(range(-radius, radius + 1), repeat=2):
        put(row + down, column + right, max(abs(down), abs(right)) not in light)


def _put_format(put: Put, size: int) -> None:
    for index in range(15):
        bit = FORMAT >> index & 1
        # Around the pattern at the top left, past the timing patterns.
        row = index if index < 6 else index + 1 if index < 8 else 8
        column = 8 if index < 8 else 7 if index == 8 else 14 - index
        put(row, column, bit)
        put(*((8, size - 1 - index) if index < 8 else (size - 15 + index, 8)), bit)
    put(size - 8, 8, True)


def _put_version(put: Put, size: int, version: int) -> None:
    rest = version
    for _ in range(12):
        rest = (rest << 1) ^ ((rest >> 11) * 0x1F25)
    bits = version << 12 | rest
    for index in range(18):
        far, near = size - 11 + index % 3, index // 3
        put(near, far, bits >> index & 1)
        put(far, near, bits >> index & 1)


def _places(size: int) -> Iterator[tuple[int, int]]:
    """Yield the modules in the order of the bits: in pairs of columns from the right, upwards and downwards in turn."""
    upwards = True
    for right in range(size - 1, 0, -2):
        pair = right - 1 if right <= 6 else right
        for at in range(size):
            row = size - 1 - at if upwards else at
            yield row, pair
            yield row, pair - 1
        upwards = not upwards
