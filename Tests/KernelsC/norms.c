#include "check.h"

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* Group norm and its pull-back as the formulas have them: with u = gamma*xhat + beta and g = dL/du,
 * dx = rstd (gamma g - mean(gamma g) - xhat mean(gamma g xhat)), means over the group. Layer norm is the same with one
 * row as a sample and all channels as its group. */
static void plain_norm(const ck_group_norm *p, const float *x, const float *gamma, const float *beta, const float *dy,
                       size_t cotangents, float *y, float *mean, float *rstd, float *dx, float *dgamma, float *dbeta) {
    size_t c = p->channels, width = c / p->groups, count = width * p->pixels;
    double *to_gamma = calloc(2 * cotangents * c, sizeof *to_gamma), *to_beta = to_gamma + cotangents * c;
    for (size_t n = 0; n < cotangents * p->samples; n++)
        for (size_t g = 0; g < p->groups; g++) {
            size_t sample = n % p->samples;
            double m = 0, variance = 0, s1 = 0, s2 = 0;
#define EACH for (size_t i = 0; i < count; i++)
#define CHANNEL (g * width + i % width)
#define AT ((sample * p->pixels + i / width) * c + CHANNEL)
#define ROW ((n * p->pixels + i / width) * c + CHANNEL)
            EACH m += x[AT] / (double)count;
            EACH variance += (x[AT] - m) * (x[AT] - m) / (double)count;
            double r = 1 / sqrt(variance + p->epsilon);
            mean[sample * p->groups + g] = (float)m;
            rstd[sample * p->groups + g] = (float)r;
            for (int pass = 0; pass < 2; pass++)
                EACH {
                    double xhat = (x[AT] - m) * r, u = gamma[CHANNEL] * xhat + beta[CHANNEL], s = sigmoid(u);
                    double slope = dy[ROW] * (p->silu ? s * (1 + u * (1 - s)) : 1), scaled = gamma[CHANNEL] * slope;
                    y[AT] = (float)(p->silu ? u * s : u);
                    if (pass == 1) {
                        dx[ROW] = (float)(r * (scaled - s1 - xhat * s2));
                        continue;
                    }
                    s1 += scaled / (double)count;
                    s2 += scaled * xhat / (double)count;
                    to_gamma[n / p->samples * c + CHANNEL] += slope * xhat;
                    to_beta[n / p->samples * c + CHANNEL] += slope;
                }
        }
    for (size_t i = 0; i < cotangents * c; i++) {
        dgamma[i] = (float)to_gamma[i];
        dbeta[i] = (float)to_beta[i];
    }
    free(to_gamma);
}

/* The results and the expected values. */
typedef struct {
    float *x, *gamma, *beta, *dy, *y[2], *mean[2], *rstd[2], *dx[2], *dgamma[2], *dbeta[2];
    size_t count, groups, cotangents, channels;
} values;

static values make(size_t samples, size_t pixels, size_t channels, size_t groups, size_t cotangents) {
    values v = {.count = samples * pixels * channels, .groups = samples * groups, .cotangents = cotangents, .channels = channels};
    v.x = normal(v.count, 1), v.gamma = normal(channels, 2), v.beta = normal(channels, 3), v.dy = normal(cotangents * v.count, 4);
    for (size_t i = 0; i < v.count; i++) v.x[i] = 2 * v.x[i] + 3;
    for (int n = 0; n < 2; n++) {
        v.y[n] = zeros(v.count), v.mean[n] = zeros(v.groups), v.rstd[n] = zeros(v.groups), v.dx[n] = zeros(cotangents * v.count);
        v.dgamma[n] = zeros(cotangents * channels), v.dbeta[n] = zeros(cotangents * channels);
    }
    spoil(v.y[0], v.count), spoil(v.mean[0], v.groups), spoil(v.rstd[0], v.groups), spoil(v.dx[0], cotangents * v.count);
    spoil(v.dgamma[0], cotangents * channels), spoil(v.dbeta[0], cotangents * channels);
    return v;
}

static void compare(const values *v) {
    check_close("norm", v->y[0], v->y[1], v->count, 2e-6);
    check_close("norm's means", v->mean[0], v->mean[1], v->groups, 1e-6);
    check_close("norm's deviations", v->rstd[0], v->rstd[1], v->groups, 1e-6);
    check_close("norm's gradient", v->dx[0], v->dx[1], v->cotangents * v->count, 2e-6);
    check_close("norm's gradient to gamma", v->dgamma[0], v->dgamma[1], v->cotangents * v->channels, 2e-6);
    check_close("norm's gradient to beta", v->dbeta[0], v->dbeta[1], v->cotangents * v->channels, 2e-6);
}

static void finish(values *v) {
    free(v->x), free(v->gamma), free(v->beta), free(v->dy);
    for (int n = 0; n < 2; n++)
        free(v->y[n]), free(v->mean[n]), free(v->rstd[n]), free(v->dx[n]), free(v->dgamma[n]), free(v->dbeta[n]);
}

static void test_group_norm(ck_group_norm p, size_t cotangents) {
    values v = make(p.samples, p.pixels, p.channels, p.groups, cotangents);
    plain_norm(&p, v.x, v.gamma, v.beta, v.dy, cotangents, v.y[1], v.mean[1], v.rstd[1], v.dx[1], v.dgamma[1], v.dbeta[1]);
    ck_group_norm_forward(&p, v.x, v.gamma, v.beta, v.y[0], v.mean[0], v.rstd[0]);
    ck_group_norm_gradient(&p, v.x, v.gamma, v.beta, v.mean[0], v.rstd[0], v.dy, cotangents, v.dx[0], v.dgamma[0], v.dbeta[0]);
    compare(&v);
    spoil(v.dx[0], cotangents * v.count);
    ck_group_norm_gradient(&p, v.x, v.gamma, v.beta, v.mean[0], v.rstd[0], v.dy, cotangents, v.dx[0], NULL, NULL);
    check_close("norm's gradient alone", v.dx[0], v.dx[1], cotangents * v.count, 2e-6);
    finish(&v);
}

static void test_layer_norm(size_t rows, size_t channels, size_t cotangents) {
    ck_group_norm p = {rows, 1, channels, 1, 1e-5f, 0};
    values v = make(rows, 1, channels, 1, cotangents);
    plain_norm(&p, v.x, v.gamma, v.beta, v.dy, cotangents, v.y[1], v.mean[1], v.rstd[1], v.dx[1], v.dgamma[1], v.dbeta[1]);
    ck_layer_norm_forward(v.x, v.gamma, v.beta, 1e-5f, v.y[0], v.mean[0], v.rstd[0], rows, channels);
    ck_layer_norm_gradient(v.x, v.gamma, v.mean[0], v.rstd[0], v.dy, cotangents, v.dx[0], v.dgamma[0], v.dbeta[0], rows, channels);
    compare(&v);
    spoil(v.dx[0], cotangents * v.count);
    ck_layer_norm_gradient(v.x, v.gamma, v.mean[0], v.rstd[0], v.dy, cotangents, v.dx[0], NULL, NULL, rows, channels);
    check_close("norm's gradient alone", v.dx[0], v.dx[1], cotangents * v.count, 2e-6);
    finish(&v);
}

void test_norms(void) {
    for (int silu = 0; silu < 2; silu++) {
        test_group_norm((ck_group_norm){2, 291, 30, 5, 1e-5f, silu}, 2);
        test_group_norm((ck_group_norm){1, 128, 8, 8, 1e-6f, silu}, 1);
        test_group_norm((ck_group_norm){3, 7, 66, 1, 1e-5f, silu}, 2);
    }
    test_layer_norm(133, 77, 2);
    test_layer_norm(3, 768, 1);
}
