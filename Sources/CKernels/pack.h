#pragma once
#include "CKernels.h"
#include "path.h"

/* A product in progress. */
typedef struct {
    const ck_convolution *p;
    const float *x, *bias, *zeros;
    ck_weight weight;
    int bias_per_sample, transposed;
    float *y, *panels;
    const ck_tile_kernel *kernel;
    const ck_tile_bf16_kernel *bf16;                      /* NULL: f32; else panels hold pairs of bf16 */
    size_t taps, pixels;                                  /* of the kernel; of one sample's output */
    size_t panel_size;                                    /* size of a packed panel in floats */
    size_t column, columns, channel, depth;               /* the block: output channels, input channels */
    size_t tiles_per_sample, tiles_per_task, tasks_across, panels_per_task;
} ck_product;

/* Packs the weights of columns n0 ..< n0+width, for the slice's channels: to[tap][channel of the slice][column]. */
void ck_pack(const ck_product *j, size_t n0, size_t width, float *to);
