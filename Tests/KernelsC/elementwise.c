#include "check.h"

static double activation(int kind, double x) {
    switch (kind) {
    case CK_SILU: return x / (1 + exp(-x));
    case CK_GELU: return 0.5 * x * (1 + erf(x / sqrt(2)));
    default: return x / (1 + exp(-1.702 * x));
    }
}

static double slope(int kind, double x) { return (activation(kind, x + 1e-5) - activation(kind, x - 1e-5)) / 2e-5; }

/* Longer than a thread's piece, and not a multiple of a vector. */
#define COUNT 20001

static void test_activations(void) {
    float *x = zeros(COUNT), *y = zeros(COUNT), *dy = normal(2 * COUNT, 1), *dx = zeros(2 * COUNT);
    for (int i = 0; i < COUNT; i++) x[i] = (float)(i - COUNT / 2) / 700;
    for (int kind = CK_SILU; kind <= CK_QUICK_GELU; kind++) {
        spoil(y, COUNT), spoil(dx, 2 * COUNT);
        ck_activate((ck_activation)kind, x, y, COUNT);
        ck_activate_gradient((ck_activation)kind, x, dy, dx, COUNT, 2);
        int good = 1, slopes = 1;
        for (int i = 0; i < COUNT; i++) {
            good &= fabs(y[i] - activation(kind, x[i])) <= 2e-6 * fmax(1, fabs(x[i]));
            for (int n = 0; n < 2; n++)
                slopes &= fabs(dx[n * COUNT + i] - dy[n * COUNT + i] * slope(kind, x[i])) <= 4e-6 * fmax(1, fabs(dy[n * COUNT + i]));
        }
        check("activation", good);
        check("activation's gradient", slopes);
    }
    free(x), free(y), free(dy), free(dx);
}

static void test_geglu(size_t rows, size_t width) {
    float *x = normal(2 * rows * width, 1), *y = zeros(rows * width), *dy = normal(2 * rows * width, 2);
    float *dx = zeros(4 * rows * width), *plain = zeros(rows * width), *plain_dx = zeros(4 * rows * width);
    for (size_t n = 0; n < 2 * rows; n++)
        for (size_t i = 0; i < width; i++) {
            double a = x[n % rows * 2 * width + i], g = x[(n % rows * 2 + 1) * width + i], d = dy[n * width + i];
            plain[n % rows * width + i] = (float)(a * activation(CK_GELU, g));
            plain_dx[2 * n * width + i] = (float)(d * activation(CK_GELU, g));
            plain_dx[(2 * n + 1) * width + i] = (float)(d * a * slope(CK_GELU, g));
        }
    spoil(y, rows * width), spoil(dx, 4 * rows * width);
    ck_geglu(x, y, rows, width);
    ck_geglu_gradient(x, dy, dx, rows, width, 2);
    check_close("geglu", y, plain, rows * width, 2e-6);
    check_close("geglu's gradient", dx, plain_dx, 4 * rows * width, 2e-6);
    free(x), free(y), free(dy), free(dx), free(plain), free(plain_dx);
}

static void test_combinations(void) {
    float *x = normal(COUNT, 1), *y = normal(COUNT, 2), *out = zeros(COUNT), *plain = zeros(COUNT);
    for (int i = 0; i < COUNT; i++) plain[i] = (float)(0.3 * x[i] - 1.7 * y[i]);
    ck_linear_combination(0.3f, x, -1.7f, y, out, COUNT);
    check_close("linear combination", out, plain, COUNT, 1e-6);
    memcpy(out, x, COUNT * sizeof *out);
    ck_linear_combination(0.3f, out, -1.7f, y, out, COUNT);
    check_close("linear combination in place", out, plain, COUNT, 1e-6);
    for (int i = 0; i < COUNT; i++) plain[i] = 0.3f * x[i];
    ck_linear_combination(0.3f, x, 5, NULL, out, COUNT);
    check("multiple", memcmp(out, plain, COUNT * sizeof *out) == 0);
    size_t rows = 39, c = 71;
    for (int variant = 1; variant < 4; variant++) {
        const float *scale = variant & 1 ? y : NULL, *shift = variant & 2 ? y + 100 : NULL;
        for (size_t i = 0; i < rows * c; i++)
            plain[i] = (float)((double)x[i] * (scale ? scale[i % c] : 1) + (shift ? shift[i % c] : 0));
        spoil(out, rows * c);
        ck_channel_affine(x, scale, shift, out, rows, c);
        check_close("channel affine", out, plain, rows * c, 1e-6);
    }
    memset(out, 0, COUNT * sizeof *out), memset(plain, 0, COUNT * sizeof *plain);
    for (size_t r = 0; r < 20; r++)
        for (size_t i = 0; i < 13; i++) plain[r * 30 + i] = x[r * 17 + i];
    ck_copy_rows(x, 17, out, 30, 20, 13);
    check("rows are copied, and nothing between them", memcmp(out, plain, COUNT * sizeof *out) == 0);
    free(x), free(y), free(out), free(plain);
}

/* PyTorch's AdamW, three steps of it. */
static void test_adam(void) {
    enum { N = 1003 };
    float *value = normal(N, 1), *first = zeros(N), *second = zeros(N), *plain = zeros(N);
    double v[N], m1[N] = {0}, m2[N] = {0};
    for (int i = 0; i < N; i++) v[i] = value[i];
    for (int step = 1; step <= 3; step++) {
        float *g = normal(N, 10 + (uint64_t)step);
        double correction1 = 1 - pow(0.9, step), root = sqrt(1 - pow(0.999, step)), rate = 0.01;
        for (int i = 0; i < N; i++) {
            v[i] -= rate * 0.1 * v[i];
            m1[i] = 0.9 * m1[i] + 0.1 * g[i];
            m2[i] = 0.999 * m2[i] + 0.001 * g[i] * g[i];
            v[i] -= rate / correction1 * m1[i] / (sqrt(m2[i]) / root + 1e-8);
        }
        ck_adam(value, g, first, second, N, 0.9f, 0.999f, (float)(rate / correction1), (float)root, 1e-8f, (float)(rate * 0.1));
        free(g);
    }
    for (int i = 0; i < N; i++) plain[i] = (float)v[i];
    check_close("adam", value, plain, N, 1e-6);
    for (int i = 0; i < N; i++) plain[i] = (float)m1[i];
    check_close("adam's first moment", first, plain, N, 1e-6);
    for (int i = 0; i < N; i++) plain[i] = (float)m2[i];
    check_close("adam's second moment", second, plain, N, 2e-5); /* 1 - 0.999 in f32 has four digits less */
    free(value), free(first), free(second), free(plain);
}

void test_elementwise(void) {
    test_activations();
    test_geglu(37, 53);
    test_combinations();
    test_adam();
}
