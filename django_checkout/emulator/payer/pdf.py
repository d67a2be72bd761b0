"""A PDF of one page with lines of text, for a boleto: ISO 32000 with a standard font, nothing else."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable


def document(lines: Iterable[str]) -> bytes:
    """Return a page in A4 with the lines, in the letters of the font's encoding."""
    text = b"BT /F1 14 Tf 24 TL 56 770 Td " + b" ".join(b"(%b) Tj T*" % _escaped(line) for line in lines) + b" ET"
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources 6 0 R >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Font << /F1 5 0 R >> >>",
    )
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(body))
    return body + b"xref\n0 %d\n0000000000 65535 f \n%b%b" % (size, table, trailer)


def _escaped(line: str) -> bytes:
    plain = unicodedata.normalize("NFKC", line).encode("cp1252", errors="replace")
    return plain.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
