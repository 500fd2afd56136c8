#!/usr/bin/env python3
"""Makes Pictures/: small PNG and JPEG files of every kind, and beside each the RGB (or RGBA) values that Pillow reads, as NAME.raw
(8 bits a sample, or 16 big-endian where the name says so). Needs Pillow, NumPy. Run by hand; tests need neither."""
import os
import struct
import zlib

import numpy as np
from PIL import Image, ImageCms

out = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Pictures")
os.makedirs(out, exist_ok=True)
rng = np.random.default_rng(5)
W, H = 37, 33
smooth = np.stack([np.add.outer(np.arange(H) * 3, np.arange(W) * 4) % 256, np.add.outer(np.arange(H) * 7, np.arange(W)) % 256,
                   np.add.outer(255 - np.arange(H) * 5, np.arange(W) * 2) % 256], 2).astype(np.uint8)
alpha = (np.add.outer(np.arange(H), np.arange(W)) * 3 % 256).astype(np.uint8)
noisy = rng.integers(0, 256, (H, W, 3)).astype(np.uint8)


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(name, depth, colour, rows, extra=b"", interlace=0):
    """rows: packed bytes of each row, unfiltered."""
    header = struct.pack(">IIBBBBB", W, H, depth, colour, 0, 0, interlace)
    data = zlib.compress(b"".join(b"\0" + r for r in rows), 9)
    with open(f"{out}/{name}.png", "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b""))


def raw(name, array):
    with open(f"{out}/{name}.raw", "wb") as f:
        f.write(np.ascontiguousarray(array).tobytes())


def packed(values, depth):
    bits = "".join(format(int(v), f"0{depth}b") for v in values)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


for depth in (1, 2, 4, 8):
    top = 2 ** depth - 1
    grey = (smooth[:, :, 0].astype(int) * top // 255)
    png(f"grey{depth}", depth, 0, [packed(r, depth) for r in grey])
    raw(f"grey{depth}", np.repeat((grey * 255 // top).astype(np.uint8)[:, :, None], 3, 2))
    index = grey % (top + 1)
    palette = rng.integers(0, 256, (top + 1, 3)).astype(np.uint8)
    png(f"palette{depth}", depth, 3, [packed(r, depth) for r in index], chunk(b"PLTE", palette.tobytes()))
    raw(f"palette{depth}", palette[index])
    clear = rng.integers(0, 256, top + 1).astype(np.uint8)
    png(f"palette{depth}-alpha", depth, 3, [packed(r, depth) for r in index],
        chunk(b"PLTE", palette.tobytes()) + chunk(b"tRNS", clear.tobytes()))
    raw(f"palette{depth}-alpha", np.concatenate([palette[index], clear[index][:, :, None]], 2))
wide = (smooth.astype(np.uint16) * 257 + 3 * noisy.astype(np.uint16) % 200)
png("rgb16-16bit", 16, 2, [r.astype(">u2").tobytes() for r in wide])
raw("rgb16-16bit", wide.astype(">u2"))
png("grey16-16bit", 16, 0, [r.astype(">u2").tobytes() for r in wide[:, :, 1]])
raw("grey16-16bit", np.repeat(wide[:, :, 1:2], 3, 2).astype(">u2"))
png("greyalpha8", 8, 4, [np.stack([smooth[y, :, 0], alpha[y]], 1).tobytes() for y in range(H)])
raw("greyalpha8", np.concatenate([np.repeat(smooth[:, :, :1], 3, 2), alpha[:, :, None]], 2))
rgba16 = np.concatenate([wide, alpha[:, :, None].astype(np.uint16) * 257], 2)
png("rgba16-16bit", 16, 6, [r.astype(">u2").tobytes() for r in rgba16])
raw("rgba16-16bit", rgba16.astype(">u2"))
Image.fromarray(noisy).save(f"{out}/rgb8.png")
raw("rgb8", noisy)
Image.fromarray(np.concatenate([smooth, alpha[:, :, None]], 2)).save(f"{out}/rgba8.png")
raw("rgba8", np.concatenate([smooth, alpha[:, :, None]], 2))
profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
Image.fromarray(smooth).save(f"{out}/rgb8-profile.png", icc_profile=profile)
raw("rgb8-profile", smooth)

# Adam7: seven passes of ever finer grids
passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
rows = []
for x0, y0, dx, dy in passes:
    rows += [smooth[y, x0::dx].tobytes() for y in range(y0, H, dy) if smooth[y, x0::dx].size]
png("rgb8-interlaced", 8, 2, rows, interlace=1)
raw("rgb8-interlaced", smooth)

for name, image, options in (("baseline", Image.fromarray(smooth), {}), ("progressive", Image.fromarray(smooth), {"progressive": True}),
                             ("full-colour", Image.fromarray(smooth), {"subsampling": 0}), ("grey", Image.fromarray(smooth[:, :, 0]), {}),
                             ("cmyk", Image.fromarray(smooth).convert("CMYK"), {}),
                             ("profile", Image.fromarray(smooth), {"icc_profile": profile})):
    image.save(f"{out}/{name}.jpg", quality=85, **options)
    raw(name, np.asarray(Image.open(f"{out}/{name}.jpg").convert("RGB")))
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    name = f"orientation{orientation}"
    Image.fromarray(smooth).save(f"{out}/{name}.jpg", quality=85, exif=exif)
    from PIL import ImageOps
    raw(name, np.asarray(ImageOps.exif_transpose(Image.open(f"{out}/{name}.jpg")).convert("RGB")))
