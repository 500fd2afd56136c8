#include "CImageCodecs.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#define SCANS_MAX 500      /* a progressive file with more is a bomb: every scan costs a whole pass */
#define EXTRANEOUS_MAX 1000 /* bytes that no decoder used; cameras pad with a few, a hole leaves thousands */
#define ZEROS_MAX 512       /* bytes of zero in a scan whose codes do not allow them */

typedef struct {
    struct jpeg_error_mgr base;
    jmp_buf escape;
    char *message;
    const uint8_t *bytes;
    size_t size;
    ci_status status;
    int scans_max;
    int warnings;
    int ended;      /* the bytes ended without an end marker */
    int has_rows;   /* the last row was decoded */
    int is_damaged; /* whether or not all rows came out */
    size_t extraneous;
} failure;

static void on_error(j_common_ptr info) {
    failure *f = (failure *)info->err;
    char text[JMSG_LENGTH_MAX];
    info->err->format_message(info, text);
    snprintf(f->message, CI_MESSAGE_BYTES, "%s", text);
    switch (info->err->msg_code) {
    case JERR_ARITH_NOTIMPL:
    case JERR_BAD_PRECISION:
    case JERR_COMPONENT_COUNT:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_EMPTY_IMAGE: /* the file gives its height after its rows */
    case JERR_SOF_UNSUPPORTED: f->status = CI_UNSUPPORTED; break;
    case JERR_OUT_OF_MEMORY: f->status = CI_NO_MEMORY; break;
    default:
        if (f->ended && f->status == CI_CORRUPT) f->status = CI_TRUNCATED;
    }
    longjmp(f->escape, 1);
}

/* Whether bytes that no decoder used are the rest of a scan, or zeros that nobody overwrote, and not what some
 * phones put behind a picture. No marker stands in them: libjpeg stops at one. */
static int is_scan_data(const uint8_t *bytes, size_t size) {
    size_t stuffed = 0, zeros = 0;
    for (size_t i = 0; i + 1 < size; i++) {
        stuffed += bytes[i] == 0xff && bytes[i + 1] == 0;
        zeros = bytes[i] ? 0 : zeros + 1;
        if (zeros >= ZEROS_MAX) return 1;
    }
    return stuffed > size / 2048;
}

/* A few are padding. Thousands within the scans mean that decoding lost its way. Behind the last row of a file without
 * an end marker they may also be a trailer. */
static void on_extraneous(j_decompress_ptr info, failure *f) {
    if (info->input_scan_number == 0) return;
    size_t count = (size_t)info->err->msg_parm.i[0];
    int marker = info->err->msg_parm.i[1];
    f->extraneous += count;
    if (f->extraneous < EXTRANEOUS_MAX) return;
    const int followers[] = {0xc4, 0xd9, 0xda, 0xdb, 0xdd}; /* DHT, EOI, SOS, DQT, DRI */
    int is_inside = 0;
    for (size_t i = 0; i < sizeof followers / sizeof *followers; i++) is_inside |= marker == followers[i];
    if (f->ended || !is_inside) {
        size_t end = f->ended ? f->size : (size_t)(info->src->next_input_byte - f->bytes);
        if (count > end) count = end;
        if (!is_scan_data(f->bytes + end - count, count)) return;
    }
    f->is_damaged = 1;
    on_error((j_common_ptr)info);
}

/* After a warning about missing or broken data libjpeg would go on with grey; this ends the decoding. It counts other
 * warnings. */
static void on_message(j_common_ptr info, int level) {
    if (level >= 0) return;
    failure *f = (failure *)info->err;
    switch (info->err->msg_code) {
    case JWRN_HIT_MARKER: f->status = CI_TRUNCATED; /* fall through */
    case JWRN_ARITH_BAD_CODE:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC: on_error(info); break;
    case JWRN_JPEG_EOF: f->ended = 1; return;
    case JWRN_EXTRANEOUS_DATA: on_extraneous((j_decompress_ptr)info, f); break;
    }
    if (f->warnings++ == 0) {
        char text[JMSG_LENGTH_MAX];
        info->err->format_message(info, text);
        snprintf(f->message, CI_MESSAGE_BYTES, "%s", text);
    }
}

static void on_progress(j_common_ptr info) {
    failure *f = (failure *)info->err;
    if (info->is_decompressor && ((j_decompress_ptr)info)->input_scan_number > f->scans_max) {
        f->status = CI_TOO_LARGE;
        snprintf(f->message, CI_MESSAGE_BYTES, "more than %d scans", f->scans_max);
        longjmp(f->escape, 1);
    }
}

static void fail(j_decompress_ptr info, ci_status status, const char *text) {
    failure *f = (failure *)info->err;
    f->status = status;
    f->is_damaged = 1;
    snprintf(f->message, CI_MESSAGE_BYTES, "%s", text);
    longjmp(f->escape, 1);
}

/* A downloader that writes the parts of a file out of order leaves zeros. In a scan of Huffman codes they mean flat
 * ground only where the first code of each table says so. */
static int has_hole(j_decompress_ptr info, const uint8_t *scan, const uint8_t *end) {
    if (info->progressive_mode || info->arith_code) return 0;
    int allows_zeros = 1;
    for (int i = 0; i < info->comps_in_scan; i++) {
        const JHUFF_TBL *table = info->ac_huff_tbl_ptrs[info->cur_comp_info[i]->ac_tbl_no & 3];
        allows_zeros &= table && table->huffval[0] == 0;
    }
    if (allows_zeros) return 0;
    size_t zeros = 0;
    for (const uint8_t *at = scan; at + 1 < end; at++) {
        if (at[0] == 0xff && at[1] != 0 && at[1] != 0xff && (at[1] < 0xd0 || at[1] > 0xd7)) return 0;
        zeros = *at ? 0 : zeros + 1;
        if (zeros >= ZEROS_MAX) return 1;
    }
    return 0;
}

/* Whether some data of each component came; of a progressive file without an end marker, every bit of them. */
static void check_components(j_decompress_ptr info, int ended) {
    if (ended && info->arith_code) fail(info, CI_TRUNCATED, "no end marker");
    for (int c = 0; c < info->num_components; c++) {
        if (!info->comp_info[c].quant_table) fail(info, ended ? CI_TRUNCATED : CI_CORRUPT, "a component is missing");
        for (int i = 0; ended && info->coef_bits && i < DCTSIZE2; i++)
            if (info->coef_bits[c][i] != 0) fail(info, CI_TRUNCATED, "scans are missing");
    }
}

/* Turns the file's inks into RGB. With Adobe's marker they are inverted: 255 means no ink. */
static void inks_to_rgb(const uint8_t *cmyk, uint8_t *rgb, size_t count, int is_inverted) {
    uint8_t flip = is_inverted ? 0 : 255;
    for (size_t i = 0; i < count; i++)
        for (int c = 0; c < 3; c++) {
            unsigned product = (uint8_t)(cmyk[4 * i + (size_t)c] ^ flip) * (uint8_t)(cmyk[4 * i + 3] ^ flip) + 128u;
            rgb[3 * i + (size_t)c] = (uint8_t)(((product >> 8) + product) >> 8);
        }
}

/* libjpeg's errors leave by longjmp to f->escape. */
static void catch_errors(j_decompress_ptr info, failure *f) {
    info->err = jpeg_std_error(&f->base);
    f->base.error_exit = on_error;
    f->base.emit_message = on_message;
}

static void prepare(j_decompress_ptr info, failure *f, struct jpeg_progress_mgr *progress, const uint8_t *bytes,
                    size_t size) {
    jpeg_create_decompress(info);
    progress->progress_monitor = on_progress;
    info->progress = progress;
    f->bytes = bytes;
    f->size = size;
    jpeg_mem_src(info, bytes, size);
}

ci_status ci_read_jpeg(const uint8_t *bytes, size_t size, uint64_t max_pixels, ci_image *out,
                       char message[CI_MESSAGE_BYTES]) {
    memset(out, 0, sizeof *out);
    message[0] = 0;
    struct jpeg_decompress_struct info;
    struct jpeg_progress_mgr progress = {0};
    failure f = {.message = message, .status = CI_CORRUPT, .scans_max = SCANS_MAX};
    uint8_t *volatile line = NULL;
    catch_errors(&info, &f);
    if (setjmp(f.escape)) {
        free(line);
        jpeg_destroy_decompress(&info);
        if (f.has_rows && !f.is_damaged) { /* the fault lies after the last row */
            out->is_unfinished = f.ended ? 1 : 2;
            out->warnings = f.warnings;
            return CI_OK;
        }
        ci_release(out);
        return f.status;
    }
    prepare(&info, &f, &progress, bytes, size);
    info.mem->max_memory_to_use = 1L << 30;
    jpeg_read_header(&info, TRUE);
    out->width = info.image_width;
    out->height = info.image_height;
    if ((uint64_t)out->width * out->height > max_pixels) {
        f.status = CI_TOO_LARGE;
        ERREXIT(&info, JERR_IMAGE_TOO_BIG);
    }
    if (has_hole(&info, info.src->next_input_byte, bytes + size))
        fail(&info, CI_CORRUPT, "a hole of zeros within the scan");
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
        if (out->inks) inks_to_rgb(line, to, out->width, info.saw_Adobe_marker);
    }
    check_components(&info, f.ended);
    f.has_rows = 1;
    jpeg_finish_decompress(&info);
    jpeg_destroy_decompress(&info);
    free(line);
    out->is_unfinished = f.ended;
    out->warnings = f.warnings;
    return CI_OK;
}

int ci_jpeg_has_all_rows(const uint8_t *bytes, size_t size, uint64_t max_pixels) {
    struct jpeg_decompress_struct info;
    struct jpeg_progress_mgr progress = {0};
    char message[CI_MESSAGE_BYTES];
    failure f = {.message = message, .status = CI_CORRUPT};
    uint8_t *volatile line = NULL;
    catch_errors(&info, &f);
    if (setjmp(f.escape)) {
        free(line);
        jpeg_destroy_decompress(&info);
        return f.has_rows && !f.is_damaged;
    }
    prepare(&info, &f, &progress, bytes, size);
    info.mem->max_memory_to_use = 256L << 20;
    jpeg_read_header(&info, TRUE);
    uint64_t pixels = (uint64_t)info.image_width * info.image_height;
    if (pixels == 0 || pixels > max_pixels) ERREXIT(&info, JERR_IMAGE_TOO_BIG);
    f.scans_max = max_pixels / pixels < SCANS_MAX ? (int)(max_pixels / pixels) : SCANS_MAX;
    if (has_hole(&info, info.src->next_input_byte, bytes + size))
        fail(&info, CI_CORRUPT, "a hole of zeros within the scan");
    info.out_color_space = info.jpeg_color_space;
    jpeg_start_decompress(&info);
    line = malloc((size_t)info.output_width * (size_t)info.output_components);
    if (!line) ERREXIT1(&info, JERR_OUT_OF_MEMORY, 0);
    JSAMPROW target = line;
    while (info.output_scanline < info.output_height) jpeg_read_scanlines(&info, &target, 1);
    check_components(&info, f.ended);
    f.has_rows = 1;
    jpeg_finish_decompress(&info);
    jpeg_destroy_decompress(&info);
    free(line);
    return 1;
}

int ci_jpeg_has_hole(const uint8_t *bytes, size_t size) {
    struct jpeg_decompress_struct info;
    struct jpeg_progress_mgr progress = {0};
    char message[CI_MESSAGE_BYTES];
    failure f = {.message = message, .status = CI_CORRUPT, .scans_max = 1};
    info.err = jpeg_std_error(&f.base);
    f.base.error_exit = on_error;
    f.base.emit_message = on_message;
    if (setjmp(f.escape)) {
        jpeg_destroy_decompress(&info);
        return 0;
    }
    prepare(&info, &f, &progress, bytes, size);
    jpeg_read_header(&info, TRUE);
    int found = has_hole(&info, info.src->next_input_byte, bytes + size);
    jpeg_destroy_decompress(&info);
    return found;
}

static void write_rows(j_compress_ptr info, const ci_image *image, const ci_tags *tags) {
    if (tags->icc_size) jpeg_write_icc_profile(info, tags->icc, (unsigned)tags->icc_size);
    size_t row = (size_t)image->width * (size_t)image->channels;
    while (info->next_scanline < info->image_height) {
        JSAMPROW line = (JSAMPROW)image->samples + info->next_scanline * row;
        jpeg_write_scanlines(info, &line, 1);
    }
}

ci_status ci_write_jpeg(const ci_image *image, const ci_tags *tags, int quality, uint8_t **bytes, size_t *size,
                        char message[CI_MESSAGE_BYTES]) {
    message[0] = 0;
    struct jpeg_compress_struct info;
    failure f = {.message = message, .status = CI_REFUSED};
    unsigned char *buffer = NULL;
    unsigned long length = 0;
    info.err = jpeg_std_error(&f.base);
    f.base.error_exit = on_error;
    if (setjmp(f.escape)) {
        jpeg_destroy_compress(&info);
        free(buffer);
        return f.status == CI_NO_MEMORY ? CI_NO_MEMORY : CI_REFUSED;
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
    if (tags->density[0]) {
        info.density_unit = (UINT8)tags->density_unit;
        info.X_density = (UINT16)tags->density[0];
        info.Y_density = (UINT16)tags->density[1];
    }
    jpeg_start_compress(&info, TRUE);
    write_rows(&info, image, tags);
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    *bytes = buffer;
    *size = length;
    return CI_OK;
}
