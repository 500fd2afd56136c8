/* Convolution as matrix products: a tile of output pixels gathers its input patches into rows of a small matrix
 * that stays in the second-level cache, and one product with the weights makes the tile. */
#include "CKernels.h"
#include "matrix.h"
#include "threads.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    const ck_convolution *p;
    const float *x, *weight, *bias;
    float *y;
    int bias_per_sample, pointwise;
    size_t pixels, tile, tiles_per_sample;
} convolution_job;

/* Row of the input that output position `o` reads at kernel offset `k`, or -1 outside (or between) the input. */
static inline ptrdiff_t source_index(size_t o, size_t k, size_t stride, ptrdiff_t pad, size_t dilation, size_t size) {
    ptrdiff_t at = (ptrdiff_t)(o * stride + k) - pad;
    if (at < 0) return -1;
    if (dilation > 1) {
        if (at % (ptrdiff_t)dilation) return -1;
        at /= (ptrdiff_t)dilation;
    }
    return at < (ptrdiff_t)size ? at : -1;
}

/* patches (count, kernel_height*kernel_width*channels_in) of output pixels first ..< first+count of one sample. */
static void gather_patches(const ck_convolution *p, const float *x, size_t first, size_t count, float *patches) {
    size_t c = p->channels_in, row_width = p->kernel_height * p->kernel_width * c;
    for (size_t i = 0; i < count; i++) {
        size_t oy = (first + i) / p->out_width, ox = (first + i) % p->out_width;
        float *to = patches + i * row_width;
        ptrdiff_t left = (ptrdiff_t)(ox * p->stride) - p->pad_left;
        int whole = p->dilation_in == 1 && left >= 0 && left + (ptrdiff_t)p->kernel_width <= (ptrdiff_t)p->width;
        for (size_t ky = 0; ky < p->kernel_height; ky++) {
            ptrdiff_t sy = source_index(oy, ky, p->stride, p->pad_top, p->dilation_in, p->height);
            if (sy < 0) {
                memset(to, 0, p->kernel_width * c * sizeof(float));
                to += p->kernel_width * c;
            } else if (whole) {
                memcpy(to, x + ((size_t)sy * p->width + (size_t)left) * c, p->kernel_width * c * sizeof(float));
                to += p->kernel_width * c;
            } else {
                for (size_t kx = 0; kx < p->kernel_width; kx++, to += c) {
                    ptrdiff_t sx = source_index(ox, kx, p->stride, p->pad_left, p->dilation_in, p->width);
                    if (sx < 0) memset(to, 0, c * sizeof(float));
                    else memcpy(to, x + ((size_t)sy * p->width + (size_t)sx) * c, c * sizeof(float));
                }
            }
        }
    }
}

static void fill_bias(float *y, const float *bias, size_t rows, size_t channels) {
    for (size_t r = 0; r < rows; r++) memcpy(y + r * channels, bias, channels * sizeof(float));
}

static float *scratch(size_t count) {
    static _Thread_local float *buffer;
    static _Thread_local size_t size;
    if (count > size) {
        free(buffer);
        size = (count + 1023) / 1024 * 1024;
        buffer = aligned_alloc(64, size * sizeof(float));
        if (!buffer) abort();
    }
    return buffer;
}

static void convolve_tile(void *context, size_t i) {
    const convolution_job *j = context;
    const ck_convolution *p = j->p;
    size_t sample = i / j->tiles_per_sample, first = i % j->tiles_per_sample * j->tile;
    size_t count = j->pixels - first < j->tile ? j->pixels - first : j->tile;
    size_t k = p->kernel_height * p->kernel_width * p->channels_in, n = p->channels_out;
    const float *x = j->x + sample * p->height * p->width * p->channels_in;
    float *y = j->y + (sample * j->pixels + first) * n;
    if (j->bias) fill_bias(y, j->bias + (j->bias_per_sample ? sample * n : 0), count, n);
    const float *patches = x + first * k;
    if (!j->pointwise) {
        float *gathered = scratch(count * k);
        gather_patches(p, x, first, count, gathered);
        patches = gathered;
    }
    ck_sgemm_serial(0, 0, count, n, k, 1, patches, k, j->weight, n, j->bias ? 1 : 0, y, n);
}

static size_t tile_rows(size_t patch_width) {
    size_t rows = (size_t)196608 / patch_width / 16 * 16; /* 768 KiB of patches */
    return rows < 64 ? 64 : rows > 512 ? 512 : rows;
}

void ck_convolve(const ck_convolution *p, const float *x, const float *weight, const float *bias,
                 int bias_per_sample, float *y) {
    size_t pixels = p->out_height * p->out_width;
    int pointwise = p->kernel_height == 1 && p->kernel_width == 1 && p->stride == 1 && p->dilation_in == 1 &&
                    p->pad_top == 0 && p->pad_left == 0;
    size_t tile = tile_rows(p->kernel_height * p->kernel_width * p->channels_in);
    while (tile > 64 && pixels * p->samples < 4 * tile) tile /= 2; /* small images still feed several threads */
    convolution_job job = {p, x, weight, bias, y, bias_per_sample, pointwise, pixels, tile, (pixels + tile - 1) / tile};
    ck_parallel(p->samples * job.tiles_per_sample, convolve_tile, &job);
}

void ck_convolve_reference(const ck_convolution *p, const float *x, const float *weight, const float *bias,
                           int bias_per_sample, float *y) {
    for (size_t s = 0; s < p->samples; s++)
        for (size_t oy = 0; oy < p->out_height; oy++)
            for (size_t ox = 0; ox < p->out_width; ox++)
                for (size_t o = 0; o < p->channels_out; o++) {
                    double sum = bias ? bias[(bias_per_sample ? s * p->channels_out : 0) + o] : 0;
                    for (size_t ky = 0; ky < p->kernel_height; ky++)
                        for (size_t kx = 0; kx < p->kernel_width; kx++) {
                            ptrdiff_t sy = source_index(oy, ky, p->stride, p->pad_top, p->dilation_in, p->height);
                            ptrdiff_t sx = source_index(ox, kx, p->stride, p->pad_left, p->dilation_in, p->width);
                            if (sy < 0 || sx < 0) continue;
                            const float *in = x + ((s * p->height + (size_t)sy) * p->width + (size_t)sx) * p->channels_in;
                            const float *w = weight + (ky * p->kernel_width + kx) * p->channels_in * p->channels_out + o;
                            for (size_t c = 0; c < p->channels_in; c++) sum += (double)in[c] * w[c * p->channels_out];
                        }
                    y[((s * p->out_height + oy) * p->out_width + ox) * p->channels_out + o] = (float)sum;
                }
}

void ck_convolve_weight_gradient(const ck_convolution *p, const float *x, const float *dy, float *dweight) {
    size_t k = p->kernel_height * p->kernel_width * p->channels_in, n = p->channels_out;
    size_t pixels = p->out_height * p->out_width, tile = tile_rows(k);
    memset(dweight, 0, k * n * sizeof(float));
    float *patches = scratch(tile * k);
    for (size_t s = 0; s < p->samples; s++)
        for (size_t first = 0; first < pixels; first += tile) {
            size_t count = pixels - first < tile ? pixels - first : tile;
            gather_patches(p, x + s * p->height * p->width * p->channels_in, first, count, patches);
            ck_sgemm_serial(1, 0, k, n, count, 1, patches, k, dy + (s * pixels + first) * n, n, 1, dweight, n);
        }
}
