#include "CImageCodecs.h"
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES_MAX (16u << 20)

typedef struct {
    const uint8_t *bytes;
    size_t size, at;
    uint8_t tail[16]; /* what is read behind `bytes`: an end that the file lacks */
    size_t tail_size;
    volatile int truncated; /* read after a longjmp */
} source;

typedef struct {
    uint8_t *bytes;
    size_t size, capacity;
} sink;

typedef struct {
    jmp_buf escape;
    char *message;
    volatile int warnings;
    volatile int is_memory; /* read after a longjmp */
} failure;

static void say(char *message, const char *text) {
    strncpy(message, text, CI_MESSAGE_BYTES - 1);
    message[CI_MESSAGE_BYTES - 1] = 0;
}

static void on_error(png_structp png, png_const_charp text) {
    failure *f = png_get_error_ptr(png);
    say(f->message, text);
    f->is_memory = f->is_memory || strstr(text, "emory") != NULL;
    longjmp(f->escape, 1);
}

/* "tRNS: …" means that libpng drops that chunk, and without it the picture would differ. Any other warning that it passes over
 * is counted. */
static void on_read_warning(png_structp png, png_const_charp text) {
    failure *f = png_get_error_ptr(png);
    if (strncmp(text, "tRNS:", 5) == 0) on_error(png, text);
    if (f->warnings++ == 0) say(f->message, text);
}

static void on_write_warning(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static void read_bytes(png_structp png, png_bytep to, png_size_t count) {
    source *s = png_get_io_ptr(png);
    if (count > s->size + s->tail_size - s->at) {
        s->truncated = 1;
        png_error(png, "the file ends too early");
    }
    size_t own = s->at < s->size ? s->size - s->at : 0;
    if (own > count) own = count;
    memcpy(to, s->bytes + s->at, own);
    if (count > own) memcpy(to + own, s->tail + (s->at + own - s->size), count - own);
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

/* Finds the end of a PNG, and gives its source. libpng takes the memory for a chunk before it reads it, so each must lie
 * within the file. A file that ends behind the data of an IDAT gets the end that it lacks: a checksum and IEND. Returns 0
 * where the file ends before. */
static int open_source(const uint8_t *bytes, size_t size, source *s) {
    static const uint8_t end[12] = {0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};
    *s = (source){.bytes = bytes, .size = size};
    size_t at = 8;
    int has_samples = 0;
    while (at <= size && size - at >= 12) {
        size_t length = (size_t)bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];
        if (length > size - at - 12) break;
        if (memcmp(bytes + at + 4, "IEND", 4) == 0) return 1;
        has_samples |= memcmp(bytes + at + 4, "IDAT", 4) == 0;
        at += 12 + length;
    }
    if (at > size) return 0;
    s->size = at;
    if (size - at >= 8 && memcmp(bytes + at + 4, "IDAT", 4) == 0) {
        size_t length = (size_t)bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];
        if (length > size - at - 8) return 0;
        uint32_t sum = ci_crc32(0, bytes + at + 4, length + 4);
        for (int i = 0; i < 4; i++) s->tail[i] = (uint8_t)(sum >> (24 - 8 * i));
        s->tail_size = 4;
        s->size = at + 8 + length;
        has_samples = 1;
    }
    memcpy(s->tail + s->tail_size, end, sizeof end);
    s->tail_size += sizeof end;
    return has_samples;
}

/* PNGTags.swift reads everything but the samples: libpng skips those chunks, even damaged ones. */
static void skip_ancillary_chunks(png_structp png) {
#ifdef PNG_HANDLE_AS_UNKNOWN_SUPPORTED
    static const png_byte names[] = "bKGD\0cHRM\0eXIf\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0sPLT\0sRGB"
                                    "\0tEXt\0tIME\0zTXt";
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, names, (int)(sizeof names / 5));
#endif
}

/* Every picture becomes grey or RGB of 8 or 16 bits, with alpha where the file has any transparency. */
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

ci_status ci_read_png(const uint8_t *bytes, size_t size, uint64_t max_pixels, ci_image *out,
                      char message[CI_MESSAGE_BYTES]) {
    memset(out, 0, sizeof *out);
    message[0] = 0;
    source s;
    if (!open_source(bytes, size, &s)) {
        strcpy(message, "a chunk reaches beyond the end");
        return CI_TRUNCATED;
    }
    failure f = {.message = message};
    volatile ci_status status = CI_CORRUPT;
    png_bytep *volatile rows = NULL;
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &f, on_error, on_read_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_read_struct(&png, NULL, NULL);
        return CI_NO_MEMORY;
    }
    if (setjmp(f.escape)) {
        if (s.tail_size && status == CI_CORRUPT) status = CI_TRUNCATED;
        if (s.truncated) status = CI_TRUNCATED;
        ci_release(out);
        free(rows);
        png_destroy_read_struct(&png, &info, NULL);
        return status;
    }
    png_set_user_limits(png, 1000000, 1000000);
    png_set_chunk_malloc_max(png, CHUNK_BYTES_MAX);
    png_set_chunk_cache_max(png, 256);
    skip_ancillary_chunks(png);
    png_set_read_fn(png, &s, read_bytes);
    png_read_info(png, info);
    out->width = png_get_image_width(png, info);
    out->height = png_get_image_height(png, info);
    if ((uint64_t)out->width * out->height > max_pixels) {
        status = CI_TOO_LARGE;
        png_error(png, "too many pixels");
    }
    expand(png, info);
    out->channels = png_get_channels(png, info);
    out->depth = png_get_bit_depth(png, info);
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
    out->warnings = f.warnings;
    out->is_unfinished = s.tail_size > 0;
    free(rows);
    png_destroy_read_struct(&png, &info, NULL);
    return CI_OK;
}

int ci_png_has_all_rows(const uint8_t *bytes, size_t size, uint64_t max_pixels) {
    char message[CI_MESSAGE_BYTES];
    source s;
    if (!open_source(bytes, size, &s)) return 0;
    failure f = {.message = message};
    uint8_t *volatile row = NULL;
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &f, on_error, on_read_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info || setjmp(f.escape)) {
        free(row);
        png_destroy_read_struct(&png, &info, NULL);
        return 0;
    }
    png_set_user_limits(png, 1000000, 1000000);
    png_set_chunk_malloc_max(png, CHUNK_BYTES_MAX);
    png_set_chunk_cache_max(png, 256);
    skip_ancillary_chunks(png);
    png_set_read_fn(png, &s, read_bytes);
    png_read_info(png, info);
    uint32_t height = png_get_image_height(png, info);
    if ((uint64_t)png_get_image_width(png, info) * height > max_pixels) png_error(png, "too many pixels");
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    row = calloc(1, png_get_rowbytes(png, info));
    if (!row) png_error(png, "out of memory");
    for (int pass = 0; pass < passes; pass++)
        for (uint32_t y = 0; y < height; y++) png_read_row(png, row, NULL);
    png_read_end(png, NULL);
    free(row);
    png_destroy_read_struct(&png, &info, NULL);
    return 1;
}

static void write_tags(png_structp png, png_infop info, const ci_tags *tags) {
#ifdef PNG_SKIP_sRGB_CHECK_PROFILE
    /* libpng refuses some of the widespread sRGB profiles for their headers; other readers accept them. */
    png_set_option(png, PNG_SKIP_sRGB_CHECK_PROFILE, PNG_OPTION_ON);
#endif
    if (tags->icc_size) png_set_iCCP(png, info, "ICC profile", 0, tags->icc, (png_uint_32)tags->icc_size);
    if (tags->intent >= 0) png_set_sRGB(png, info, tags->intent);
    if (tags->gamma) png_set_gAMA_fixed(png, info, tags->gamma);
    const int32_t *c = tags->chromaticities;
    if (tags->has_chromaticities) png_set_cHRM_fixed(png, info, c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]);
    if (tags->density[0])
        png_set_pHYs(png, info, tags->density[0], tags->density[1],
                     tags->density_is_metric ? PNG_RESOLUTION_METER : PNG_RESOLUTION_UNKNOWN);
    png_write_info_before_PLTE(png, info);
    if (tags->has_code_points) png_write_chunk(png, (png_const_bytep) "cICP", tags->code_points, 4);
    png_write_info(png, info);
}

ci_status ci_write_png(const ci_image *image, const ci_tags *tags, uint8_t **bytes, size_t *size,
                       char message[CI_MESSAGE_BYTES]) {
    static const int colours[5] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                   PNG_COLOR_TYPE_RGB_ALPHA};
    message[0] = 0;
    sink s = {0};
    failure f = {.message = message};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &f, on_error, on_write_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_write_struct(&png, NULL);
        return CI_NO_MEMORY;
    }
    if (setjmp(f.escape)) {
        free(s.bytes);
        png_destroy_write_struct(&png, &info);
        return f.is_memory ? CI_NO_MEMORY : CI_REFUSED;
    }
    png_set_write_fn(png, &s, write_bytes, flush_nothing);
    png_set_IHDR(png, info, image->width, image->height, image->depth, colours[image->channels], PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    write_tags(png, info, tags);
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
