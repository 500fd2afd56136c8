#include "KernelReferences.h"
#include <stdlib.h>
#include <string.h>

/* Row of the input that output position `o` reads at kernel offset `k`, or -1 outside (or between) the input. */
static ptrdiff_t source(size_t o, size_t k, size_t stride, ptrdiff_t pad, size_t dilation, size_t size) {
    ptrdiff_t at = (ptrdiff_t)(o * stride + k) - pad;
    if (at < 0 || at % (ptrdiff_t)dilation) return -1;
    at /= (ptrdiff_t)dilation;
    return at < (ptrdiff_t)size ? at : -1;
}

void ck_convolve_reference(const ck_convolution *p, const float *x, const float *weight, const float *bias,
                           int bias_per_sample, float *y) {
    size_t taps = p->kernel_height * p->kernel_width, in = p->channels_in, out = p->channels_out;
    for (size_t s = 0; s < p->samples; s++)
        for (size_t oy = 0; oy < p->out_height; oy++)
            for (size_t ox = 0; ox < p->out_width; ox++)
                for (size_t o = 0; o < out; o++) {
                    double sum = bias ? bias[(bias_per_sample ? s * out : 0) + o] : 0;
                    for (size_t ky = 0; ky < p->kernel_height; ky++)
                        for (size_t kx = 0; kx < p->kernel_width; kx++) {
                            ptrdiff_t sy = source(oy, ky, p->stride, p->pad_top, p->dilation_in, p->height);
                            ptrdiff_t sx = source(ox, kx, p->stride, p->pad_left, p->dilation_in, p->width);
                            if (sy < 0 || sx < 0) continue;
                            const float *from = x + ((s * p->height + (size_t)sy) * p->width + (size_t)sx) * in;
                            size_t t = ky * p->kernel_width + kx;
                            for (size_t c = 0; c < in; c++)
                                sum += (double)from[c] * (p->transposed ? weight[(c * out + o) * taps + taps - 1 - t]
                                                                         : weight[(o * in + c) * taps + t]);
                        }
                    y[((s * p->out_height + oy) * p->out_width + ox) * out + o] = (float)sum;
                }
}

/* patches (count, channels_in*kernel_height*kernel_width), as the weights are stored, of output pixels
 * first ..< first+count of one sample. */
static void gather_patches(const ck_convolution *p, const float *x, size_t first, size_t count, float *patches) {
    size_t c = p->channels_in, taps = p->kernel_height * p->kernel_width;
    for (size_t i = 0; i < count; i++) {
        size_t oy = (first + i) / p->out_width, ox = (first + i) % p->out_width;
        float *to = patches + i * taps * c;
        for (size_t ky = 0; ky < p->kernel_height; ky++)
            for (size_t kx = 0; kx < p->kernel_width; kx++, to++) {
                ptrdiff_t sy = source(oy, ky, p->stride, p->pad_top, p->dilation_in, p->height);
                ptrdiff_t sx = source(ox, kx, p->stride, p->pad_left, p->dilation_in, p->width);
                const float *from = sy < 0 || sx < 0 ? NULL : x + ((size_t)sy * p->width + (size_t)sx) * c;
                for (size_t k = 0; k < c; k++) to[k * taps] = from ? from[k] : 0;
            }
    }
}

void ck_convolve_weight_gradient(const ck_convolution *p, const float *x, const float *dy, float *dweight) {
    size_t k = p->kernel_height * p->kernel_width * p->channels_in, n = p->channels_out;
    size_t pixels = p->out_height * p->out_width, tile = 64;
    memset(dweight, 0, k * n * sizeof(float));
    float *patches = malloc(tile * k * sizeof(float));
    if (!patches) abort();
    for (size_t s = 0; s < p->samples; s++)
        for (size_t first = 0; first < pixels; first += tile) {
            size_t count = pixels - first < tile ? pixels - first : tile;
            gather_patches(p, x + s * p->height * p->width * p->channels_in, first, count, patches);
            ck_gemm(1, 0, n, k, count, 1, dy + (s * pixels + first) * n, n, patches, k, 1, dweight, k);
        }
    free(patches);
}
