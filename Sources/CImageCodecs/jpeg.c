#include "CImageCodecs.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#define SCANS_MAX 500 /* a progressive file of more is a bomb: every scan costs a whole pass */

typedef struct {
    struct jpeg_error_mgr base;
    jmp_buf escape;
    char *message;
    ci_status status;
} failure;

static void on_error(j_common_ptr info) {
    failure *f = (failure *)info->err;
    char text[JMSG_LENGTH_MAX];
    info->err->format_message(info, text);
    snprintf(f->message, 256, "%s", text);
    longjmp(f->escape, 1);
}

/* Decoding would go on with grey after a warning about missing or broken data; here it ends. */
static void on_message(j_common_ptr info, int level) {
    if (level >= 0) return;
    failure *f = (failure *)info->err;
    int code = info->err->msg_code;
    if (code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM || code == JWRN_JFIF_MAJOR) return;
    if (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER) f->status = CI_TRUNCATED;
    on_error(info);
}

static void on_progress(j_common_ptr info) {
    if (info->is_decompressor && ((j_decompress_ptr)info)->input_scan_number > SCANS_MAX) {
        failure *f = (failure *)info->err;
        f->status = CI_TOO_LARGE;
        snprintf(f->message, 256, "more than %d scans", SCANS_MAX);
        longjmp(f->escape, 1);
    }
}

static void read_markers(j_decompress_ptr info, ci_image *out) {
    out->orientation = 1;
    for (jpeg_saved_marker_ptr m = info->marker_list; m; m = m->next)
        if (m->marker == JPEG_APP0 + 1 && m->data_length > 6 && memcmp(m->data, "Exif\0\0", 6) == 0) {
            out->orientation = ci_exif_orientation(m->data + 6, m->data_length - 6);
            break;
        }
    JOCTET *profile;
    unsigned length;
    if (jpeg_read_icc_profile(info, &profile, &length)) {
        out->icc = profile;
        out->icc_size = length;
    }
}

/* Adobe stores inks inverted: c, m, y, k are 255 for none. */
static void inks_to_rgb(const uint8_t *cmyk, uint8_t *rgb, size_t count) {
    for (size_t i = 0; i < count; i++)
        for (int c = 0; c < 3; c++) {
            unsigned product = cmyk[4 * i + (size_t)c] * cmyk[4 * i + 3] + 128u;
            rgb[3 * i + (size_t)c] = (uint8_t)(((product >> 8) + product) >> 8);
        }
}

ci_status ci_read_jpeg(const uint8_t *bytes, size_t size, uint64_t max_pixels, ci_image *out, char message[256]) {
    memset(out, 0, sizeof *out);
    message[0] = 0;
    struct jpeg_decompress_struct info;
    struct jpeg_progress_mgr progress = {.progress_monitor = on_progress};
    failure f = {.message = message, .status = CI_CORRUPT};
    uint8_t *volatile line = NULL;
    info.err = jpeg_std_error(&f.base);
    f.base.error_exit = on_error;
    f.base.emit_message = on_message;
    if (setjmp(f.escape)) {
        free(line);
        ci_release(out);
        jpeg_destroy_decompress(&info);
        return f.status;
    }
    jpeg_create_decompress(&info);
    info.progress = &progress;
    info.mem->max_memory_to_use = 1L << 30;
    jpeg_mem_src(&info, bytes, size);
    jpeg_save_markers(&info, JPEG_APP0 + 1, 0xffff);
    jpeg_save_markers(&info, JPEG_APP0 + 2, 0xffff);
    jpeg_read_header(&info, TRUE);
    out->width = info.image_width;
    out->height = info.image_height;
    if ((uint64_t)out->width * out->height > max_pixels) {
        f.status = CI_TOO_LARGE;
        ERREXIT(&info, JERR_IMAGE_TOO_BIG);
    }
    read_markers(&info, out);
    out->inks = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
    out->channels = info.jpeg_color_space == JCS_GRAYSCALE ? 1 : 3;
    out->depth = 8;
    info.out_color_space = out->inks ? JCS_CMYK : out->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(&info);
    size_t row = (size_t)out->width * (size_t)out->channels;
    out->samples = malloc(row * out->height);
    line = malloc((size_t)out->width * 4);
    if (!out->samples || !line) {
        f.status = CI_NO_MEMORY;
        ERREXIT1(&info, JERR_OUT_OF_MEMORY, 0);
    }
    while (info.output_scanline < info.output_height) {
        uint8_t *to = (uint8_t *)out->samples + info.output_scanline * row;
        JSAMPROW target = out->inks ? line : to;
        jpeg_read_scanlines(&info, &target, 1);
        if (out->inks) inks_to_rgb(line, to, out->width);
    }
    jpeg_finish_decompress(&info);
    jpeg_destroy_decompress(&info);
    free(line);
    return CI_OK;
}

ci_status ci_write_jpeg(const ci_image *image, int quality, uint8_t **bytes, size_t *size, char message[256]) {
    message[0] = 0;
    struct jpeg_compress_struct info;
    failure f = {.message = message, .status = CI_NO_MEMORY};
    unsigned char *buffer = NULL;
    unsigned long length = 0;
    info.err = jpeg_std_error(&f.base);
    f.base.error_exit = on_error;
    if (setjmp(f.escape)) {
        jpeg_destroy_compress(&info);
        free(buffer);
        return f.status;
    }
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &buffer, &length);
    info.image_width = image->width;
    info.image_height = image->height;
    info.input_components = image->channels;
    info.in_color_space = image->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, quality, TRUE);
    info.optimize_coding = TRUE;
    if (quality >= 90) info.comp_info[0].h_samp_factor = info.comp_info[0].v_samp_factor = 1;
    jpeg_start_compress(&info, TRUE);
    if (image->icc_size) jpeg_write_icc_profile(&info, image->icc, (unsigned)image->icc_size);
    size_t row = (size_t)image->width * (size_t)image->channels;
    while (info.next_scanline < info.image_height) {
        JSAMPROW line = (JSAMPROW)image->samples + info.next_scanline * row;
        jpeg_write_scanlines(&info, &line, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    *bytes = buffer;
    *size = length;
    return CI_OK;
}
