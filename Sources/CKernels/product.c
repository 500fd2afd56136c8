/* Activations times weights, convolutions included, without ever gathering patches: the rows of A are read where
 * they lie (a pixel's neighbour is a pointer), and only the weights are packed, a block of them at a time, widened
 * from the type they are stored in.
 *
 *   for a block of output columns that, with a slice of the input channels, fills half a second-level cache
 *     for each slice of input channels (all kernel taps)
 *       pack the weights of the block                        in parallel, one panel each
 *       every tile of rows x every panel of the block        in parallel
 *
 * A value's sum is always taken in the same order, whatever the thread count. */
#include "measure.h"
#include "product.h"
#include "threads.h"
#include <stdlib.h>
#include <string.h>

#define BLOCK_FLOATS (160 * 1024)
#define DEPTH 320

float *ck_scratch(int slot, size_t count) {
    static _Thread_local struct {
        float *base;
        size_t size;
    } slots[CK_SCRATCH_SLOTS];
    if (count > slots[slot].size) {
        free(slots[slot].base);
        slots[slot].size = (count + 1023) / 1024 * 1024;
        slots[slot].base = aligned_alloc(64, slots[slot].size * sizeof(float));
        if (!slots[slot].base) abort();
        memset(slots[slot].base, 0, slots[slot].size * sizeof(float));
    }
    return slots[slot].base;
}

void ck_widen_weight(ck_weight weight, size_t offset, size_t count, float *to) {
    switch (weight.element) {
    case CK_F32: memcpy(to, (const float *)weight.data + offset, count * sizeof(float)); break;
    case CK_F16: ck_widen_f16((const uint16_t *)weight.data + offset, to, count); break;
    case CK_BF16: ck_widen_bf16((const uint16_t *)weight.data + offset, to, count); break;
    }
}

typedef struct {
    const ck_convolution *p;
    const float *x, *bias, *zeros;
    ck_weight weight;
    int bias_per_sample, transposed;
    float *y, *panels;
    const ck_tile_kernel *kernel;
    size_t taps, pixels;                                  /* of the kernel; of one sample's output */
    size_t column, columns, channel, depth;               /* the block: output channels, input channels */
    size_t tiles_per_sample, tiles_per_task, tasks_across, panels_per_task;
} product;

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* Columns n0 ..< n0+width of the slice's weights: [tap][channel of the slice][column]. */
static void pack(const product *j, size_t n0, size_t width, float *to) {
    const ck_convolution *p = j->p;
    size_t nr = (size_t)j->kernel->columns;
    if (!j->transposed) { /* a column's weights for these channels are one run, [channel][tap] */
        size_t run = j->depth * j->taps;
        float *wide = ck_scratch(CK_SCRATCH_WEIGHTS, run * nr);
        for (size_t n = 0; n < width; n++)
            ck_widen_weight(j->weight, ((n0 + n) * p->channels_in + j->channel) * j->taps, run, wide + n * run);
        j->kernel->pack_columns(wide, run, width, j->depth, j->taps, to);
        return;
    }
    float *wide = ck_scratch(CK_SCRATCH_WEIGHTS, nr * j->taps); /* a channel's weights for these columns: [column][tap] */
    for (size_t k = 0; k < j->depth; k++) {
        ck_widen_weight(j->weight, ((j->channel + k) * p->channels_out + n0) * j->taps, width * j->taps, wide);
        for (size_t t = 0; t < j->taps; t++) {
            float *row = to + (t * j->depth + k) * nr;
            for (size_t n = 0; n < width; n++) row[n] = wide[n * j->taps + j->taps - 1 - t];
            memset(row + width, 0, (nr - width) * sizeof(float));
        }
    }
}

static void pack_panel(void *context, size_t index) {
    const product *j = context;
    size_t nr = (size_t)j->kernel->columns, n0 = j->column + index * nr;
    pack(j, n0, smaller(nr, j->column + j->columns - n0), j->panels + index * nr * j->depth * j->taps);
}

static void tile_rows(const product *j, size_t sample, size_t first, int count, const float **rows) {
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

static void multiply_task(void *context, size_t index) {
    const product *j = context;
    const ck_convolution *p = j->p;
    size_t mr = (size_t)j->kernel->rows, nr = (size_t)j->kernel->columns, n = p->channels_out;
    size_t first_tile = index / j->tasks_across * j->tiles_per_task;
    size_t last_tile = smaller(first_tile + j->tiles_per_task, j->tiles_per_sample * p->samples);
    size_t from = j->column + index % j->tasks_across * j->panels_per_task * nr;
    size_t to = smaller(from + j->panels_per_task * nr, j->column + j->columns);
    const float *rows_of_few_taps[CK_TILE_ROWS_MAX * 16];
    const float **rows = j->taps <= 16 ? rows_of_few_taps : malloc(mr * j->taps * sizeof *rows);
    if (!rows) abort();
    for (size_t tile = first_tile; tile < last_tile; tile++) {
        size_t sample = tile / j->tiles_per_sample, first = tile % j->tiles_per_sample * mr;
        int count = (int)smaller(mr, j->pixels - first);
        tile_rows(j, sample, first, count, rows);
        const float *start = j->bias ? j->bias + (j->bias_per_sample ? sample * n : 0) : NULL;
        float *y = j->y + (sample * j->pixels + first) * n;
        for (size_t column = from; column < to; column += nr) {
            ck_tile t = {rows, j->panels + (column - j->column) * j->depth * j->taps, j->taps, j->depth, y + column, n,
                         start ? start + column : NULL, j->channel == 0, (int)smaller(nr, to - column)};
            j->kernel->multiply(&t, count);
        }
    }
    if (rows != rows_of_few_taps) free(rows);
}

/* Few channels at a time of many taps, many of one tap: in either case about DEPTH products per sum. */
static size_t slice_channels(size_t channels, size_t taps) {
    size_t most = taps >= DEPTH ? 1 : DEPTH / taps;
    if (most >= channels) return channels;
    most = most >= 8 ? most / 8 * 8 : most;
    size_t slices = (channels + most - 1) / most;
    return smaller(most, ((channels + slices - 1) / slices + 7) / 8 * 8);
}

static void run_block(product *j) {
    size_t nr = (size_t)j->kernel->columns, panels = (j->columns + nr - 1) / nr;
    j->panels = ck_scratch(CK_SCRATCH_PANELS, panels * nr * j->depth * j->taps);
    ck_parallel(panels, pack_panel, j);
    size_t tiles = j->tiles_per_sample * j->p->samples;
    j->tiles_per_task = tiles > 256 ? 8 : tiles > 64 ? 4 : 1;
    size_t down = (tiles + j->tiles_per_task - 1) / j->tiles_per_task;
    j->panels_per_task = down >= 16 || panels < 4 ? panels : (panels + 3) / 4;
    j->tasks_across = (panels + j->panels_per_task - 1) / j->panels_per_task;
    ck_parallel(down * j->tasks_across, multiply_task, j);
}

static void run(product *j) {
    const ck_convolution *p = j->p;
    size_t slice = slice_channels(p->channels_in, j->taps), nr = (size_t)j->kernel->columns;
    size_t across = BLOCK_FLOATS / (slice * j->taps) / nr * nr;
    if (across < nr) across = nr;
    size_t blocks = (p->channels_out + across - 1) / across;
    across = ((p->channels_out + blocks - 1) / blocks + nr - 1) / nr * nr;
    j->zeros = ck_scratch(CK_SCRATCH_ZEROS, slice);
    j->tiles_per_sample = (j->pixels + (size_t)j->kernel->rows - 1) / (size_t)j->kernel->rows;
    for (j->column = 0; j->column < p->channels_out; j->column += across) {
        j->columns = smaller(across, p->channels_out - j->column);
        for (j->channel = 0; j->channel < p->channels_in; j->channel += slice) {
            j->depth = smaller(slice, p->channels_in - j->channel);
            run_block(j);
        }
    }
}

/* Winograd's convolution: tiles of 6x6 pixels and the 3x3 kernels are transformed, 36 products of matrices (tiles x
 * channels) take the place of the convolution, and each result is transformed back to 4x4 pixels; a quarter of the
 * multiplications. It pays where many tiles share the transformed weights, which take four times the weights' room. */
#define WINOGRAD_TILES 56

typedef struct {
    product *j;
    float *weights; /* [36][panel][channel][column] */
    size_t down, across, chunks_per_sample, panels;
} winograd;

static int suits_winograd(const ck_convolution *p) {
    return p->kernel_height == 3 && p->kernel_width == 3 && p->stride == 1 && p->dilation_in == 1 &&
           p->channels_in % 16 == 0 && p->channels_out % 16 == 0 && p->channels_in >= 64 && p->channels_out >= 64 &&
           p->samples * p->out_height * p->out_width >= 3072;
}

static void winograd_pack(void *context, size_t index) {
    const winograd *w = context;
    product j = *w->j;
    const ck_convolution *p = j.p;
    size_t nr = (size_t)j.kernel->columns, n0 = index * nr, panel = nr * p->channels_in;
    for (j.channel = 0; j.channel < p->channels_in; j.channel += 16) {
        float *direct = ck_scratch(CK_SCRATCH_WINOGRAD_INPUT, 9 * 16 * nr);
        j.depth = 16;
        pack(&j, n0, smaller(nr, p->channels_out - n0), direct);
        j.kernel->winograd_weight(direct, 16, w->weights + index * panel + j.channel * nr, w->panels * panel);
    }
}

static void winograd_chunk(void *context, size_t index) {
    const winograd *w = context;
    const product *j = w->j;
    const ck_convolution *p = j->p;
    size_t in = p->channels_in, out = p->channels_out, nr = (size_t)j->kernel->columns, mr = (size_t)j->kernel->rows;
    size_t sample = index / w->chunks_per_sample, first = index % w->chunks_per_sample * WINOGRAD_TILES;
    size_t count = smaller(WINOGRAD_TILES, w->down * w->across - first);
    const float *x = j->x + sample * p->height * p->width * in;
    float *y = j->y + sample * j->pixels * out;
    float *sources = ck_scratch(CK_SCRATCH_WINOGRAD_INPUT, 36 * count * in);
    float *results = ck_scratch(CK_SCRATCH_WINOGRAD_OUTPUT, 36 * count * out);
    for (size_t i = 0; i < count; i++) {
        ptrdiff_t top = (ptrdiff_t)((first + i) / w->across * 4) - p->pad_top;
        ptrdiff_t left = (ptrdiff_t)((first + i) % w->across * 4) - p->pad_left;
        const float *pixels[36];
        for (int n = 0; n < 36; n++) {
            ptrdiff_t sy = top + n / 6, sx = left + n % 6;
            int inside = sy >= 0 && sx >= 0 && sy < (ptrdiff_t)p->height && sx < (ptrdiff_t)p->width;
            pixels[n] = inside ? x + ((size_t)sy * p->width + (size_t)sx) * in : j->zeros;
        }
        j->kernel->winograd_input(pixels, in, sources + i * in, count * in);
    }
    for (size_t n = 0; n < 36; n++)
        for (size_t panel = 0; panel < w->panels; panel++)
            for (size_t row = 0; row < count; row += mr) {
                const float *rows[CK_TILE_ROWS_MAX];
                for (size_t r = 0; r < mr; r++) rows[r] = sources + (n * count + smaller(row + r, count - 1)) * in;
                ck_tile t = {rows, w->weights + (n * w->panels + panel) * in * nr, 1, in,
                             results + (n * count + row) * out + panel * nr, out, NULL, 1, (int)smaller(nr, out - panel * nr)};
                j->kernel->multiply(&t, (int)smaller(mr, count - row));
            }
    for (size_t i = 0; i < count; i++) {
        size_t top = (first + i) / w->across * 4, left = (first + i) % w->across * 4;
        float *pixels[16];
        for (size_t n = 0; n < 16; n++) {
            size_t oy = top + n / 4, ox = left + n % 4;
            pixels[n] = oy < p->out_height && ox < p->out_width ? y + (oy * p->out_width + ox) * out : NULL;
        }
        const float *start = j->bias ? j->bias + (j->bias_per_sample ? sample * out : 0) : NULL;
        j->kernel->winograd_output(results + i * out, count * out, start, out, pixels);
    }
}

static void run_winograd(product *j) {
    const ck_convolution *p = j->p;
    size_t nr = (size_t)j->kernel->columns;
    winograd w = {.j = j, .down = (p->out_height + 3) / 4, .across = (p->out_width + 3) / 4,
                  .panels = (p->channels_out + nr - 1) / nr};
    w.chunks_per_sample = (w.down * w.across + WINOGRAD_TILES - 1) / WINOGRAD_TILES;
    w.weights = ck_scratch(CK_SCRATCH_PANELS, 36 * w.panels * nr * p->channels_in);
    j->zeros = ck_scratch(CK_SCRATCH_ZEROS, p->channels_in);
    ck_parallel(w.panels, winograd_pack, &w);
    ck_parallel(p->samples * w.chunks_per_sample, winograd_chunk, &w);
}

void ck_linear(const float *x, ck_weight weight, int transposed, const float *bias, float *y, size_t rows, size_t k,
               size_t n) {
    if (rows == 0 || n == 0) return;
    ck_convolution p = {.samples = 1, .height = 1, .width = rows, .channels_in = k, .out_height = 1, .out_width = rows,
                        .channels_out = n, .kernel_height = 1, .kernel_width = 1, .stride = 1, .dilation_in = 1};
    product j = {.p = &p, .x = x, .bias = bias, .weight = weight, .transposed = transposed, .y = y,
                 .kernel = ck_tile_current(), .taps = 1, .pixels = rows};
    ck_count_work(2.0 * (double)rows * (double)k * (double)n);
    run(&j);
}

void ck_convolve(const ck_convolution *p, const float *x, ck_weight weight, const float *bias, int bias_per_sample,
                 float *y) {
    product j = {.p = p, .x = x, .bias = bias, .bias_per_sample = bias_per_sample, .weight = weight,
                 .transposed = p->pulled_back, .y = y, .kernel = ck_tile_current(),
                 .taps = p->kernel_height * p->kernel_width, .pixels = p->out_height * p->out_width};
    if (j.pixels * p->samples == 0) return;
    ck_count_work(2.0 * (double)(p->samples * j.pixels) * (double)(j.taps * p->channels_in) * (double)p->channels_out /
                  (double)(p->dilation_in * p->dilation_in));
    if (suits_winograd(p)) run_winograd(&j);
    else run(&j);
}
