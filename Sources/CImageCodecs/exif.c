#include "CImageCodecs.h"
#include <stdlib.h>
#include <zlib.h>

void ci_release(ci_image *image) {
    free(image->samples);
    free(image->icc);
    image->samples = NULL;
    image->icc = NULL;
}

uint32_t ci_crc32(uint32_t crc, const uint8_t *bytes, size_t size) { return (uint32_t)crc32(crc, bytes, (uInt)size); }

static uint32_t number(const uint8_t *p, int bytes, int big) {
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++) value |= (uint32_t)p[i] << 8 * (big ? bytes - 1 - i : i);
    return value;
}

/* TIFF 6.0: byte order, 42, offset of the first directory; entries of 12 bytes; tag 0x0112 is the orientation. */
int ci_exif_orientation(const uint8_t *tiff, size_t size) {
    if (size < 14) return 1;
    int big = tiff[0] == 'M' && tiff[1] == 'M';
    if (!big && !(tiff[0] == 'I' && tiff[1] == 'I')) return 1;
    size_t at = number(tiff + 4, 4, big);
    if (at > size - 2) return 1;
    uint32_t entries = number(tiff + at, 2, big);
    for (uint32_t i = 0; i < entries; i++) {
        size_t entry = at + 2 + 12 * (size_t)i;
        if (entry + 12 > size) return 1;
        if (number(tiff + entry, 2, big) != 0x0112) continue;
        uint32_t value = number(tiff + entry + 8, 2, big);
        return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}
