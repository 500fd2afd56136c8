#include "CImageCodecs.h"
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES_MAX (16u << 20)

typedef struct {
    const uint8_t *bytes;
    size_t size, at;
    volatile int truncated; /* read after a longjmp */
} source;

typedef struct {
    uint8_t *bytes;
    size_t size, capacity;
} sink;

typedef struct {
    jmp_buf escape;
    char *message;
} failure;

static void on_error(png_structp png, png_const_charp text) {
    failure *f = png_get_error_ptr(png);
    strncpy(f->message, text, 255);
    f->message[255] = 0;
    longjmp(f->escape, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static void read_bytes(png_structp png, png_bytep to, png_size_t count) {
    source *s = png_get_io_ptr(png);
    if (count > s->size - s->at) {
        s->truncated = 1;
        png_error(png, "the file ends too early");
    }
    memcpy(to, s->bytes + s->at, count);
    s->at += count;
}

static void write_bytes(png_structp png, png_bytep from, png_size_t count) {
    sink *s = png_get_io_ptr(png);
    if (count > s->capacity - s->size) {
        size_t capacity = (s->size + count) * 2;
        uint8_t *grown = realloc(s->bytes, capacity);
        if (!grown) png_error(png, "out of memory");
        s->bytes = grown;
        s->capacity = capacity;
    }
    memcpy(s->bytes + s->size, from, count);
    s->size += count;
}

static void flush_nothing(png_structp png) { (void)png; }

/* Whether every chunk up to IEND lies within the file: libpng takes the memory for one before it reads it. */
static int chunks_fit(const uint8_t *bytes, size_t size) {
    size_t at = 8;
    while (size >= 12 && at <= size - 12) {
        size_t length = (size_t)bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];
        if (length > size - at - 12) return 0;
        if (memcmp(bytes + at + 4, "IEND", 4) == 0) return 1;
        at += 12 + length;
    }
    return 0;
}

/* Everything becomes grey or RGB of 8 or 16 bits, with alpha where the file has any transparency. */
static void expand(png_structp png, png_infop info) {
    png_set_expand(png);
    if (png_get_bit_depth(png, info) == 16) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        png_set_swap(png);
#endif
    }
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
}

static void read_profile(png_structp png, png_infop info, ci_image *out) {
    png_charp name;
    png_bytep profile;
    png_uint_32 length;
    int compression;
    if (!png_get_iCCP(png, info, &name, &compression, &profile, &length)) return;
    out->icc = malloc(length);
    if (!out->icc) png_error(png, "out of memory");
    memcpy(out->icc, profile, length);
    out->icc_size = length;
}

ci_status ci_read_png(const uint8_t *bytes, size_t size, uint64_t max_pixels, ci_image *out, char message[256]) {
    memset(out, 0, sizeof *out);
    message[0] = 0;
    if (!chunks_fit(bytes, size)) {
        strcpy(message, "a chunk reaches beyond the end");
        return CI_TRUNCATED;
    }
    source s = {bytes, size, 0, 0};
    failure f = {.message = message};
    volatile ci_status status = CI_CORRUPT;
    png_bytep *volatile rows = NULL;
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &f, on_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_read_struct(&png, NULL, NULL);
        return CI_NO_MEMORY;
    }
    if (setjmp(f.escape)) {
        if (s.truncated) status = CI_TRUNCATED;
        ci_release(out);
        free(rows);
        png_destroy_read_struct(&png, &info, NULL);
        return status;
    }
    png_set_user_limits(png, 1000000, 1000000);
    png_set_chunk_malloc_max(png, CHUNK_BYTES_MAX);
    png_set_chunk_cache_max(png, 256);
    png_set_read_fn(png, &s, read_bytes);
    png_read_info(png, info);
    out->width = png_get_image_width(png, info);
    out->height = png_get_image_height(png, info);
    if ((uint64_t)out->width * out->height > max_pixels) {
        status = CI_TOO_LARGE;
        png_error(png, "too many pixels");
    }
    read_profile(png, info, out);
    expand(png, info);
    out->channels = png_get_channels(png, info);
    out->depth = png_get_bit_depth(png, info);
    out->orientation = 1;
    size_t row_bytes = png_get_rowbytes(png, info);
    out->samples = malloc(row_bytes * out->height);
    rows = malloc(out->height * sizeof(png_bytep));
    if (!out->samples || !rows) {
        status = CI_NO_MEMORY;
        png_error(png, "out of memory");
    }
    for (uint32_t y = 0; y < out->height; y++) rows[y] = (png_bytep)out->samples + y * row_bytes;
    png_read_image(png, rows);
    png_read_end(png, info);
    png_bytep exif;
    png_uint_32 exif_size;
    if (png_get_eXIf_1(png, info, &exif_size, &exif)) out->orientation = ci_exif_orientation(exif, exif_size);
    free(rows);
    png_destroy_read_struct(&png, &info, NULL);
    return CI_OK;
}

ci_status ci_write_png(const ci_image *image, uint8_t **bytes, size_t *size, char message[256]) {
    static const int colours[5] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                   PNG_COLOR_TYPE_RGB_ALPHA};
    message[0] = 0;
    sink s = {0};
    failure f = {.message = message};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &f, on_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_write_struct(&png, NULL);
        return CI_NO_MEMORY;
    }
    if (setjmp(f.escape)) {
        free(s.bytes);
        png_destroy_write_struct(&png, &info);
        return CI_NO_MEMORY;
    }
    png_set_write_fn(png, &s, write_bytes, flush_nothing);
    png_set_IHDR(png, info, image->width, image->height, image->depth, colours[image->channels], PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (image->icc_size) png_set_iCCP(png, info, "ICC profile", 0, image->icc, (png_uint_32)image->icc_size);
    png_write_info(png, info);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (image->depth == 16) png_set_swap(png);
#endif
    size_t row = (size_t)image->width * (size_t)image->channels * (size_t)image->depth / 8;
    for (uint32_t y = 0; y < image->height; y++) png_write_row(png, (png_const_bytep)image->samples + y * row);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    *bytes = s.bytes;
    *size = s.size;
    return CI_OK;
}
