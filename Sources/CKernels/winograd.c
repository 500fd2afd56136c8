#include "winograd.h"
#include "indices.h"
#include "scratch.h"
#include "threads.h"

/* Winograd's convolution. It transforms tiles of 6x6 pixels and the 3x3 kernels, computes 36 products of matrices (tiles x
 * channels) instead of the convolution, and transforms each result back to 4x4 pixels. That takes a quarter of the
 * multiplications. The transformed weights are four times as large as the weights, so it is faster only where many tiles share
 * them: fewer tiles suffice where there are more channels, and more are necessary in bf16, whose products are twice as fast. */
#define WINOGRAD_TILES 56
/* Memory for transformed weights. A convolution that needs more works on some output channels at a time, and transforms the
 * input again for each. */
#define GROUP_FLOATS ((size_t)24 << 20)

typedef struct {
    ck_product *j;
    float *weights; /* [36][panel][channel][column] */
    size_t down, across, chunks_per_sample;
    size_t first_panel, panels; /* of the group */
} winograd;

int ck_suits_winograd(const ck_product *j) {
    const ck_convolution *p = j->p;
    int wide = p->channels_in >= 256 && p->channels_out >= 256;
    return p->kernel_height == 3 && p->kernel_width == 3 && p->stride == 1 && p->dilation_in == 1 &&
           p->channels_in % 16 == 0 && p->channels_out % 16 == 0 && p->channels_in >= 64 && p->channels_out >= 64 &&
           p->samples * p->out_height * p->out_width >= (wide ? j->bf16 ? 2000 : 500 : 3072);
}

static void winograd_pack(void *context, size_t index) {
    const winograd *w = context;
    ck_product j = *w->j;
    const ck_convolution *p = j.p;
    size_t nr = (size_t)j.kernel->columns, n0 = (w->first_panel + index) * nr, panel = nr * p->channels_in;
    for (j.channel = 0; j.channel < p->channels_in; j.channel += 16) {
        float *direct = ck_scratch(CK_SCRATCH_WINOGRAD_INPUT, 9 * 16 * nr);
        j.depth = 16;
        ck_pack(&j, n0, ck_smaller(nr, p->channels_out - n0), direct);
        j.kernel->winograd_weight(direct, 16, w->weights + index * panel + j.channel * nr, w->panels * panel);
    }
}

static void winograd_chunk(void *context, size_t index) {
    const winograd *w = context;
    const ck_product *j = w->j;
    const ck_convolution *p = j->p;
    size_t in = p->channels_in, nr = (size_t)j->kernel->columns, mr = (size_t)j->kernel->rows, start_column = w->first_panel * nr;
    size_t out = ck_smaller(w->panels * nr, p->channels_out - start_column);
    size_t sample = index / w->chunks_per_sample, first = index % w->chunks_per_sample * WINOGRAD_TILES;
    size_t count = ck_smaller(WINOGRAD_TILES, w->down * w->across - first);
    const float *x = j->x + sample * p->height * p->width * in;
    float *y = j->y + sample * j->pixels * p->channels_out + start_column;
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
                for (size_t r = 0; r < mr; r++) rows[r] = sources + (n * count + ck_smaller(row + r, count - 1)) * in;
                ck_tile t = {rows, w->weights + (n * w->panels + panel) * in * nr, 1, in,
                             results + (n * count + row) * out + panel * nr, out, NULL, 1, (int)ck_smaller(nr, out - panel * nr)};
                j->kernel->multiply(&t, (int)ck_smaller(mr, count - row));
            }
    for (size_t i = 0; i < count; i++) {
        size_t top = (first + i) / w->across * 4, left = (first + i) % w->across * 4;
        float *pixels[16];
        for (size_t n = 0; n < 16; n++) {
            size_t oy = top + n / 4, ox = left + n % 4;
            pixels[n] = oy < p->out_height && ox < p->out_width ? y + (oy * p->out_width + ox) * p->channels_out : NULL;
        }
        const float *start = j->bias ? j->bias + (j->bias_per_sample ? sample * p->channels_out : 0) + start_column : NULL;
        j->kernel->winograd_output(results + i * out, count * out, start, out, pixels);
    }
}

void ck_convolve_winograd(ck_product *j) {
    const ck_convolution *p = j->p;
    size_t nr = (size_t)j->kernel->columns, panels = (p->channels_out + nr - 1) / nr, panel = 36 * nr * p->channels_in;
    winograd w = {.j = j, .down = (p->out_height + 3) / 4, .across = (p->out_width + 3) / 4};
    w.chunks_per_sample = (w.down * w.across + WINOGRAD_TILES - 1) / WINOGRAD_TILES;
    size_t groups = (panels * panel + GROUP_FLOATS - 1) / GROUP_FLOATS;
    size_t of_group = (panels + groups - 1) / groups;
    w.weights = ck_scratch(CK_SCRATCH_PANELS, of_group * panel);
    j->zeros = ck_scratch(CK_SCRATCH_ZEROS, p->channels_in);
    for (w.first_panel = 0; w.first_panel < panels; w.first_panel += of_group) {
        w.panels = ck_smaller(of_group, panels - w.first_panel);
        ck_parallel(w.panels, winograd_pack, &w);
        ck_parallel(p->samples * w.chunks_per_sample, winograd_chunk, &w);
    }
}
