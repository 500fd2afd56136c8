#include "CImageCodecs.h"
#include <stdlib.h>
#include <zlib.h>

void ci_release(ci_image *image) {
    free(image->samples);
    image->samples = NULL;
}

uint32_t ci_crc32(uint32_t crc, const uint8_t *bytes, size_t size) { return (uint32_t)crc32(crc, bytes, (uInt)size); }

ptrdiff_t ci_inflate(const uint8_t *bytes, size_t size, uint8_t *out, size_t capacity) {
    z_stream stream = {.next_in = (Bytef *)bytes, .avail_in = (uInt)size, .next_out = out, .avail_out = (uInt)capacity};
    if (inflateInit(&stream) != Z_OK) return -1;
    int status = inflate(&stream, Z_FINISH);
    ptrdiff_t count = status == Z_STREAM_END ? (ptrdiff_t)stream.total_out : -1;
    inflateEnd(&stream);
    return count;
}
