"""QR codes: the modules, as other encoders make them and decoders read them."""

from __future__ import annotations

import struct
import zlib

import pytest

from django_checkout.emulator.payer import qr_codes

TEXT = "https://x.example/" + "aB3" * 100


@pytest.mark.parametrize(
    # The checksums are of modules that segno makes as well, and that OpenCV reads.
    ("length", "size", "checksum"),
    [(17, 21, 4169868552), (154, 45, 6269797), (230, 53, 481584266)],
)
def test_the_modules_of_full_versions(length, size, checksum):
    modules = qr_codes.matrix_of(TEXT[:length])

    assert [len(row) for row in modules] == [size] * size
    assert zlib.crc32(bytes(module for row in modules for module in row)) == checksum


def test_images_show_the_modules_in_a_border():
    modules = qr_codes.matrix_of("tea")

    png = qr_codes.png("tea")
    width, height = struct.unpack(">II", png[16:24])
    row_bytes = len(modules) + 2 * qr_codes.BORDER
    assert (width, height) == (row_bytes * qr_codes.SCALE,) * 2
    pixels = zlib.decompress(png[41 : 41 + struct.unpack(">I", png[33:37])[0]])
    lines = [pixels[at + 1 : at + 1 + row_bytes] for at in range(0, len(pixels), row_bytes + 1)]
    shown = [[byte == 0 for byte in line] for line in lines[:: qr_codes.SCALE]]
    inner = [line[qr_codes.BORDER : -qr_codes.BORDER] for line in shown[qr_codes.BORDER : -qr_codes.BORDER]]
    assert inner == modules
    assert not any(map(any, shown[: qr_codes.BORDER]))
    assert qr_codes.svg("tea").count(b"h1v1h-1z") == sum(map(sum, modules))


def test_a_text_that_is_too_long_has_no_code():
    with pytest.raises(ValueError, match="too long"):
        qr_codes.matrix_of(TEXT[:231])
