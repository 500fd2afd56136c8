#pragma once
#include "CKernels.h"
#include "path.h"

/* `count` floats of this thread's scratch memory `slot`; they keep until the next call with that slot. */
enum { CK_SCRATCH_PANELS, CK_SCRATCH_ZEROS, CK_SCRATCH_WINOGRAD_INPUT, CK_SCRATCH_WINOGRAD_OUTPUT, CK_SCRATCH_WEIGHTS, CK_SCRATCH_HALVES, CK_SCRATCH_ATTENTION, CK_SCRATCH_SLOTS };
float *ck_scratch(int slot, size_t count);

/* A product in progress. */
typedef struct {
    const ck_convolution *p;
    const float *x, *bias, *zeros;
    ck_weight weight;
    int bias_per_sample, transposed;
    float *y, *panels;
    const ck_tile_kernel *kernel;
    const ck_tile_bf16_kernel *bf16;                      /* NULL: f32; else panels hold pairs */
    size_t taps, pixels;                                  /* of the kernel; of one sample's output */
    size_t panel_size;                                    /* of a packed panel, in floats' room */
    size_t column, columns, channel, depth;               /* the block: output channels, input channels */
    size_t tiles_per_sample, tiles_per_task, tasks_across, panels_per_task;
} product;

static inline size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* Columns n0 ..< n0+width of the slice's weights: [tap][channel of the slice][column]. */
void ck_pack(const product *j, size_t n0, size_t width, float *to);

/* winograd.c */
int ck_suits_winograd(const product *j);
void ck_convolve_winograd(product *j);

/* Row of the input that output position `o` reads at kernel offset `k`, or -1 outside (or between) the input. */
static inline ptrdiff_t ck_source_index(size_t o, size_t k, size_t stride, ptrdiff_t pad, size_t dilation, size_t size) {
    ptrdiff_t at = (ptrdiff_t)(o * stride + k) - pad;
    if (at < 0) return -1;
    if (dilation > 1) {
        if (at % (ptrdiff_t)dilation) return -1;
        at /= (ptrdiff_t)dilation;
    }
    return at < (ptrdiff_t)size ? at : -1;
}
