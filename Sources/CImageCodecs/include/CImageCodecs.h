/* PNG and JPEG in memory. libpng and libjpeg report errors by longjmp, which must not cross Swift: it ends here. */
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef enum {
    CI_OK = 0,
    CI_TRUNCATED = 1,
    CI_CORRUPT = 2,
    CI_TOO_LARGE = 3,
    CI_NO_MEMORY = 4,
    CI_UNSUPPORTED = 5, /* the library does not decode this kind of file */
    CI_REFUSED = 6      /* the library does not write these samples or tags */
} ci_status;

/* Length of a message, including the zero at its end. */
#define CI_MESSAGE_BYTES 256

/* A decoded picture, or one to encode: rows top down, samples of all channels interleaved, native byte order. */
typedef struct {
    uint32_t width, height;
    int channels;      /* 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha */
    int depth;         /* 8 or 16 bits a sample */
    void *samples;     /* width*height*channels samples of depth/8 bytes; owned by a decoded picture */
    int inks;          /* the file was CMYK; samples are RGB */
    int is_unfinished; /* all rows are there, but 1: the file's end marker is missing, 2: something after the last row is wrong */
    int warnings;      /* number of warnings that the library ignored; `message` has the first one */
} ci_image;

/* Parts of a file beside the samples that decide how the picture looks. */
typedef struct {
    const uint8_t *icc;         /* ICC profile, icc_size bytes */
    size_t icc_size;
    int32_t gamma;              /* PNG's gAMA, 100,000 times the exponent; 0: not given */
    int has_chromaticities;
    int32_t chromaticities[8];  /* PNG's cHRM: white, red, green, blue; x and y, times 100,000 */
    int intent;                 /* PNG's sRGB; -1: not given */
    int has_code_points;
    uint8_t code_points[4];     /* PNG's cICP */
    uint32_t density[2];        /* pixels a unit, across and down; 0: not given */
    int density_is_metric;      /* PNG: the unit is the metre; else only the ratio counts */
    int density_unit;           /* JFIF: 0 ratio, 1 inch, 2 centimetre */
} ci_tags;

/* Both check the header's size against max_pixels before they allocate anything large. `message` receives the
 * library's own words: of the error, or of the first warning where the picture is decoded all the same. */
ci_status ci_read_png(const uint8_t *bytes, size_t size, uint64_t max_pixels, ci_image *out,
                      char message[CI_MESSAGE_BYTES]);
ci_status ci_read_jpeg(const uint8_t *bytes, size_t size, uint64_t max_pixels, ci_image *out,
                       char message[CI_MESSAGE_BYTES]);

/* Whether a JPEG without an end marker has all of its rows. It decodes the file without keeping the samples, at most
 * `max_pixels` in all scans together. */
int ci_jpeg_has_all_rows(const uint8_t *bytes, size_t size, uint64_t max_pixels);

/* The same of a PNG; at most `max_pixels` pixels. */
int ci_png_has_all_rows(const uint8_t *bytes, size_t size, uint64_t max_pixels);

/* Whether a JPEG has a hole of zeros within its first scan, where the codes do not allow one. Decodes nothing. */
int ci_jpeg_has_hole(const uint8_t *bytes, size_t size);

/* *bytes is allocated with malloc. CI_REFUSED when the library does not write these samples or tags. */
ci_status ci_write_png(const ci_image *image, const ci_tags *tags, uint8_t **bytes, size_t *size,
                       char message[CI_MESSAGE_BYTES]);
/* 8 bits, 1 or 3 channels; quality 1...100, full colour resolution from 90 on. Of the tags, profile and density. */
ci_status ci_write_jpeg(const ci_image *image, const ci_tags *tags, int quality, uint8_t **bytes, size_t *size,
                        char message[CI_MESSAGE_BYTES]);

/* Frees what a decoded picture owns. */
void ci_release(ci_image *image);

/* The checksum of PNG chunks, continued from `crc` (0 at the beginning). */
uint32_t ci_crc32(uint32_t crc, const uint8_t *bytes, size_t size);

/* Inflates a whole zlib stream into at most `capacity` bytes; returns how many there are, or -1. */
ptrdiff_t ci_inflate(const uint8_t *bytes, size_t size, uint8_t *out, size_t capacity);
