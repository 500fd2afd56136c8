#!/usr/bin/env python3
"""Writes the seeds of Tests/Fuzz/corpus: small files, good and bad, of every kind that a reader knows.

Needs Pillow for the pictures. What the fuzzer finds is added by hand, as finding-*.
"""

import io
import json
import struct
import zlib
from pathlib import Path

from PIL import Image

CORPUS = Path(__file__).resolve().parent / "corpus"
CASES = Path(__file__).resolve().parents[1] / "SpecParserTests/Cases"


def put(reader, name, content):
    (CORPUS / reader / name).write_bytes(content)


def specs():
    for folder in ("good", "good-configurations"):
        for path in (CASES / folder).glob("*.*"):
            if path.suffix in (".yaml", ".json", ".yml") and path.stat().st_size < 1500:
                put("spec", path.name, path.read_bytes())
    put("spec", "alias.yaml", b"prompt: &a {source: x, edit: y}\ndrags: [*a, *a]\n")
    put("spec", "nested.yaml", b"drags: " + b"[" * 70)
    put("spec", "every-quote.yaml", b'prompt: "a\\u0041\\x41\\n"\nmask: \'it\'\'s.png\'\nimage: >-\n  folded\n  name.png\n')
    put("spec", "every-shape.yaml",
        b"mask: [{rect: [0, 0, 9, 9]}, {circle: [5, 5, 2]}, {polygon: [[0, 0], [9, 0], [0, 9]]}]\n"
        b"drags: [{from: [1, 2], to: [3, 4.5]}]\nunits: pixels\nseed: 7\npriority: -3\n")
    put("spec", "cut.yaml", b"prompt: {source: 'a cat, edit: ")
    put("spec", "tabs.yaml", b"prompt:\n\tedit: x\n")
    put("spec", "two.yaml", b"prompt: a\n---\nprompt: b\n")


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width, height, depth, colour, rows, interlace=0, before=(), after=()):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    parts = [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), *before, chunk(b"IDAT", zlib.compress(rows)), *after,
             chunk(b"IEND", b"")]
    return b"".join(parts)


def pngs():
    bits = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
    palette = chunk(b"PLTE", bytes(range(48)))
    exif = chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0")
    profile = chunk(b"iCCP", b"p\0\0" + zlib.compress(b"\0\0\0\x84" + bytes(128)))
    for colour, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 4), 4: (8, 16), 6: (8, 16)}.items():
        for depth in depths:
            row = b"\0" + bytes(range(1, 1 + (4 * bits[colour] * depth + 7) // 8))
            before = [palette, chunk(b"tRNS", b"\0\x80")] if colour == 3 else []
            put("png", f"colour{colour}-{depth}.png", png(4, 3, depth, colour, row * 3, before=before))
    put("png", "transparent-grey.png", png(4, 3, 8, 0, b"\0\1\2\3\4" * 3, before=[chunk(b"tRNS", b"\0\2")]))
    put("png", "turned.png", png(4, 3, 8, 0, b"\0\1\2\3\4" * 3, before=[exif]))
    put("png", "turned-at-end.png", png(4, 3, 8, 0, b"\0\1\2\3\4" * 3, after=[exif]))
    put("png", "profile.png", png(4, 3, 8, 2, (b"\0" + bytes(12)) * 3, before=[profile]))
    passes = b"\0\1" + b"\0\2" * 1 + b"\0\3\4" + b"\0\5\6" * 2 + b"\0\1\2\3\4"
    put("png", "interlaced.png", png(4, 3, 8, 0, passes + b"\0\0\0\0\0" * 2, interlace=1))
    put("png", "text.png", png(1, 1, 8, 0, b"\0\0", before=[chunk(b"tEXt", b"k\0v"), chunk(b"zTXt", b"k\0\0" + zlib.compress(b"v"))]))
    put("png", "bomb-size.png", png(99999, 99999, 8, 2, b"\0"))
    put("png", "bomb-profile.png", png(1, 1, 8, 2, b"\0\0\0\0", before=[chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(1 << 20)))]))
    put("png", "zero.png", png(0, 1, 8, 0, b""))
    put("png", "short-data.png", png(4, 3, 8, 2, b"\0\1"))
    put("png", "cut.png", png(4, 3, 8, 0, b"\0\1\2\3\4" * 3)[:50])


def jpegs():
    def save(image, **options):
        out = io.BytesIO()
        image.save(out, "JPEG", quality=40, optimize=True, **options)
        return out.getvalue()

    base = Image.radial_gradient("L").resize((17, 9))
    exif = Image.Exif()
    exif[0x0112] = 6
    put("jpeg", "grey.jpg", save(base))
    put("jpeg", "colour.jpg", save(base.convert("RGB")))
    put("jpeg", "full.jpg", save(base.convert("RGB"), subsampling=0))
    put("jpeg", "progressive.jpg", save(base.convert("RGB"), progressive=True))
    put("jpeg", "inks.jpg", save(base.convert("CMYK")))
    put("jpeg", "turned.jpg", save(base, exif=exif))
    put("jpeg", "profile.jpg", save(base.convert("RGB"), icc_profile=b"\0\0\0\x84" + bytes(128)))
    put("jpeg", "restart.jpg", save(base, restart_marker_blocks=1))
    whole = save(base)
    put("jpeg", "cut.jpg", whole[:len(whole) // 2])
    put("jpeg", "no-end.jpg", whole[:-2])
    at = whole.index(b"\xff\xc0")
    put("jpeg", "bomb-size.jpg", whole[:at + 5] + b"\xff\xff\xff\xff" + whole[at + 9:])
    put("jpeg", "zero.jpg", whole[:at + 5] + b"\0\0\0\0" + whole[at + 9:])
    put("jpeg", "empty-segment.jpg", b"\xff\xd8\xff\xe1\0\0\xff\xd9")
    scans = save(base.convert("RGB"), progressive=True)
    last = scans.rindex(b"\xff\xda")
    put("jpeg", "many-scans.jpg", scans[:-2] + scans[last:-2] * 8 + b"\xff\xd9")


def tensors():
    def file(header, data=b"", length=None):
        text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
        return struct.pack("<Q", len(text) if length is None else length) + text + data

    sizes = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "U8": 1}
    for dtype, size in sizes.items():
        put("safetensors", dtype.lower(), file({"w": {"dtype": dtype, "shape": [2, 3], "data_offsets": [0, 6 * size]}},
                                               bytes(range(6 * size))))
    put("safetensors", "two", file({"__metadata__": {"a": "b"}, "x": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]},
                                    "y": {"dtype": "F32", "shape": [], "data_offsets": [3, 7]}}, bytes(7)))
    put("safetensors", "empty-tensor", file({"x": {"dtype": "F32", "shape": [0, 5], "data_offsets": [0, 0]}}))
    put("safetensors", "huge-empty", file({"x": {"dtype": "F32", "shape": [1 << 60, 0, 9], "data_offsets": [0, 0]}}))
    put("safetensors", "overflow", file({"x": {"dtype": "F32", "shape": [1 << 62, 4], "data_offsets": [0, 0]}}))
    put("safetensors", "negative", file({"x": {"dtype": "F32", "shape": [-1, -4], "data_offsets": [0, 16]}}, bytes(16)))
    put("safetensors", "beyond", file({"x": {"dtype": "U8", "shape": [9], "data_offsets": [0, 9]}}, bytes(3)))
    put("safetensors", "overlap", file({"x": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},
                                        "y": {"dtype": "U8", "shape": [4], "data_offsets": [2, 6]}}, bytes(6)))
    put("safetensors", "length", file(b"{}", length=1 << 63))
    put("safetensors", "nested", file(b"[" * 900))
    put("safetensors", "short", b"\1\2\3")
    put("safetensors", "not-json", file(b"{]"))


if __name__ == "__main__":
    for make in (specs, pngs, jpegs, tensors):
        make()
    for folder in sorted(CORPUS.iterdir()):
        print(folder.name, sum(1 for _ in folder.iterdir()), "files", sum(p.stat().st_size for p in folder.iterdir()), "bytes")
