/* Attention in tiles of queries and keys with a running softmax; the gradient makes each tile's probabilities again
 * from the saved log of the sums, so that no (queries, keys) map is ever held. */
#include "CKernels.h"
#include "matrix.h"
#include "threads.h"
#include "vector.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define QUERIES 64
#define KEYS 256

typedef struct {
    const ck_attention *p;
    const float *q, *k, *v, *out, *log_sum, *dy, *delta;
    float *y, *saved, *dq, *dk, *dv;
    size_t cotangents, query_tiles, key_tiles;
    const ck_vector *vector;
} attention_job;

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
static size_t channels(const ck_attention *p) { return p->heads * p->head_width; }
static size_t kv_sample(const ck_attention *p, size_t sample) { return p->kv_samples == 1 ? 0 : sample; }

/* Keys that queries first ..< first+count may see, at most. */
static size_t visible_keys(const ck_attention *p, size_t first, size_t count) {
    return p->causal ? smaller(p->keys, first + count) : p->keys;
}

/* Scores (rows, columns) = q k^T of one tile; what causality hides is -inf. */
static void tile_scores(const attention_job *j, const float *q, const float *k, size_t first_query, size_t rows,
                        size_t first_key, size_t columns, float *scores) {
    const ck_attention *p = j->p;
    size_t c = channels(p);
    ck_sgemm_serial(0, 1, rows, columns, p->head_width, 1, q + first_query * c, c, k + first_key * c, c, 0, scores, columns);
    if (!p->causal) return;
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < columns; i++)
            if (first_key + i > first_query + r) scores[r * columns + i] = -INFINITY;
}

static void attend_tile(void *context, size_t i) {
    const attention_job *j = context;
    const ck_attention *p = j->p;
    size_t tile = i % j->query_tiles, head = i / j->query_tiles % p->heads, sample = i / j->query_tiles / p->heads;
    size_t c = channels(p), w = p->head_width, first = tile * QUERIES, rows = smaller(QUERIES, p->queries - first);
    const float *q = j->q + sample * p->queries * c + head * w;
    const float *k = j->k + kv_sample(p, sample) * p->keys * c + head * w;
    const float *v = j->v + kv_sample(p, sample) * p->keys * c + head * w;
    float *y = j->y + (sample * p->queries + first) * c + head * w;
    float scores[QUERIES * KEYS], top[QUERIES], total[QUERIES];
    for (size_t r = 0; r < rows; r++) {
        top[r] = -INFINITY;
        total[r] = 0;
    }
    size_t visible = visible_keys(p, first, rows);
    for (size_t key = 0; key < visible; key += KEYS) {
        size_t columns = smaller(KEYS, visible - key);
        tile_scores(j, q, k, first, rows, key, columns, scores);
        for (size_t r = 0; r < rows; r++) {
            float sum, now = j->vector->softmax_row(scores + r * columns, columns, p->scale, top[r], &sum);
            float keep = key == 0 ? 0 : expf(top[r] - now);
            if (key != 0 && keep != 1) j->vector->scale_in_place(y + r * c, keep, w);
            total[r] = total[r] * keep + sum;
            top[r] = now;
        }
        ck_sgemm_serial(0, 0, rows, w, columns, 1, scores, columns, v + key * c, c, key == 0 ? 0 : 1, y, c);
    }
    for (size_t r = 0; r < rows; r++) {
        j->vector->scale_in_place(y + r * c, 1 / total[r], w);
        if (j->saved) j->saved[(sample * p->heads + head) * p->queries + first + r] = top[r] + logf(total[r]);
    }
}

void ck_attend(const ck_attention *p, const float *q, const float *k, const float *v, float *y, float *log_sum) {
    attention_job j = {.p = p, .q = q, .k = k, .v = v, .y = y, .saved = log_sum, .vector = ck_vector_current()};
    j.query_tiles = (p->queries + QUERIES - 1) / QUERIES;
    ck_parallel(p->samples * p->heads * j.query_tiles, attend_tile, &j);
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

/* One tile's probabilities P and dS = P * (dy v^T - delta) * scale. `i` counts cotangent*sample. */
static void tile_gradient(const attention_job *j, size_t i, size_t head, size_t first, size_t rows, size_t key,
                          size_t columns, float *probabilities, float *ds) {
    const ck_attention *p = j->p;
    size_t c = channels(p), w = p->head_width, sample = i % p->samples, kv = kv_sample(p, sample);
    tile_scores(j, j->q + sample * p->queries * c + head * w, j->k + kv * p->keys * c + head * w, first, rows, key,
                columns, probabilities);
    ck_sgemm_serial(0, 1, rows, columns, w, 1, j->dy + (i * p->queries + first) * c + head * w, c,
                    j->v + (kv * p->keys + key) * c + head * w, c, 0, ds, columns);
    for (size_t r = 0; r < rows; r++) {
        size_t row = head * p->queries + first + r;
        j->vector->softmax_again(probabilities + r * columns, columns, p->scale,
                                 j->log_sum[sample * p->heads * p->queries + row]);
        if (p->causal)
            for (size_t s = 0; s < columns; s++)
                if (key + s > first + r) probabilities[r * columns + s] = 0;
        j->vector->softmax_gradient(probabilities + r * columns, ds + r * columns, columns,
                                    j->delta[i * p->heads * p->queries + row], p->scale);
    }
}

/* dq of one tile of queries: dS k, over all keys. */
static void query_gradient_tile(void *context, size_t i) {
    const attention_job *j = context;
    const ck_attention *p = j->p;
    size_t tile = i % j->query_tiles, head = i / j->query_tiles % p->heads, n = i / j->query_tiles / p->heads;
    size_t c = channels(p), w = p->head_width, first = tile * QUERIES, rows = smaller(QUERIES, p->queries - first);
    const float *k = j->k + kv_sample(p, n % p->samples) * p->keys * c + head * w;
    float probabilities[QUERIES * KEYS], ds[QUERIES * KEYS];
    size_t visible = visible_keys(p, first, rows);
    for (size_t key = 0; key < visible; key += KEYS) {
        size_t columns = smaller(KEYS, visible - key);
        tile_gradient(j, n, head, first, rows, key, columns, probabilities, ds);
        ck_sgemm_serial(0, 0, rows, w, columns, 1, ds, columns, k + key * c, c, key == 0 ? 0 : 1,
                        j->dq + (n * p->queries + first) * c + head * w, c);
    }
}

/* dk and dv of one tile of keys, over all queries of all samples that read them. */
static void key_gradient_tile(void *context, size_t i) {
    const attention_job *j = context;
    const ck_attention *p = j->p;
    size_t tile = i % j->key_tiles, head = i / j->key_tiles % p->heads, kv = i / j->key_tiles / p->heads;
    size_t c = channels(p), w = p->head_width, key = tile * KEYS, columns = smaller(KEYS, p->keys - key);
    size_t shared = p->kv_samples == 1 ? p->samples : 1; /* samples per set of keys */
    float probabilities[QUERIES * KEYS], ds[QUERIES * KEYS];
    float *dk = j->dk + (kv * p->keys + key) * c + head * w, *dv = j->dv + (kv * p->keys + key) * c + head * w;
    float beta = 0;
    for (size_t s = 0; s < shared; s++)
        for (size_t first = 0; first < p->queries; first += QUERIES) {
            size_t rows = smaller(QUERIES, p->queries - first), n = kv * shared + s;
            tile_gradient(j, n, head, first, rows, key, columns, probabilities, ds);
            ck_sgemm_serial(1, 0, columns, w, rows, 1, ds, columns,
                            j->q + (n % p->samples * p->queries + first) * c + head * w, c, beta, dk, c);
            ck_sgemm_serial(1, 0, columns, w, rows, 1, probabilities, columns,
                            j->dy + (n * p->queries + first) * c + head * w, c, beta, dv, c);
            beta = 1;
        }
}

void ck_attend_gradient(const ck_attention *p, const float *q, const float *k, const float *v, const float *y,
                        const float *log_sum, const float *dy, size_t cotangents, float *dq, float *dk, float *dv) {
    float *delta = malloc((cotangents * p->samples * p->heads * p->queries + 1) * sizeof(float));
    if (!delta) abort();
    attention_job j = {.p = p, .q = q, .k = k, .v = v, .out = y, .log_sum = log_sum, .dy = dy, .delta = delta,
                       .dq = dq, .dk = dk, .dv = dv, .cotangents = cotangents, .vector = ck_vector_current()};
    j.query_tiles = (p->queries + QUERIES - 1) / QUERIES;
    j.key_tiles = (p->keys + KEYS - 1) / KEYS;
    ck_parallel(cotangents * p->samples, delta_sample, &j);
    if (dq) ck_parallel(cotangents * p->samples * p->heads * j.query_tiles, query_gradient_tile, &j);
    if (dk) ck_parallel(cotangents * p->kv_samples * p->heads * j.key_tiles, key_gradient_tile, &j);
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
