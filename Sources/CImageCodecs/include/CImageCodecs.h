/* PNG and JPEG in memory. libpng and libjpeg report errors by longjmp, which must not cross Swift: it ends here. */
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef enum {
    CI_OK = 0,
    CI_TRUNCATED = 1,
    CI_CORRUPT = 2,
    CI_TOO_LARGE = 3,
    CI_NO_MEMORY = 4
} ci_status;

/* A decoded picture, or one to encode: rows top down, samples of all channels interleaved, native byte order. */
typedef struct {
    uint32_t width, height;
    int channels;   /* 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha */
    int depth;      /* 8 or 16 bits a sample */
    void *samples;  /* width*height*channels samples of depth/8 bytes; owned */
    uint8_t *icc;   /* ICC profile or NULL; owned */
    size_t icc_size;
    int orientation; /* EXIF, 1...8; 1 where nothing is said */
    int inks;        /* the file was CMYK; samples are RGB */
} ci_image;

/* Both check the header's size against max_pixels before anything large is allocated. `message` receives the
 * library's own words. */
ci_status ci_read_png(const uint8_t *bytes, size_t size, uint64_t max_pixels, ci_image *out, char message[256]);
ci_status ci_read_jpeg(const uint8_t *bytes, size_t size, uint64_t max_pixels, ci_image *out, char message[256]);

/* *bytes is allocated with malloc. */
ci_status ci_write_png(const ci_image *image, uint8_t **bytes, size_t *size, char message[256]);
/* 8 bits, 1 or 3 channels; quality 1...100, full colour resolution from 90 on. */
ci_status ci_write_jpeg(const ci_image *image, int quality, uint8_t **bytes, size_t *size, char message[256]);

/* Frees what a decoded picture owns. */
void ci_release(ci_image *image);

/* The checksum of PNG chunks, continued from `crc` (0 to begin). */
uint32_t ci_crc32(uint32_t crc, const uint8_t *bytes, size_t size);

/* EXIF orientation in a TIFF structure, 1 where there is none. */
int ci_exif_orientation(const uint8_t *tiff, size_t size);
