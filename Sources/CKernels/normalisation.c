/* Group and layer normalisation. It gathers statistics for each channel in chunks of rows, each chunk with its own mean, and
 * merges them in double. That avoids differences of large numbers, and works on whole vectors of channels. */
#include "CKernels.h"
#include "threads.h"
#include "vector.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 128 /* rows */

typedef struct {
    const ck_group_norm *p;
    const float *x, *dy, *scale, *shift, *mean, *rstd, *a, *b, *d;
    float *y, *first, *second; /* per chunk and channel */
    size_t chunks, saved_samples;
    const ck_vector *v;
} norm_job;

static float *allocate(size_t count) {
    float *p = malloc((count ? count : 1) * sizeof(float));
    if (!p) abort();
    return p;
}

/* The rows of chunk i of all samples' chunks. */
static size_t chunk_rows(const norm_job *j, size_t i, size_t *row) {
    size_t first = i % j->chunks * CHUNK;
    *row = i / j->chunks * j->p->pixels + first;
    return j->p->pixels - first < CHUNK ? j->p->pixels - first : CHUNK;
}

static void moments_chunk(void *context, size_t i) {
    norm_job *j = context;
    size_t row, rows = chunk_rows(j, i, &row), c = j->p->channels;
    j->v->moments(j->x + row * c, rows, c, j->first + i * c, j->second + i * c);
}

static void apply_chunk(void *context, size_t i) {
    norm_job *j = context;
    size_t row, rows = chunk_rows(j, i, &row), c = j->p->channels, sample = i / j->chunks;
    j->v->normalise(j->x + row * c, j->scale + sample * c, j->shift + sample * c, j->p->silu, j->y + row * c, rows, c);
}

/* Mean and variance of one group from its channels' chunk moments (Chan's formula). */
static void merge_moments(const norm_job *j, size_t sample, size_t group, double *mean, double *variance) {
    size_t width = j->p->channels / j->p->groups;
    double count = 0, m = 0, m2 = 0;
    for (size_t chunk = 0; chunk < j->chunks; chunk++) {
        size_t left = j->p->pixels - chunk * CHUNK;
        double n = (double)(left < CHUNK ? left : CHUNK);
        for (size_t c = 0; c < width; c++) {
            size_t at = (sample * j->chunks + chunk) * j->p->channels + group * width + c;
            double delta = j->first[at] - m, total = count + n;
            m += delta * n / total;
            m2 += j->second[at] + delta * delta * count * n / total;
            count = total;
        }
    }
    *mean = m;
    *variance = m2 / count;
}

/* y = x*scale + shift written with the group's statistics: scale = rstd*gamma, shift = beta - mean*scale. */
static void fold_affine(const ck_group_norm *p, const float *gamma, const float *beta, const float *mean,
                        const float *rstd, float *scale, float *shift) {
    size_t width = p->channels / p->groups;
    for (size_t s = 0; s < p->samples; s++)
        for (size_t c = 0; c < p->channels; c++) {
            size_t g = s * p->groups + c / width, at = s * p->channels + c;
            scale[at] = rstd[g] * gamma[c];
            shift[at] = beta[c] - mean[g] * scale[at];
        }
}

void ck_group_norm_forward(const ck_group_norm *p, const float *x, const float *gamma, const float *beta, float *y,
                           float *mean, float *rstd) {
    size_t chunks = (p->pixels + CHUNK - 1) / CHUNK, c = p->channels;
    float *work = allocate(2 * (p->samples * chunks + p->samples) * c);
    norm_job j = {.p = p, .x = x, .y = y, .chunks = chunks, .v = ck_vector_current()};
    j.first = work;
    j.second = j.first + p->samples * chunks * c;
    float *scale = j.second + p->samples * chunks * c, *shift = scale + p->samples * c;
    j.scale = scale;
    j.shift = shift;
    ck_parallel(p->samples * chunks, moments_chunk, &j);
    for (size_t s = 0; s < p->samples; s++)
        for (size_t g = 0; g < p->groups; g++) {
            double m, variance;
            merge_moments(&j, s, g, &m, &variance);
            mean[s * p->groups + g] = (float)m;
            rstd[s * p->groups + g] = (float)(1.0 / sqrt(variance + (double)p->epsilon));
        }
    fold_affine(p, gamma, beta, mean, rstd, scale, shift);
    ck_parallel(p->samples * chunks, apply_chunk, &j);
    free(work);
}

static void sums_chunk(void *context, size_t i) {
    norm_job *j = context;
    size_t row, rows = chunk_rows(j, i, &row), c = j->p->channels;
    size_t saved = i / j->chunks % j->saved_samples, saved_row = saved * j->p->pixels + row % j->p->pixels;
    j->v->normalise_sums(j->x + saved_row * c, j->dy + row * c, j->scale + saved * c, j->shift + saved * c,
                         j->mean + saved * c, j->rstd + saved * c, j->p->silu, rows, c, j->first + i * c,
                         j->second + i * c);
}

static void gradient_chunk(void *context, size_t i) {
    norm_job *j = context;
    size_t row, rows = chunk_rows(j, i, &row), c = j->p->channels, sample = i / j->chunks;
    size_t saved = sample % j->saved_samples, saved_row = saved * j->p->pixels + row % j->p->pixels;
    j->v->normalise_gradient(j->x + saved_row * c, j->dy + row * c, j->scale + saved * c, j->shift + saved * c,
                             j->p->silu, j->a + sample * c, j->b + sample * c, j->d + sample * c, j->y + row * c,
                             rows, c);
}

/* With u = gamma*xhat + beta and g = dL/du:
 *   dx = rstd*(gamma*g - mean(gamma*g) - xhat*mean(gamma*g*xhat)), means over the group,
 * which is g*a + x*b + d per channel. */
void ck_group_norm_gradient(const ck_group_norm *p, const float *x, const float *gamma, const float *beta,
                            const float *mean, const float *rstd, const float *dy, size_t cotangents, float *dx,
                            float *dgamma, float *dbeta) {
    size_t chunks = (p->pixels + CHUNK - 1) / CHUNK, c = p->channels, width = c / p->groups;
    size_t samples = cotangents * p->samples;
    float *work = allocate(2 * samples * chunks * c + 4 * p->samples * c + 3 * samples * c);
    norm_job j = {.p = p, .x = x, .dy = dy, .y = dx, .chunks = chunks, .saved_samples = p->samples,
                  .v = ck_vector_current()};
    j.first = work;
    j.second = j.first + samples * chunks * c;
    float *scale = j.second + samples * chunks * c, *shift = scale + p->samples * c;
    float *wide_mean = shift + p->samples * c, *wide_rstd = wide_mean + p->samples * c;
    float *a = wide_rstd + p->samples * c, *b = a + samples * c, *d = b + samples * c;
    fold_affine(p, gamma, beta, mean, rstd, scale, shift);
    for (size_t i = 0; i < p->samples * c; i++) {
        wide_mean[i] = mean[i / c * p->groups + i % c / width];
        wide_rstd[i] = rstd[i / c * p->groups + i % c / width];
    }
    j.mean = wide_mean;
    j.rstd = wide_rstd;
    j.scale = scale;
    j.shift = shift;
    j.a = a;
    j.b = b;
    j.d = d;
    ck_parallel(samples * chunks, sums_chunk, &j);
    if (dgamma) memset(dgamma, 0, cotangents * c * sizeof(float));
    if (dbeta) memset(dbeta, 0, cotangents * c * sizeof(float));
    for (size_t s = 0; s < samples; s++)
        for (size_t g = 0; g < p->groups; g++) {
            size_t saved = s % p->samples * p->groups + g;
            double m = mean[saved], r = rstd[saved], s1 = 0, s2 = 0, n = (double)(width * p->pixels);
            for (size_t i = 0; i < width; i++) {
                size_t channel = g * width + i;
                double sum_g = 0, sum_gx = 0;
                for (size_t chunk = 0; chunk < chunks; chunk++) {
                    sum_g += j.first[(s * chunks + chunk) * c + channel];
                    sum_gx += j.second[(s * chunks + chunk) * c + channel];
                }
                s1 += gamma[channel] * sum_g;
                s2 += gamma[channel] * sum_gx;
                if (dgamma) dgamma[s / p->samples * c + channel] += (float)sum_gx;
                if (dbeta) dbeta[s / p->samples * c + channel] += (float)sum_g;
            }
            for (size_t i = 0; i < width; i++) {
                size_t at = s * c + g * width + i;
                a[at] = (float)(r * gamma[g * width + i]);
                b[at] = (float)(-r * r * s2 / n);
                d[at] = (float)(-r * s1 / n + r * r * m * s2 / n);
            }
        }
    ck_parallel(samples * chunks, gradient_chunk, &j);
    free(work);
}

typedef struct {
    const float *x, *gamma, *beta, *dy;
    float epsilon, *y, *mean, *rstd;
    size_t rows, channels, total;
    const ck_vector *v;
} layer_job;

static void layer_rows(void *context, size_t i) {
    layer_job *j = context;
    for (size_t r = i * CHUNK; r < j->rows && r < (i + 1) * CHUNK; r++)
        j->v->layer_norm_row(j->x + r * j->channels, j->gamma, j->beta, j->epsilon, j->y + r * j->channels,
                             j->mean + r, j->rstd + r, j->channels);
}

void ck_layer_norm_forward(const float *x, const float *gamma, const float *beta, float epsilon, float *y,
                           float *mean, float *rstd, size_t rows, size_t channels) {
    layer_job j = {.x = x, .gamma = gamma, .beta = beta, .epsilon = epsilon, .y = y, .mean = mean, .rstd = rstd,
                   .rows = rows, .channels = channels, .v = ck_vector_current()};
    ck_parallel((rows + CHUNK - 1) / CHUNK, layer_rows, &j);
}

static void layer_rows_gradient(void *context, size_t i) {
    layer_job *j = context;
    for (size_t r = i * CHUNK; r < j->total && r < (i + 1) * CHUNK; r++) {
        size_t s = r % j->rows;
        j->v->layer_norm_row_gradient(j->x + s * j->channels, j->gamma, j->mean[s], j->rstd[s],
                                      j->dy + r * j->channels, j->y + r * j->channels, NULL, NULL, j->channels);
    }
}

void ck_layer_norm_gradient(const float *x, const float *gamma, const float *mean, const float *rstd,
                            const float *dy, size_t cotangents, float *dx, float *dgamma, float *dbeta, size_t rows,
                            size_t channels) {
    layer_job j = {.x = x, .gamma = gamma, .dy = dy, .y = dx, .mean = (float *)mean, .rstd = (float *)rstd,
                   .rows = rows, .channels = channels, .total = cotangents * rows, .v = ck_vector_current()};
    if (!dgamma) {
        ck_parallel((j.total + CHUNK - 1) / CHUNK, layer_rows_gradient, &j);
        return;
    }
    memset(dgamma, 0, cotangents * channels * sizeof(float));
    memset(dbeta, 0, cotangents * channels * sizeof(float));
    for (size_t r = 0; r < j.total; r++)
        j.v->layer_norm_row_gradient(x + r % rows * channels, gamma, mean[r % rows], rstd[r % rows], dy + r * channels,
                                     dx + r * channels, dgamma + r / rows * channels, dbeta + r / rows * channels, channels);
}
