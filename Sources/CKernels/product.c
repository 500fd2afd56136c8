/* Activations times weights, convolutions included. The product gathers no patches: it reads the rows of A in place (a
 * pixel's neighbour is a pointer). It packs only the weights, a block at a time, and widens them from their stored type.
 *
 *   for a block of output columns that, with a slice of the input channels, fills half a second-level cache
 *     for each slice of input channels (all kernel taps)
 *       pack the weights of the block                        in parallel, one panel each
 *       every tile of rows x every panel of the block        in parallel
 *
 * The order of a value's sum does not depend on the thread count. */
#include "product.h"
#include "indices.h"
#include "measure.h"
#include "scratch.h"
#include "threads.h"
#include <stdlib.h>

#define BLOCK_FLOATS (160 * 1024)
#define DEPTH 512

static void pack_panel(void *context, size_t index) {
    const ck_product *j = context;
    size_t nr = (size_t)j->kernel->columns, n0 = j->column + index * nr, run = j->depth * j->taps;
    size_t width = ck_smaller(nr, j->column + j->columns - n0);
    float *panel = j->panels + index * j->panel_size;
    if (!j->bf16) {
        ck_pack(j, n0, width, panel);
        return;
    }
    float *wide = ck_scratch(CK_SCRATCH_HALVES, nr * run);
    ck_pack(j, n0, width, wide);
    j->bf16->pack_panel(wide, run, (uint32_t *)panel);
}

static void tile_rows(const ck_product *j, size_t sample, size_t first, int count, const float **rows) {
    const ck_convolution *p = j->p;
    const float *x = j->x + sample * p->height * p->width * p->channels_in + j->channel;
    for (int r = 0; r < count; r++) {
        size_t oy = (first + (size_t)r) / p->out_width, ox = (first + (size_t)r) % p->out_width, t = 0;
        for (size_t ky = 0; ky < p->kernel_height; ky++) {
            ptrdiff_t sy = ck_source_index(oy, ky, p->stride, p->pad_top, p->dilation_in, p->height);
            for (size_t kx = 0; kx < p->kernel_width; kx++, t++) {
                ptrdiff_t sx = ck_source_index(ox, kx, p->stride, p->pad_left, p->dilation_in, p->width);
                rows[t * (size_t)j->kernel->rows + (size_t)r] =
                    sy < 0 || sx < 0 ? j->zeros : x + ((size_t)sy * p->width + (size_t)sx) * p->channels_in;
            }
        }
    }
}

/* Multiplies one tile of rows, which it rounds and pairs once, by the panels of columns from ..< to. */
static void multiply_bf16(const ck_product *j, const float *const *rows, size_t from, size_t to, float *y, const float *start,
                          int count) {
    size_t nr = (size_t)j->kernel->columns, pairs = (j->depth * j->taps + 1) / 2;
    uint32_t *paired = (uint32_t *)ck_scratch(CK_SCRATCH_HALVES, CK_TILE_ROWS_MAX * pairs);
    j->bf16->pack_rows(rows, j->taps, j->depth, count, paired);
    for (size_t column = from; column < to; column += nr) {
        const float *panel = j->panels + (column - j->column) / nr * j->panel_size;
        ck_tile_bf16 t = {paired, (const uint32_t *)panel, pairs, y + column, j->p->channels_out,
                          start ? start + column : NULL, j->channel == 0, (int)ck_smaller(nr, to - column)};
        j->bf16->multiply(&t, count);
    }
}

static void multiply_task(void *context, size_t index) {
    const ck_product *j = context;
    const ck_convolution *p = j->p;
    size_t mr = (size_t)j->kernel->rows, nr = (size_t)j->kernel->columns, n = p->channels_out;
    size_t first_tile = index / j->tasks_across * j->tiles_per_task;
    size_t last_tile = ck_smaller(first_tile + j->tiles_per_task, j->tiles_per_sample * p->samples);
    size_t from = j->column + index % j->tasks_across * j->panels_per_task * nr;
    size_t to = ck_smaller(from + j->panels_per_task * nr, j->column + j->columns);
    const float *rows_of_few_taps[CK_TILE_ROWS_MAX * 16];
    const float **rows = j->taps <= 16 ? rows_of_few_taps : malloc(mr * j->taps * sizeof *rows);
    if (!rows) abort();
    for (size_t tile = first_tile; tile < last_tile; tile++) {
        size_t sample = tile / j->tiles_per_sample, first = tile % j->tiles_per_sample * mr;
        int count = (int)ck_smaller(mr, j->pixels - first);
        tile_rows(j, sample, first, count, rows);
        const float *start = j->bias ? j->bias + (j->bias_per_sample ? sample * n : 0) : NULL;
        float *y = j->y + (sample * j->pixels + first) * n;
        if (j->bf16) {
            multiply_bf16(j, rows, from, to, y, start, count);
            continue;
        }
        for (size_t column = from; column < to; column += nr) {
            ck_tile t = {rows, j->panels + (column - j->column) / nr * j->panel_size, j->taps, j->depth, y + column, n,
                         start ? start + column : NULL, j->channel == 0, (int)ck_smaller(nr, to - column)};
            j->kernel->multiply(&t, count);
        }
    }
    if (rows != rows_of_few_taps) free(rows);
}

/* Few channels at a time for many taps, many for one tap: about DEPTH products for each sum. */
static size_t slice_channels(size_t channels, size_t taps) {
    size_t most = taps >= DEPTH ? 1 : DEPTH / taps;
    if (most >= channels) return channels;
    most = most >= 8 ? most / 8 * 8 : most;
    size_t slices = (channels + most - 1) / most;
    return ck_smaller(most, ((channels + slices - 1) / slices + 7) / 8 * 8);
}

static void run_block(ck_product *j) {
    size_t nr = (size_t)j->kernel->columns, panels = (j->columns + nr - 1) / nr;
    j->panel_size = j->bf16 ? nr * ((j->depth * j->taps + 1) / 2) : nr * j->depth * j->taps;
    j->panels = ck_scratch(CK_SCRATCH_PANELS, panels * j->panel_size);
    ck_parallel(panels, pack_panel, j);
    size_t tiles = j->tiles_per_sample * j->p->samples;
    j->tiles_per_task = tiles > 256 ? 8 : tiles > 64 ? 4 : 1;
    size_t down = (tiles + j->tiles_per_task - 1) / j->tiles_per_task;
    j->panels_per_task = down >= 16 || panels < 4 ? panels : (panels + 3) / 4;
    j->tasks_across = (panels + j->panels_per_task - 1) / j->panels_per_task;
    ck_parallel(down * j->tasks_across, multiply_task, j);
}

void ck_multiply(ck_product *j) {
    const ck_convolution *p = j->p;
    size_t slice = slice_channels(p->channels_in, j->taps), nr = (size_t)j->kernel->columns;
    size_t across = BLOCK_FLOATS / (slice * j->taps) / nr * nr;
    if (across < nr) across = nr;
    size_t blocks = (p->channels_out + across - 1) / across;
    across = ((p->channels_out + blocks - 1) / blocks + nr - 1) / nr * nr;
    j->zeros = ck_scratch(CK_SCRATCH_ZEROS, slice);
    j->tiles_per_sample = (j->pixels + (size_t)j->kernel->rows - 1) / (size_t)j->kernel->rows;
    for (j->column = 0; j->column < p->channels_out; j->column += across) {
        j->columns = ck_smaller(across, p->channels_out - j->column);
        for (j->channel = 0; j->channel < p->channels_in; j->channel += slice) {
            j->depth = ck_smaller(slice, p->channels_in - j->channel);
            run_block(j);
        }
    }
}

void ck_linear(const float *x, ck_weight weight, int transposed, const float *bias, float *y, size_t rows, size_t k,
               size_t n) {
    if (rows == 0 || n == 0) return;
    ck_convolution p = {.samples = 1, .height = 1, .width = rows, .channels_in = k, .out_height = 1, .out_width = rows,
                        .channels_out = n, .kernel_height = 1, .kernel_width = 1, .stride = 1, .dilation_in = 1};
    ck_product j = {.p = &p, .x = x, .bias = bias, .weight = weight, .transposed = transposed, .y = y,
                 .kernel = ck_tile_current(), .bf16 = ck_path_current()->bf16, .taps = 1, .pixels = rows};
    ck_count_work(2.0 * (double)rows * (double)k * (double)n);
    ck_multiply(&j);
}
