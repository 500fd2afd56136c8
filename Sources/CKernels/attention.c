/* Attention in tiles of keys and queries with a running softmax. The gradient computes each tile's probabilities again
 * from the saved log of the sums, so nothing ever holds a (queries, keys) map.
 *
 * In a tile the queries are the columns, S^T = K q^T: the kernel reads keys and values in place, as rows of A; a tile
 * of probabilities is at once the packed panel of one product (y^T = V^T P^T, dq^T = K^T dS^T) and the rows of
 * another (dv = P^T dy, dk = dS^T q); the softmax works on vectors of queries. */
#include "CKernels.h"
#include "indices.h"
#include "measure.h"
#include "path.h"
#include "scratch.h"
#include "threads.h"
#include "vector.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define QUERIES 64 /* queries of a block: whole panels on every path */
#define KEYS 126   /* keys of a tile: whole tiles of rows on every path */
#define PANELS_MAX (QUERIES / 8)
#define TASKS 32   /* tasks of a gradient, at least, where there is enough work */
#define PARTS_MAX 8

typedef struct {
    const ck_attention *p;
    const float *q, *k, *v, *out, *log_sum, *dy, *delta;
    float *y, *saved, *dq, *dk, *dv;
    size_t cotangents, blocks, tiles;
    size_t parts; /* of a head's work in the gradient, for as many tasks: see gradient_task */
    /* Prepared once per set of keys, head and tile: turned (head_width, KEYS) values or (for dq) keys; and in bf16, where
     * those are pairs, the rows of keys and values as pairs too. */
    float *turned;
    uint32_t *paired_keys, *paired_values;
    float *shares; /* dq of all parts except the first, until the sum */
    const ck_tile_kernel *kernel;
    const ck_tile_bf16_kernel *bf16; /* NULL: f32; else panels hold pairs of bf16 */
} attention_job;

static size_t channels(const ck_attention *p) { return p->heads * p->head_width; }
static size_t kv_sample(const ck_attention *p, size_t sample) { return p->kv_samples == 1 ? 0 : sample; }

/* Sets of work in the gradient: one for each sample, or a single one where all samples read the same keys and these get
 * gradients. */
static size_t key_sets(const attention_job *j) { return j->dk && j->p->kv_samples == 1 ? 1 : j->p->samples; }

static attention_job make_job(const ck_attention *p, const float *q, const float *k, const float *v) {
    attention_job j = {.p = p, .q = q, .k = k, .v = v, .kernel = ck_tile_current(), .bf16 = ck_path_current()->bf16};
    j.blocks = (p->queries + QUERIES - 1) / QUERIES;
    j.tiles = (p->keys + KEYS - 1) / KEYS;
    return j;
}

/* --- products of one tile ------------------------------------------------------------------------------------ */

/* Rows of A: row r begins at base + r*stride and goes on, `depth` values each, `apart` further for every segment; or,
 * in bf16, all rows one after the other as pairs. */
typedef struct {
    const float *base;
    size_t stride, segments, apart, depth;
    const uint32_t *paired;
} row_set;

/* Size in floats of a packed panel, for a product of this depth. */
static size_t panel_size(const attention_job *j, size_t depth) {
    return (j->bf16 ? (depth + 1) / 2 : depth) * (size_t)j->kernel->columns;
}

/* Where each row of the tile from row r on begins in each segment. */
static void row_starts(const attention_job *j, row_set a, size_t rows, size_t r, const float **starts) {
    size_t mr = (size_t)j->kernel->rows;
    for (size_t s = 0; s < a.segments; s++)
        for (size_t i = 0; i < mr; i++) starts[s * mr + i] = a.base + ck_smaller(r + i, rows - 1) * a.stride + s * a.apart;
}

/* Rounds rows to pairs. */
static void pair_rows(const attention_job *j, row_set a, size_t rows, uint32_t *to) {
    size_t mr = (size_t)j->kernel->rows, pairs = (a.segments * a.depth + 1) / 2;
    for (size_t r = 0; r < rows; r += mr) {
        const float *starts[CK_TILE_ROWS_MAX * PANELS_MAX];
        row_starts(j, a, rows, r, starts);
        j->bf16->pack_rows(starts, a.segments, a.depth, (int)ck_smaller(mr, rows - r), to + r * pairs);
    }
}

/* C (rows, columns) = or += A B. B's panels lie one after the other; C's columns of the next panel begin `apart` further. */
static void multiply(const attention_job *j, row_set a, size_t rows, const float *panels, size_t columns, float *c,
                     size_t ldc, size_t apart, int first) {
    size_t mr = (size_t)j->kernel->rows, nr = (size_t)j->kernel->columns, depth = a.segments * a.depth, pairs = (depth + 1) / 2;
    for (size_t r = 0; r < rows; r += mr) {
        const float *starts[CK_TILE_ROWS_MAX * PANELS_MAX];
        if (!j->bf16) row_starts(j, a, rows, r, starts);
        int count = (int)ck_smaller(mr, rows - r);
        for (size_t n = 0; n * nr < columns; n++) {
            const float *panel = panels + n * panel_size(j, depth);
            float *to = c + r * ldc + n * apart;
            int width = (int)ck_smaller(nr, columns - n * nr);
            if (j->bf16) {
                ck_tile_bf16 t = {a.paired + r * pairs, (const uint32_t *)panel, pairs, to, ldc, NULL, first, width};
                j->bf16->multiply(&t, count);
            } else {
                ck_tile t = {starts, panel, a.segments, a.depth, to, ldc, NULL, first, width};
                j->kernel->multiply(&t, count);
            }
        }
    }
}

/* Panels of B (head_width, queries): the rows of q or dy, whose number is `count`, as columns. */
static void pack_across(const attention_job *j, const float *from, size_t count, float *to) {
    size_t c = channels(j->p), d = j->p->head_width, nr = (size_t)j->kernel->columns;
    for (size_t n = 0; n < count; n += nr, to += panel_size(j, d)) {
        float *wide = j->bf16 ? ck_scratch(CK_SCRATCH_WEIGHTS, d * nr) : to;
        j->kernel->pack_columns(from + n * c, c, ck_smaller(nr, count - n), d, 1, wide);
        if (j->bf16) j->bf16->pack_panel(wide, d, (uint32_t *)to);
    }
}

/* Panels of B (queries, head_width): those rows as rows, with zeros up to a whole panel of queries. */
static void pack_down(const attention_job *j, const float *from, size_t count, size_t depth, float *to) {
    size_t c = channels(j->p), d = j->p->head_width, nr = (size_t)j->kernel->columns;
    for (size_t n = 0; n < d; n += nr, to += panel_size(j, depth)) {
        float *wide = j->bf16 ? ck_scratch(CK_SCRATCH_WEIGHTS, depth * nr) : to;
        size_t width = ck_smaller(nr, d - n);
        for (size_t r = 0; r < depth; r++) {
            size_t copied = r < count ? width : 0;
            memcpy(wide + r * nr, from + r * c + n, copied * sizeof(float));
            memset(wide + r * nr + copied, 0, (nr - copied) * sizeof(float));
        }
        if (j->bf16) j->bf16->pack_panel(wide, depth, (uint32_t *)to);
    }
}

/* A tile (keys, queries) as rows of A: in place, or rounded into `room`. */
static row_set tile_as_rows(const attention_job *j, const float *tile, size_t keys, size_t panels, uint32_t *room) {
    size_t nr = (size_t)j->kernel->columns;
    row_set rows = {tile, nr, panels, keys * nr, nr, room};
    if (j->bf16) pair_rows(j, rows, keys, room);
    return rows;
}

/* A tile as panels of B: in place, or rounded into `room`. */
static const float *tile_as_panels(const attention_job *j, const float *tile, size_t keys, size_t panels, float *room) {
    size_t nr = (size_t)j->kernel->columns;
    if (!j->bf16) return tile;
    for (size_t n = 0; n < panels; n++) j->bf16->pack_panel(tile + n * keys * nr, keys, (uint32_t *)(room + n * panel_size(j, keys)));
    return room;
}

/* A block of queries against a tile of keys. Tiles are [panel][key][column of the panel]. */
typedef struct {
    size_t head, kv;
    size_t first, count, panels; /* queries, and panels of them */
    size_t key, keys;
} place;

static size_t keys_at(const ck_attention *p, size_t kv, place at) {
    return (kv * p->keys + at.key) * channels(p) + at.head * p->head_width;
}

/* Which of the prepared tiles. */
static size_t tile_index(const attention_job *j, place at) { return (at.kv * j->p->heads + at.head) * j->tiles + at.key / KEYS; }
static size_t paired_size(const attention_job *j) { return KEYS * ((j->p->head_width + 1) / 2); }

static row_set key_rows(const attention_job *j, place at, const float *of, const uint32_t *paired) {
    return (row_set){of + keys_at(j->p, at.kv, at), channels(j->p), 1, 0, j->p->head_width,
                     paired ? paired + tile_index(j, at) * paired_size(j) : NULL};
}

/* tile = the tile's rows of keys (or values) times packed queries (or cotangents). */
static void multiply_keys(const attention_job *j, place at, row_set rows, const float *packed, float *tile) {
    size_t nr = (size_t)j->kernel->columns;
    multiply(j, rows, at.keys, packed, at.panels * nr, tile, nr, at.keys * nr, 1);
}

/* sum (head_width, queries) = or += the turned keys (or values) times a tile. */
static void multiply_turned(const attention_job *j, place at, const float *panels, float *sum, int first) {
    size_t d = j->p->head_width, nr = (size_t)j->kernel->columns;
    const float *turned = j->turned + tile_index(j, at) * d * KEYS;
    row_set rows = {turned, KEYS, 1, 0, at.keys, (const uint32_t *)turned};
    multiply(j, rows, d, panels, at.panels * nr, sum, nr, d * nr, first);
}

static void set_hidden(const attention_job *j, place at, float *tile, float value) {
    size_t nr = (size_t)j->kernel->columns;
    for (size_t n = 0; n < at.panels; n++)
        for (size_t r = 0; r < at.keys; r++)
            for (size_t i = 0; i < nr; i++)
                if (at.key + r > at.first + n * nr + i) tile[(n * at.keys + r) * nr + i] = value;
}

/* to (queries, head_width) = from (head_width, queries); each query is multiplied by its factor (NULL: 1). */
static void turn_back(const attention_job *j, place at, const float *from, const float *factors, float *to) {
    size_t c = channels(j->p), d = j->p->head_width, nr = (size_t)j->kernel->columns;
    for (size_t r = 0; r < at.count; r++) {
        const float *column = from + r / nr * d * nr + r % nr;
        float factor = factors ? factors[r] : 1;
        for (size_t i = 0; i < d; i++) to[r * c + i] = column[i * nr] * factor;
    }
}

static void prepare_tile(void *context, size_t i) {
    const attention_job *j = context;
    size_t d = j->p->head_width, c = channels(j->p);
    place at = {.kv = i / j->tiles / j->p->heads, .head = i / j->tiles % j->p->heads, .key = i % j->tiles * KEYS};
    size_t keys = ck_smaller(KEYS, j->p->keys - at.key), from = keys_at(j->p, at.kv, at);
    if (j->paired_keys) pair_rows(j, (row_set){j->k + from, c, 1, 0, d, NULL}, keys, j->paired_keys + i * paired_size(j));
    if (j->paired_values) pair_rows(j, (row_set){j->v + from, c, 1, 0, d, NULL}, keys, j->paired_values + i * paired_size(j));
    if (!j->turned) return;
    const float *turning = (j->dq ? j->k : j->v) + from;
    float *turned = j->turned + i * d * KEYS, *wide = j->bf16 ? ck_scratch(CK_SCRATCH_WEIGHTS, d * KEYS) : turned;
    for (size_t r = 0; r < keys; r++)
        for (size_t n = 0; n < d; n++) wide[n * KEYS + r] = turning[r * c + n];
    if (j->bf16) pair_rows(j, (row_set){wide, KEYS, 1, 0, keys, NULL}, d, (uint32_t *)turned);
}

/* Prepares all keys and values, in one block of memory. */
static float *prepare_keys(attention_job *j, int values, int turning) {
    size_t tiles = j->p->kv_samples * j->p->heads * j->tiles, turned = tiles * j->p->head_width * KEYS;
    size_t paired = j->bf16 ? tiles * paired_size(j) : 0;
    float *base = malloc((turned + 2 * paired) * sizeof(float));
    if (!base) abort();
    if (turning) j->turned = base;
    if (j->bf16) j->paired_keys = (uint32_t *)(base + turned);
    if (j->bf16 && values) j->paired_values = j->paired_keys + paired;
    ck_parallel(tiles, prepare_tile, j);
    return base;
}

/* --- forward ---------------------------------------------------------------------------------------------------- */

static void attend_block(void *context, size_t i) {
    const attention_job *j = context;
    const ck_attention *p = j->p;
    size_t sample = i / j->blocks / p->heads, c = channels(p), d = p->head_width, nr = (size_t)j->kernel->columns;
    place at = {.head = i / j->blocks % p->heads, .kv = kv_sample(p, sample), .first = i % j->blocks * QUERIES};
    at.count = ck_smaller(QUERIES, p->queries - at.first);
    at.panels = (at.count + nr - 1) / nr;
    size_t query = (sample * p->queries + at.first) * c + at.head * d;
    float tile[KEYS * QUERIES], rounded[KEYS * QUERIES], top[QUERIES], total[QUERIES], keep[QUERIES];
    float *packed = ck_scratch(CK_SCRATCH_ATTENTION, 2 * (d + 1) * QUERIES), *sum = packed + (d + 1) * QUERIES;
    pack_across(j, j->q + query, at.count, packed);
    for (size_t r = 0; r < QUERIES; r++) {
        top[r] = -INFINITY;
        total[r] = 0;
    }
    size_t visible = p->causal ? ck_smaller(p->keys, at.first + at.count) : p->keys;
    for (at.key = 0; at.key < visible; at.key += KEYS) {
        at.keys = ck_smaller(KEYS, p->keys - at.key);
        multiply_keys(j, at, key_rows(j, at, j->k, j->paired_keys), packed, tile);
        if (p->causal) set_hidden(j, at, tile, -INFINITY);
        for (size_t n = 0; n < at.panels; n++) {
            size_t column = n * nr;
            int grew = j->kernel->softmax(tile + n * at.keys * nr, at.keys, p->scale, top + column, keep + column, total + column);
            if (grew && at.key > 0) j->kernel->scale_columns(sum + n * d * nr, d, keep + column);
        }
        multiply_turned(j, at, tile_as_panels(j, tile, at.keys, at.panels, rounded), sum, at.key == 0);
    }
    for (size_t r = 0; r < at.count; r++) {
        if (j->saved) j->saved[(sample * p->heads + at.head) * p->queries + at.first + r] = top[r] + logf(total[r]);
        keep[r] = 1 / total[r];
    }
    turn_back(j, at, sum, keep, j->y + query);
}

void ck_attend(const ck_attention *p, const float *q, const float *k, const float *v, float *y, float *log_sum) {
    attention_job j = make_job(p, q, k, v);
    j.y = y;
    j.saved = log_sum;
    ck_count_work(4.0 * (double)(p->samples * p->queries) * (double)(p->keys * channels(p)));
    float *prepared = prepare_keys(&j, 0, 1);
    ck_parallel(p->samples * p->heads * j.blocks, attend_block, &j);
    free(prepared);
}

/* --- gradient ---------------------------------------------------------------------------------------------------- */

/* delta = sum over a head's channels of dy*y, the softmax's own share of the gradient. Laid out as log_sum. */
static void delta_sample(void *context, size_t i) {
    const attention_job *j = context;
    const ck_attention *p = j->p;
    size_t c = channels(p), w = p->head_width;
    float *delta = (float *)j->delta;
    for (size_t r = 0; r < p->queries; r++)
        for (size_t h = 0; h < p->heads; h++)
            delta[(i * p->heads + h) * p->queries + r] =
                ck_vector_current()->dot(j->dy + (i * p->queries + r) * c + h * w,
                                         j->out + (i % p->samples * p->queries + r) * c + h * w, w);
}

/* What a task holds of a block of queries: q and each cotangent as columns and as rows, sums for dq, and what the
 * softmax needs. Those of the cotangents lie `size` apart. */
typedef struct {
    float *q_across, *q_down, *dy_across, *dy_down, *dq, *log_sum, *delta;
    size_t size;
} query_block;

static query_block make_query_block(const attention_job *j) {
    size_t nr = (size_t)j->kernel->columns, n = j->cotangents, size = (j->p->head_width + nr) / nr * nr * QUERIES;
    float *base = ck_scratch(CK_SCRATCH_ATTENTION, size * (2 + 3 * n) + QUERIES * (1 + n));
    float *cotangents = base + 2 * size, *rest = cotangents + 3 * n * size;
    return (query_block){base, base + size, cotangents, cotangents + n * size, cotangents + 2 * n * size, rest, rest + QUERIES, size};
}

static void load_query_block(const attention_job *j, size_t sample, place at, query_block *b) {
    const ck_attention *p = j->p;
    size_t c = channels(p), row = at.head * p->head_width, depth = at.panels * (size_t)j->kernel->columns;
    const float *q = j->q + (sample * p->queries + at.first) * c + row;
    pack_across(j, q, at.count, b->q_across);
    if (j->dk) pack_down(j, q, at.count, depth, b->q_down);
    memset(b->log_sum, 0, QUERIES * (1 + j->cotangents) * sizeof(float)); /* beyond the last query as well */
    memcpy(b->log_sum, j->log_sum + (sample * p->heads + at.head) * p->queries + at.first, at.count * sizeof(float));
    for (size_t t = 0; t < j->cotangents; t++) {
        size_t n = t * p->samples + sample;
        const float *dy = j->dy + (n * p->queries + at.first) * c + row;
        pack_across(j, dy, at.count, b->dy_across + t * b->size);
        if (j->dk) pack_down(j, dy, at.count, depth, b->dy_down + t * b->size);
        memcpy(b->delta + t * QUERIES, j->delta + (n * p->heads + at.head) * p->queries + at.first, at.count * sizeof(float));
    }
}

/* Adds a tile's share of all gradients. It computes the tile's probabilities once for all cotangents. */
static void add_tile_gradient(const attention_job *j, place at, const query_block *b, int first_tile, int first_block) {
    const ck_attention *p = j->p;
    size_t c = channels(p), d = p->head_width, nr = (size_t)j->kernel->columns, apart = at.keys * nr;
    float tile[KEYS * QUERIES], ds[KEYS * QUERIES], rounded[KEYS * QUERIES];
    uint32_t paired[KEYS * QUERIES / 2], paired_ds[KEYS * QUERIES / 2];
    multiply_keys(j, at, key_rows(j, at, j->k, j->paired_keys), b->q_across, tile);
    for (size_t n = 0; n < at.panels; n++) j->kernel->softmax_again(tile + n * apart, at.keys, p->scale, b->log_sum + n * nr);
    if (p->causal) set_hidden(j, at, tile, 0);
    row_set probabilities = tile_as_rows(j, tile, at.keys, at.panels, paired);
    for (size_t t = 0; t < j->cotangents; t++) {
        size_t keys = keys_at(p, t * p->kv_samples + at.kv, at);
        if (j->dk) multiply(j, probabilities, at.keys, b->dy_down + t * b->size, d, j->dv + keys, c, nr, first_block);
        multiply_keys(j, at, key_rows(j, at, j->v, j->paired_values), b->dy_across + t * b->size, ds);
        for (size_t n = 0; n < at.panels; n++)
            j->kernel->softmax_gradient(tile + n * apart, ds + n * apart, at.keys, b->delta + t * QUERIES + n * nr, p->scale);
        if (j->dk)
            multiply(j, tile_as_rows(j, ds, at.keys, at.panels, paired_ds), at.keys, b->q_down, d, j->dk + keys, c, nr, first_block);
        if (j->dq) multiply_turned(j, at, tile_as_panels(j, ds, at.keys, at.panels, rounded), b->dq + t * b->size, first_tile);
    }
}

static size_t dq_count(const attention_job *j) { return j->cotangents * j->p->samples * j->p->queries * channels(j->p); }

/* One head's work, or a part of it. Where keys get gradients, a part is some tiles of keys against all queries of all
 * samples that read them, and dq is the sum of the parts; elsewhere a part is some queries against all keys. */
static void gradient_task(void *context, size_t i) {
    const attention_job *j = context;
    const ck_attention *p = j->p;
    size_t part = i % j->parts, set = i / j->parts / p->heads, nr = (size_t)j->kernel->columns;
    size_t whole = j->dk ? j->tiles : j->blocks, from = part * whole / j->parts, to = (part + 1) * whole / j->parts;
    size_t first_block = j->dk ? 0 : from, last_block = j->dk ? j->blocks : to;
    size_t first_tile = j->dk ? from : 0, last_tile = j->dk ? to : j->tiles;
    size_t first_sample = key_sets(j) == p->samples ? set : 0, last_sample = key_sets(j) == p->samples ? set + 1 : p->samples;
    float *dq = j->shares && part > 0 ? j->shares + (part - 1) * dq_count(j) : j->dq;
    query_block b = make_query_block(j);
    for (size_t sample = first_sample; sample < last_sample; sample++)
        for (size_t block = first_block; block < last_block; block++) {
            place at = {.head = i / j->parts % p->heads, .kv = kv_sample(p, sample), .first = block * QUERIES};
            at.count = ck_smaller(QUERIES, p->queries - at.first);
            at.panels = (at.count + nr - 1) / nr;
            load_query_block(j, sample, at, &b);
            for (size_t tile = first_tile; tile < last_tile; tile++) {
                at.key = tile * KEYS;
                at.keys = ck_smaller(KEYS, p->keys - at.key);
                add_tile_gradient(j, at, &b, tile == first_tile, sample == first_sample && block == first_block);
            }
            for (size_t t = 0; j->dq && t < j->cotangents; t++)
                turn_back(j, at, b.dq + t * b.size, NULL,
                          dq + ((t * p->samples + sample) * p->queries + at.first) * channels(p) + at.head * p->head_width);
        }
}

static void add_shares(void *context, size_t i) {
    const attention_job *j = context;
    size_t count = j->p->queries * channels(j->p);
    for (size_t part = 1; part < j->parts; part++)
        ck_vector_current()->accumulate(j->shares + (part - 1) * dq_count(j) + i * count, 1, j->dq + i * count, count);
}

void ck_attend_gradient(const ck_attention *p, const float *q, const float *k, const float *v, const float *y,
                        const float *log_sum, const float *dy, size_t cotangents, float *dq, float *dk, float *dv) {
    float *delta = malloc((cotangents * p->samples * p->heads * p->queries + 1) * sizeof(float));
    if (!delta) abort();
    attention_job j = make_job(p, q, k, v);
    j.out = y, j.log_sum = log_sum, j.dy = dy, j.delta = delta, j.dq = dq, j.dk = dk, j.dv = dv, j.cotangents = cotangents;
    ck_count_work((2.0 + (dq ? 2 : 0) + (dk ? 4 : 0)) * (double)(cotangents * p->samples * p->queries) *
                  (double)(p->keys * channels(p)));
    ck_parallel(cotangents * p->samples, delta_sample, &j);
    size_t heads = key_sets(&j) * p->heads;
    j.parts = ck_smaller(ck_smaller((TASKS + heads - 1) / heads, PARTS_MAX), dk ? j.tiles : j.blocks);
    size_t shares = dk && dq ? (j.parts - 1) * dq_count(&j) * sizeof(float) : 0;
    if (shares && !(j.shares = ck_allocate(shares))) abort();
    float *prepared = prepare_keys(&j, 1, dq != NULL);
    ck_parallel(heads * j.parts, gradient_task, &j);
    free(prepared);
    if (shares) {
        ck_parallel(cotangents * p->samples, add_shares, &j);
        ck_release(j.shares, shares);
    }
    free(delta);
}
