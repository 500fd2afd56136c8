/* Widens stored weights and packs them, a block at a time. */
#include "pack.h"
#include "indices.h"
#include "scratch.h"
#include <string.h>

/* Adds a LoRA's share to a packed panel: a product of its own, as deep as the rank. */
static void add_low_rank(const ck_product *j, size_t n0, size_t width, float *to) {
    size_t mr = (size_t)j->kernel->rows, nr = (size_t)j->kernel->columns, rank = j->weight.rank;
    const float *a = (j->transposed ? j->weight.up : j->weight.down) + j->channel * rank;
    const float *b = (j->transposed ? j->weight.down : j->weight.up) + n0 * rank;
    float *panel = ck_scratch(CK_SCRATCH_WEIGHTS, rank * nr);
    j->kernel->pack_columns(b, rank, width, rank, 1, panel);
    for (size_t k = 0; k < j->depth; k += mr) {
        const float *rows[CK_TILE_ROWS_MAX];
        for (size_t i = 0; i < mr; i++) rows[i] = a + ck_smaller(k + i, j->depth - 1) * rank;
        ck_tile t = {rows, panel, 1, rank, to + k * nr, nr, NULL, 0, (int)width};
        j->kernel->multiply(&t, (int)ck_smaller(mr, j->depth - k));
    }
}

static void pack_stored(const ck_product *j, size_t n0, size_t width, float *to) {
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

void ck_pack(const ck_product *j, size_t n0, size_t width, float *to) {
    pack_stored(j, n0, width, to);
    if (j->weight.rank) add_low_rank(j, n0, width, to);
}
