/* Attention and its gradient: the whole map, in double. */
#include "KernelReferences.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where a head's channels of a token begin, of `tokens` per sample. */
static size_t at(const ck_attention *p, size_t sample, size_t tokens, size_t token, size_t head) {
    return ((sample * tokens + token) * p->heads + head) * p->head_width;
}

static double dot(const float *x, const float *y, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)x[i] * y[i];
    return sum;
}

/* One query's probabilities; the keys it may not see have none. */
static void probabilities(const ck_attention *p, const float *q, const float *k, size_t sample, size_t head, size_t query,
                          double *row) {
    size_t kv = p->kv_samples == 1 ? 0 : sample, seen = p->causal && query + 1 < p->keys ? query + 1 : p->keys;
    const float *from = q + at(p, sample, p->queries, query, head);
    double top = -INFINITY, total = 0;
    for (size_t n = 0; n < seen; n++) {
        row[n] = dot(from, k + at(p, kv, p->keys, n, head), p->head_width) * p->scale;
        top = row[n] > top ? row[n] : top;
    }
    for (size_t n = 0; n < seen; n++) total += row[n] = exp(row[n] - top);
    for (size_t n = 0; n < p->keys; n++) row[n] = n < seen ? row[n] / total : 0;
}

void ck_attend_reference(const ck_attention *p, const float *q, const float *k, const float *v, float *y) {
    double *row = malloc((p->keys + 1) * sizeof(double));
    if (!row) abort();
    for (size_t s = 0; s < p->samples; s++)
        for (size_t h = 0; h < p->heads; h++)
            for (size_t i = 0; i < p->queries; i++) {
                probabilities(p, q, k, s, h, i, row);
                float *to = y + at(p, s, p->queries, i, h);
                for (size_t d = 0; d < p->head_width; d++) {
                    double sum = 0;
                    for (size_t n = 0; n < p->keys; n++) sum += row[n] * v[at(p, p->kv_samples == 1 ? 0 : s, p->keys, n, h) + d];
                    to[d] = (float)sum;
                }
            }
    free(row);
}

void ck_attend_gradient_reference(const ck_attention *p, const float *q, const float *k, const float *v, const float *dy,
                                  size_t cotangents, double *dq, double *dk, double *dv) {
    size_t c = p->heads * p->head_width, w = p->head_width;
    double *row = malloc((2 * p->keys + 1) * sizeof(double)), *slope = row + p->keys;
    if (!row) abort();
    memset(dq, 0, cotangents * p->samples * p->queries * c * sizeof(double));
    memset(dk, 0, cotangents * p->kv_samples * p->keys * c * sizeof(double));
    memset(dv, 0, cotangents * p->kv_samples * p->keys * c * sizeof(double));
    for (size_t n = 0; n < cotangents * p->samples; n++)
        for (size_t h = 0; h < p->heads; h++)
            for (size_t i = 0; i < p->queries; i++) {
                size_t sample = n % p->samples, kv = p->kv_samples == 1 ? 0 : sample, of_dk = n / p->samples * p->kv_samples + kv;
                size_t query = at(p, sample, p->queries, i, h), of_dq = at(p, n, p->queries, i, h);
                double delta = 0;
                probabilities(p, q, k, sample, h, i, row);
                for (size_t s = 0; s < p->keys; s++) {
                    slope[s] = dot(dy + of_dq, v + at(p, kv, p->keys, s, h), w);
                    delta += row[s] * slope[s];
                }
                for (size_t s = 0; s < p->keys; s++) {
                    double ds = row[s] * (slope[s] - delta) * p->scale;
                    for (size_t d = 0; d < w; d++) {
                        dq[of_dq + d] += ds * k[at(p, kv, p->keys, s, h) + d];
                        dk[at(p, of_dk, p->keys, s, h) + d] += ds * q[query + d];
                        dv[at(p, of_dk, p->keys, s, h) + d] += row[s] * dy[of_dq + d];
                    }
                }
            }
    free(row);
}
