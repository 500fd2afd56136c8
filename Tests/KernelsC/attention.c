#include "check.h"

#define UNIT 0x1p-24 /* of f32's precision */

/* What a kernel computes in f32, here in double; the two lie no further apart than `spread`. */
typedef struct {
    double value, spread;
} computed;

static double in_product(float x) { return as_factor(x, 0).value; }

static computed dot(const float *x, const float *y, size_t count, int of_factors) {
    computed sum = {0, 0};
    for (size_t i = 0; i < count; i++) {
        double product = of_factors ? in_product(x[i]) * in_product(y[i]) : (double)x[i] * y[i];
        sum.value += product;
        sum.spread += 8 * UNIT * fabs(product);
    }
    return sum;
}

static computed score(const ck_attention *p, const float *q, const float *k) {
    computed s = dot(q, k, p->head_width, 1);
    return (computed){s.value * p->scale, s.spread * p->scale};
}

static computed exponential(double x, double spread) {
    return (computed){exp(x), exp(x) * (spread + 4 * UNIT * (2 + fabs(x)))};
}

/* Where a head's channels of a token begin, of `tokens` per sample. */
static size_t at(const ck_attention *p, size_t sample, size_t tokens, size_t token, size_t head) {
    return ((sample * tokens + token) * p->heads + head) * p->head_width;
}

static size_t visible(const ck_attention *p, size_t query) { return p->causal && query + 1 < p->keys ? query + 1 : p->keys; }

/* P = softmax(q k^T scale), y = P v. In bf16 it shows that keys come a tile at a time: probabilities are rounded when the
 * largest score is that of the keys so far. Their sum is of those not rounded. */
static void plain_forward(const ck_attention *p, const float *q, const float *k, const float *v, sums y, float *log_sum) {
    enum { TILE = 126 }; /* KEYS of attention.c */
    computed *scores = malloc(p->keys * sizeof *scores);
    for (size_t s = 0; s < p->samples; s++)
        for (size_t h = 0; h < p->heads; h++)
            for (size_t i = 0; i < p->queries; i++) {
                size_t kv = p->kv_samples == 1 ? 0 : s, keys = visible(p, i), query = at(p, s, p->queries, i, h);
                computed top = {-INFINITY, 0};
                double total = 0;
                for (size_t j = 0; j < keys; j++) {
                    scores[j] = score(p, q + query, k + at(p, kv, p->keys, j, h));
                    total += exp(scores[j].value);
                }
                log_sum[(s * p->heads + h) * p->queries + i] = (float)log(total);
                for (size_t j = 0; j < keys; j++) {
                    for (size_t n = j; j % TILE == 0 && n < keys && n < j + TILE; n++)
                        if (scores[n].value > top.value) top = scores[n];
                    computed e = exponential(scores[j].value - top.value, scores[j].spread + top.spread);
                    factor probability = as_factor(e.value, e.spread);
                    for (size_t d = 0; d < p->head_width; d++)
                        add_product(y, query + d, probability, exp(top.value) / total * in_product(v[at(p, kv, p->keys, j, h) + d]));
                }
            }
    free(scores);
}

/* The pull-back, from what the forward pass saved: with P = exp(q k^T scale - log_sum),
 * dv = P^T dy, dS = P (dy v^T - sum of dy y) scale, dq = dS k, dk = dS^T q. */
static void plain_gradient(const ck_attention *p, const float *q, const float *k, const float *v, const float *y,
                           const float *log_sum, const float *dy, size_t cotangents, sums dq, sums dk, sums dv) {
    size_t w = p->head_width;
    for (size_t n = 0; n < cotangents * p->samples; n++)
        for (size_t h = 0; h < p->heads; h++)
            for (size_t i = 0; i < p->queries; i++) {
                size_t sample = n % p->samples, query = at(p, sample, p->queries, i, h), out = at(p, n, p->queries, i, h);
                /* each cotangent has its own dk and dv; shared keys gather those of all samples */
                size_t kv = p->kv_samples == 1 ? 0 : sample, dkv = p->kv_samples == 1 ? n / p->samples : n;
                computed delta = dot(dy + out, y + query, w, 0);
                for (size_t j = 0; j < visible(p, i); j++) {
                    size_t key = at(p, kv, p->keys, j, h), to = at(p, dkv, p->keys, j, h);
                    computed s = score(p, q + query, k + key), slope = dot(dy + out, v + key, w, 1);
                    computed e = exponential(s.value - log_sum[(sample * p->heads + h) * p->queries + i], s.spread);
                    double difference = slope.value - delta.value, ds = e.value * difference * p->scale;
                    double spread = (e.spread * fabs(difference) + e.value * (slope.spread + delta.spread)) * p->scale;
                    factor probability = as_factor(e.value, e.spread), of_score = as_factor(ds, spread + 4 * UNIT * fabs(ds));
                    for (size_t d = 0; d < w; d++) {
                        add_product(dq, out + d, of_score, in_product(k[key + d]));
                        add_product(dk, to + d, of_score, in_product(q[query + d]));
                        add_product(dv, to + d, probability, in_product(dy[out + d]));
                    }
                }
            }
}

static void test_shape(ck_attention p, size_t cotangents) {
    size_t c = p.heads * p.head_width, queries = p.samples * p.queries * c, keys = p.kv_samples * p.keys * c;
    size_t rows = p.samples * p.heads * p.queries;
    float *q = normal(queries, 1), *k = normal(keys, 2), *v = normal(keys, 3), *dy = normal(cotangents * queries, 4);
    float *y = zeros(queries), *log_sum = zeros(rows), *expected_sum = zeros(rows);
    float *dq = zeros(cotangents * queries), *dk = zeros(cotangents * keys), *dv = zeros(cotangents * keys);
    sums plain_y = make_sums(queries), plain_dq = make_sums(cotangents * queries);
    sums plain_dk = make_sums(cotangents * keys), plain_dv = make_sums(cotangents * keys);
    spoil(y, queries), spoil(log_sum, rows);
    ck_attend(&p, q, k, v, y, log_sum);
    plain_forward(&p, q, k, v, plain_y, expected_sum);
    check_sums("attention", y, plain_y, 2e-6);
    check_close("attention's log of sums", log_sum, expected_sum, rows, 2e-6);
    plain_gradient(&p, q, k, v, y, log_sum, dy, cotangents, plain_dq, plain_dk, plain_dv);
    spoil(dq, cotangents * queries), spoil(dk, cotangents * keys), spoil(dv, cotangents * keys);
    ck_attend_gradient(&p, q, k, v, y, log_sum, dy, cotangents, dq, NULL, NULL);
    check_sums("attention's gradient to queries alone", dq, plain_dq, 2e-6);
    spoil(dq, cotangents * queries);
    ck_attend_gradient(&p, q, k, v, y, log_sum, dy, cotangents, NULL, dk, dv);
    check_sums("attention's gradient to keys", dk, plain_dk, 2e-6);
    check_sums("attention's gradient to values", dv, plain_dv, 2e-6);
    spoil(dk, cotangents * keys), spoil(dv, cotangents * keys);
    ck_attend_gradient(&p, q, k, v, y, log_sum, dy, cotangents, dq, dk, dv);
    check_sums("attention's gradient to queries", dq, plain_dq, 2e-6);
    check_sums("attention's gradient to keys beside queries", dk, plain_dk, 2e-6);
    check_sums("attention's gradient to values beside queries", dv, plain_dv, 2e-6);
    free(q), free(k), free(v), free(dy), free(y), free(log_sum), free(expected_sum), free(dq), free(dk), free(dv);
    free_sums(plain_y), free_sums(plain_dq), free_sums(plain_dk), free_sums(plain_dv);
}

void test_attention(void) {
    for (int causal = 0; causal < 2; causal++) {
        test_shape((ck_attention){2, 2, 3, 61, 300, 10, 0.3f, causal}, 1);
        test_shape((ck_attention){2, 1, 2, 58, 77, 21, 0.2f, causal}, 2); /* shared keys */
        test_shape((ck_attention){1, 1, 1, 1, 1, 3, 1, causal}, 2);
        test_shape((ck_attention){1, 1, 2, 113, 5, 40, 0.15f, causal}, 2);
        test_shape((ck_attention){1, 1, 1, 70, 127, 130, 0.09f, causal}, 1);
    }
}
