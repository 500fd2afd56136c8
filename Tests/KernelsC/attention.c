#include "check.h"

/* Attention and its pull-back as the formulas have them, whole maps in double:
 * P = softmax(q k^T scale), y = P v, dv = P^T dy, dS = P (dy v^T - sum of P dy v^T) scale, dq = dS k, dk = dS^T q. */
static void plain_gradient(const ck_attention *p, const float *q, const float *k, const float *v, const float *dy,
                           size_t cotangents, double *dq, double *dk, double *dv, float *log_sum) {
    size_t c = p->heads * p->head_width, w = p->head_width;
    double *row = malloc(2 * p->keys * sizeof *row), *slope = row + p->keys;
    for (size_t n = 0; n < cotangents * p->samples; n++)
        for (size_t h = 0; h < p->heads; h++)
            for (size_t i = 0; i < p->queries; i++) {
                size_t sample = n % p->samples, query = (sample * p->queries + i) * c + h * w, out = (n * p->queries + i) * c + h * w;
                /* each cotangent has its own dk and dv; shared keys gather those of all samples */
                size_t kv = p->kv_samples == 1 ? 0 : sample, dkv = p->kv_samples == 1 ? n / p->samples : n;
                size_t keys = p->causal && i + 1 < p->keys ? i + 1 : p->keys;
                double top = -INFINITY, total = 0, delta = 0;
                for (size_t j = 0; j < keys; j++) {
                    row[j] = slope[j] = 0;
                    for (size_t d = 0; d < w; d++) {
                        size_t at = (kv * p->keys + j) * c + h * w + d;
                        row[j] += (double)q[query + d] * k[at] * p->scale;
                        slope[j] += (double)dy[out + d] * v[at];
                    }
                    top = row[j] > top ? row[j] : top;
                }
                for (size_t j = 0; j < keys; j++) total += row[j] = exp(row[j] - top);
                for (size_t j = 0; j < keys; j++) delta += (row[j] /= total) * slope[j];
                log_sum[(sample * p->heads + h) * p->queries + i] = (float)(top + log(total));
                for (size_t j = 0; j < keys; j++)
                    for (size_t d = 0; d < w; d++) {
                        size_t at = (kv * p->keys + j) * c + h * w + d, to = (dkv * p->keys + j) * c + h * w + d;
                        double ds = row[j] * (slope[j] - delta) * p->scale;
                        dq[out + d] += ds * k[at];
                        dk[to] += ds * q[query + d];
                        dv[to] += row[j] * dy[out + d];
                    }
            }
    free(row);
}

static void check_double(const char *what, const float *found, const double *expected, size_t count) {
    float *narrow = zeros(count);
    for (size_t i = 0; i < count; i++) narrow[i] = (float)expected[i];
    check_close(what, found, narrow, count, 2e-6);
    free(narrow);
}

static void test_shape(ck_attention p, size_t cotangents) {
    size_t c = p.heads * p.head_width, queries = p.samples * p.queries * c, keys = p.kv_samples * p.keys * c;
    size_t rows = p.samples * p.heads * p.queries;
    float *q = normal(queries, 1), *k = normal(keys, 2), *v = normal(keys, 3), *dy = normal(cotangents * queries, 4);
    float *y = zeros(queries), *expected = zeros(queries), *log_sum = zeros(rows), *expected_sum = zeros(rows);
    float *dq = zeros(cotangents * queries), *dk = zeros(cotangents * keys), *dv = zeros(cotangents * keys);
    double *plain = calloc(cotangents * (queries + 2 * keys), sizeof *plain);
    double *plain_dk = plain + cotangents * queries, *plain_dv = plain_dk + cotangents * keys;
    spoil(y, queries), spoil(log_sum, rows);
    ck_attend(&p, q, k, v, y, log_sum);
    ck_attend_reference(&p, q, k, v, expected);
    check_close("attention", y, expected, queries, 2e-6);
    plain_gradient(&p, q, k, v, dy, cotangents, plain, plain_dk, plain_dv, expected_sum);
    check_close("attention's log of sums", log_sum, expected_sum, rows, 2e-6);
    spoil(dq, cotangents * queries), spoil(dk, cotangents * keys), spoil(dv, cotangents * keys);
    ck_attend_gradient(&p, q, k, v, y, log_sum, dy, cotangents, dq, NULL, NULL);
    check_double("attention's gradient to queries alone", dq, plain, cotangents * queries);
    spoil(dq, cotangents * queries);
    ck_attend_gradient(&p, q, k, v, y, log_sum, dy, cotangents, NULL, dk, dv);
    check_double("attention's gradient to keys", dk, plain_dk, cotangents * keys);
    check_double("attention's gradient to values", dv, plain_dv, cotangents * keys);
    spoil(dk, cotangents * keys), spoil(dv, cotangents * keys);
    ck_attend_gradient(&p, q, k, v, y, log_sum, dy, cotangents, dq, dk, dv);
    check_double("attention's gradient to queries", dq, plain, cotangents * queries);
    check_double("attention's gradient to keys beside queries", dk, plain_dk, cotangents * keys);
    free(q), free(k), free(v), free(dy), free(y), free(expected), free(log_sum), free(expected_sum);
    free(dq), free(dk), free(dv), free(plain);
}

void test_attention(void) {
    for (int causal = 0; causal < 2; causal++) {
        test_shape((ck_attention){2, 2, 3, 61, 300, 10, 0.3f, causal}, 1);
        test_shape((ck_attention){2, 1, 2, 58, 77, 21, 0.2f, causal}, 2); /* shared keys */
        test_shape((ck_attention){1, 1, 1, 1, 1, 3, 1, causal}, 2);
        test_shape((ck_attention){1, 1, 2, 113, 5, 40, 0.15f, causal}, 2);
    }
}
