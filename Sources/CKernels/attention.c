/* Attention in tiles of queries and keys with a running softmax; the gradient makes each tile's probabilities again
 * from the saved log of the sums, so that no (queries, keys) map is ever held. */
#include "CKernels.h"
#include "measure.h"
#include "product.h"
#include "threads.h"
#include "vector.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define QUERIES 56
#define KEYS 256

typedef struct {
    const ck_attention *p;
    const float *q, *k, *v, *out, *log_sum, *dy, *delta;
    float *y, *saved, *dq, *dk, *dv;
    size_t cotangents, query_tiles, key_tiles;
    const ck_vector *vector;
    const ck_tile_kernel *kernel;
    /* Keys and values packed for products, per (sample, head, tile of keys): with the keys as columns, and as rows. */
    float *keys_across, *values_across, *keys_down, *values_down;
    size_t across_size, down_size; /* floats of one tile, packed either way */
} attention_job;

static size_t channels(const ck_attention *p) { return p->heads * p->head_width; }
static size_t kv_sample(const ck_attention *p, size_t sample) { return p->kv_samples == 1 ? 0 : sample; }

/* Keys that queries first ..< first+count may see, at most. */
static size_t visible_keys(const ck_attention *p, size_t first, size_t count) {
    return p->causal ? smaller(p->keys, first + count) : p->keys;
}

/* C (rows, columns) = or += A (rows, depth) times packed panels [columns / panel width][depth][panel width]. */
static void multiply(const attention_job *j, const float *a, size_t lda, size_t rows, const float *panels, size_t depth,
                     size_t columns, float *c, size_t ldc, int first) {
    size_t mr = (size_t)j->kernel->rows, nr = (size_t)j->kernel->columns;
    for (size_t r = 0; r < rows; r += mr) {
        const float *starts[CK_TILE_ROWS_MAX];
        for (size_t i = 0; i < mr; i++) starts[i] = a + smaller(r + i, rows - 1) * lda;
        for (size_t n = 0; n < columns; n += nr) {
            ck_tile t = {starts, panels + n * depth, 1, depth, c + r * ldc + n, ldc, NULL, first, (int)smaller(nr, columns - n)};
            j->kernel->multiply(&t, (int)smaller(mr, rows - r));
        }
    }
}

/* Panels of B (depth, columns), whose rows lie `stride` apart. */
static void pack_rows(const attention_job *j, const float *from, size_t stride, size_t depth, size_t columns, float *to) {
    size_t nr = (size_t)j->kernel->columns;
    for (size_t n = 0; n < columns; n += nr, to += depth * nr) {
        size_t width = smaller(nr, columns - n);
        for (size_t k = 0; k < depth; k++) {
            memcpy(to + k * nr, from + k * stride + n, width * sizeof(float));
            memset(to + k * nr + width, 0, (nr - width) * sizeof(float));
        }
    }
}

static size_t packed_at(const attention_job *j, size_t kv, size_t head, size_t key) {
    return (kv * j->p->heads + head) * j->key_tiles + key / KEYS;
}

static void pack_tile(void *context, size_t i) {
    const attention_job *j = context;
    const ck_attention *p = j->p;
    size_t tile = i % j->key_tiles, head = i / j->key_tiles % p->heads, kv = i / j->key_tiles / p->heads;
    size_t c = channels(p), w = p->head_width, nr = (size_t)j->kernel->columns, count = smaller(KEYS, p->keys - tile * KEYS);
    const float *k = j->k + (kv * p->keys + tile * KEYS) * c + head * w, *v = j->v + (k - j->k);
    for (size_t n = 0; n < count; n += nr) {
        size_t width = smaller(nr, count - n), at = i * j->across_size + n * w;
        if (j->keys_across) j->kernel->pack_columns(k + n * c, c, width, w, 1, j->keys_across + at);
        if (j->values_across) j->kernel->pack_columns(v + n * c, c, width, w, 1, j->values_across + at);
    }
    if (j->keys_down) pack_rows(j, k, c, count, w, j->keys_down + i * j->down_size);
    if (j->values_down) pack_rows(j, v, c, count, w, j->values_down + i * j->down_size);
}

static attention_job make_job(const ck_attention *p, const float *q, const float *k, const float *v) {
    attention_job j = {.p = p, .q = q, .k = k, .v = v, .vector = ck_vector_current(), .kernel = ck_tile_current()};
    size_t nr = (size_t)j.kernel->columns;
    j.query_tiles = (p->queries + QUERIES - 1) / QUERIES;
    j.key_tiles = (p->keys + KEYS - 1) / KEYS;
    j.across_size = KEYS * p->head_width;
    j.down_size = KEYS * ((p->head_width + nr - 1) / nr * nr);
    return j;
}

/* Packs what is wanted into one block of memory, which is returned. */
static float *pack_keys(attention_job *j, int keys_down, int values_across, int values_down) {
    size_t tiles = j->p->kv_samples * j->p->heads * j->key_tiles;
    size_t across = tiles * j->across_size, down = tiles * j->down_size;
    float *block = aligned_alloc(64, (across + (values_across ? across : 0) + (size_t)(keys_down + values_down) * down + 16) / 16 * 64);
    if (!block) abort();
    float *at = block + across;
    j->keys_across = block;
    if (values_across) j->values_across = at, at += across;
    if (keys_down) j->keys_down = at, at += down;
    if (values_down) j->values_down = at;
    ck_parallel(tiles, pack_tile, j);
    return block;
}

/* Scores (rows, KEYS apart) = q k^T of one tile; what causality hides is -inf. */
static void tile_scores(const attention_job *j, const float *q, size_t packed, size_t first_query, size_t rows,
                        size_t first_key, size_t columns, float *scores) {
    const ck_attention *p = j->p;
    size_t c = channels(p);
    multiply(j, q + first_query * c, c, rows, j->keys_across + packed * j->across_size, p->head_width, columns, scores, KEYS, 1);
    if (!p->causal) return;
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < columns; i++)
            if (first_key + i > first_query + r) scores[r * KEYS + i] = -INFINITY;
}

static void attend_tile(void *context, size_t i) {
    const attention_job *j = context;
    const ck_attention *p = j->p;
    size_t tile = i % j->query_tiles, head = i / j->query_tiles % p->heads, sample = i / j->query_tiles / p->heads;
    size_t c = channels(p), w = p->head_width, first = tile * QUERIES, rows = smaller(QUERIES, p->queries - first);
    const float *q = j->q + sample * p->queries * c + head * w;
    float *y = j->y + (sample * p->queries + first) * c + head * w;
    float scores[QUERIES * KEYS], top[QUERIES], total[QUERIES];
    for (size_t r = 0; r < rows; r++) {
        top[r] = -INFINITY;
        total[r] = 0;
    }
    size_t visible = visible_keys(p, first, rows);
    for (size_t key = 0; key < visible; key += KEYS) {
        /* a tile of keys is packed whole, so its panels are as deep as all its keys; hidden ones weigh nothing */
        size_t columns = smaller(KEYS, p->keys - key), packed = packed_at(j, kv_sample(p, sample), head, key);
        tile_scores(j, q, packed, first, rows, key, columns, scores);
        for (size_t r = 0; r < rows; r++) {
            float sum, now = j->vector->softmax_row(scores + r * KEYS, columns, p->scale, top[r], &sum);
            float keep = key == 0 ? 0 : expf(top[r] - now);
            if (key != 0 && keep != 1) j->vector->scale_in_place(y + r * c, keep, w);
            total[r] = total[r] * keep + sum;
            top[r] = now;
        }
        multiply(j, scores, KEYS, rows, j->values_down + packed * j->down_size, columns, w, y, c, key == 0);
    }
    for (size_t r = 0; r < rows; r++) {
        j->vector->scale_in_place(y + r * c, 1 / total[r], w);
        if (j->saved) j->saved[(sample * p->heads + head) * p->queries + first + r] = top[r] + logf(total[r]);
    }
}

void ck_attend(const ck_attention *p, const float *q, const float *k, const float *v, float *y, float *log_sum) {
    attention_job j = make_job(p, q, k, v);
    j.y = y;
    j.saved = log_sum;
    ck_count_work(4.0 * (double)(p->samples * p->queries) * (double)(p->keys * channels(p)));
    float *packed = pack_keys(&j, 0, 0, 1);
    ck_parallel(p->samples * p->heads * j.query_tiles, attend_tile, &j);
    free(packed);
}

/* delta = sum over a head's channels of dy*y, the softmax's own share of the gradient. Laid out as log_sum. */
static void delta_sample(void *context, size_t i) {
    const attention_job *j = context;
    const ck_attention *p = j->p;
    size_t c = channels(p), w = p->head_width;
    float *delta = (float *)j->delta;
    for (size_t r = 0; r < p->queries; r++)
        for (size_t h = 0; h < p->heads; h++)
            delta[(i * p->heads + h) * p->queries + r] =
                j->vector->dot(j->dy + (i * p->queries + r) * c + h * w,
                               j->out + (i % p->samples * p->queries + r) * c + h * w, w);
}

/* One tile's probabilities P and dS = P * (dy v^T - delta) * scale, rows KEYS apart. `i` counts cotangent*sample. */
static void tile_gradient(const attention_job *j, size_t i, size_t head, size_t first, size_t rows, size_t key,
                          size_t columns, float *probabilities, float *ds) {
    const ck_attention *p = j->p;
    size_t c = channels(p), w = p->head_width, sample = i % p->samples, packed = packed_at(j, kv_sample(p, sample), head, key);
    tile_scores(j, j->q + sample * p->queries * c + head * w, packed, first, rows, key, columns, probabilities);
    multiply(j, j->dy + (i * p->queries + first) * c + head * w, c, rows, j->values_across + packed * j->across_size, w,
             columns, ds, KEYS, 1);
    for (size_t r = 0; r < rows; r++) {
        size_t row = head * p->queries + first + r;
        j->vector->softmax_again(probabilities + r * KEYS, columns, p->scale,
                                 j->log_sum[sample * p->heads * p->queries + row]);
        if (p->causal)
            for (size_t s = 0; s < columns; s++)
                if (key + s > first + r) probabilities[r * KEYS + s] = 0;
        j->vector->softmax_gradient(probabilities + r * KEYS, ds + r * KEYS, columns,
                                    j->delta[i * p->heads * p->queries + row], p->scale);
    }
}

/* dq of one tile of queries: dS k, over all keys. */
static void query_gradient_tile(void *context, size_t i) {
    const attention_job *j = context;
    const ck_attention *p = j->p;
    size_t tile = i % j->query_tiles, head = i / j->query_tiles % p->heads, n = i / j->query_tiles / p->heads;
    size_t c = channels(p), w = p->head_width, first = tile * QUERIES, rows = smaller(QUERIES, p->queries - first);
    float probabilities[QUERIES * KEYS], ds[QUERIES * KEYS];
    size_t visible = visible_keys(p, first, rows);
    for (size_t key = 0; key < visible; key += KEYS) {
        size_t columns = smaller(KEYS, p->keys - key), packed = packed_at(j, kv_sample(p, n % p->samples), head, key);
        tile_gradient(j, n, head, first, rows, key, columns, probabilities, ds);
        multiply(j, ds, KEYS, rows, j->keys_down + packed * j->down_size, columns, w,
                 j->dq + (n * p->queries + first) * c + head * w, c, key == 0);
    }
}

/* to (columns, QUERIES apart) = the transpose of from (rows, KEYS apart). */
static void transpose(const float *from, size_t rows, size_t columns, float *to) {
    for (size_t n = 0; n < columns; n += 16)
        for (size_t r = 0; r < rows; r++)
            for (size_t i = n; i < n + 16 && i < columns; i++) to[i * QUERIES + r] = from[r * KEYS + i];
}

/* dk and dv of one tile of keys, over all queries of all samples that read them. */
static void key_gradient_tile(void *context, size_t i) {
    const attention_job *j = context;
    const ck_attention *p = j->p;
    size_t tile = i % j->key_tiles, head = i / j->key_tiles % p->heads, kv = i / j->key_tiles / p->heads;
    size_t c = channels(p), w = p->head_width, key = tile * KEYS, columns = smaller(KEYS, p->keys - key);
    size_t shared = p->kv_samples == 1 ? p->samples : 1; /* samples per set of keys */
    float probabilities[QUERIES * KEYS], ds[QUERIES * KEYS], turned[QUERIES * KEYS];
    float *packed = ck_scratch(CK_SCRATCH_WEIGHTS, QUERIES * (w + CK_TILE_COLUMNS_MAX));
    float *dk = j->dk + (kv * p->keys + key) * c + head * w, *dv = j->dv + (kv * p->keys + key) * c + head * w;
    int first_product = 1;
    for (size_t s = 0; s < shared; s++)
        for (size_t first = 0; first < p->queries; first += QUERIES) {
            size_t rows = smaller(QUERIES, p->queries - first), n = kv * shared + s;
            tile_gradient(j, n, head, first, rows, key, columns, probabilities, ds);
            transpose(ds, rows, columns, turned);
            pack_rows(j, j->q + (n % p->samples * p->queries + first) * c + head * w, c, rows, w, packed);
            multiply(j, turned, QUERIES, columns, packed, rows, w, dk, c, first_product);
            transpose(probabilities, rows, columns, turned);
            pack_rows(j, j->dy + (n * p->queries + first) * c + head * w, c, rows, w, packed);
            multiply(j, turned, QUERIES, columns, packed, rows, w, dv, c, first_product);
            first_product = 0;
        }
}

void ck_attend_gradient(const ck_attention *p, const float *q, const float *k, const float *v, const float *y,
                        const float *log_sum, const float *dy, size_t cotangents, float *dq, float *dk, float *dv) {
    float *delta = malloc((cotangents * p->samples * p->heads * p->queries + 1) * sizeof(float));
    if (!delta) abort();
    attention_job j = make_job(p, q, k, v);
    j.out = y, j.log_sum = log_sum, j.dy = dy, j.delta = delta, j.dq = dq, j.dk = dk, j.dv = dv, j.cotangents = cotangents;
    ck_count_work((2.0 + (dq ? 2 : 0) + (dk ? 4 : 0)) * (double)(cotangents * p->samples * p->queries) *
                  (double)(p->keys * channels(p)));
    float *packed = pack_keys(&j, dq != NULL, 1, 0);
    ck_parallel(cotangents * p->samples, delta_sample, &j);
    if (dq) ck_parallel(cotangents * p->samples * p->heads * j.query_tiles, query_gradient_tile, &j);
    if (dk) ck_parallel(cotangents * p->kv_samples * p->heads * j.key_tiles, key_gradient_tile, &j);
    free(packed);
    free(delta);
}

void ck_attend_reference(const ck_attention *p, const float *q, const float *k, const float *v, float *y) {
    size_t c = channels(p), w = p->head_width;
    double *row = malloc((p->keys + 1) * sizeof(double));
    if (!row) abort();
    for (size_t s = 0; s < p->samples; s++)
        for (size_t h = 0; h < p->heads; h++)
            for (size_t i = 0; i < p->queries; i++) {
                const float *query = q + (s * p->queries + i) * c + h * w;
                size_t keys = p->causal ? smaller(p->keys, i + 1) : p->keys;
                double top = -INFINITY, total = 0;
                for (size_t n = 0; n < keys; n++) {
                    const float *key = k + (kv_sample(p, s) * p->keys + n) * c + h * w;
                    row[n] = 0;
                    for (size_t d = 0; d < w; d++) row[n] += (double)query[d] * key[d];
                    row[n] *= p->scale;
                    top = row[n] > top ? row[n] : top;
                }
                for (size_t n = 0; n < keys; n++) total += row[n] = exp(row[n] - top);
                for (size_t d = 0; d < w; d++) {
                    double sum = 0;
                    for (size_t n = 0; n < keys; n++)
                        sum += row[n] / total * v[(kv_sample(p, s) * p->keys + n) * c + h * w + d];
                    y[(s * p->queries + i) * c + h * w + d] = (float)sum;
                }
            }
    free(row);
}
