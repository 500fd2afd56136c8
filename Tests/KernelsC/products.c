#include "check.h"

static void plain_gemm(int trans_a, int trans_b, size_t m, size_t n, size_t k, float alpha, const float *a, const float *b,
                       float beta, float *c) {
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t l = 0; l < k; l++) sum += (double)a[trans_a ? l * m + i : i * k + l] * b[trans_b ? j * k + l : l * n + j];
            c[i * n + j] = (float)(alpha * sum + beta * c[i * n + j]);
        }
}

static void test_gemm(size_t m, size_t n, size_t k) {
    float *a = normal(m * k, 1), *b = normal(k * n, 2);
    for (int trans = 0; trans < 4; trans++) {
        float *c = normal(m * n, 3), *expected = normal(m * n, 3);
        int trans_a = trans & 1, trans_b = trans >> 1;
        ck_gemm(trans_a, trans_b, m, n, k, 0.5f, a, trans_a ? m : k, b, trans_b ? k : n, 2, c, n);
        plain_gemm(trans_a, trans_b, m, n, k, 0.5f, a, b, 2, expected);
        check_close("gemm", c, expected, m * n, 1e-6);
        free(c);
        free(expected);
    }
    free(a);
    free(b);
}

/* Weights of every stored type: their bits are random, their values of ordinary size. */
static void test_linear(size_t rows, size_t k, size_t n) {
    float *x = normal(rows * k, 1), *full = normal(k * n, 2), *bias = normal(n, 3);
    float *wide = zeros(k * n), *y = zeros(rows * n), *expected = zeros(rows * n);
    uint16_t *halves = malloc(k * n * sizeof *halves);
    for (ck_element element = CK_F32; element <= CK_BF16; element++) {
        for (size_t i = 0; i < k * n; i++) {
            uint32_t bits;
            memcpy(&bits, full + i, 4);
            halves[i] = element == CK_BF16 ? (uint16_t)(bits >> 16) : (uint16_t)(bits >> 9 & 0xbfff);
        }
        ck_weight weight = {.data = element == CK_F32 ? (const void *)full : halves, .element = element};
        ck_widen_weight(weight, 0, k * n, wide);
        for (int variant = 0; variant < 4; variant++) {
            int transposed = variant & 1;
            const float *added = variant & 2 ? bias : NULL;
            spoil(y, rows * n);
            ck_linear(x, weight, transposed, added, y, rows, k, n);
            for (size_t i = 0; i < rows * n; i++) expected[i] = added ? added[i % n] : 0;
            plain_gemm(0, !transposed, rows, n, k, 1, x, wide, 1, expected);
            check_close("linear", y, expected, rows * n, 1e-6);
        }
    }
    free(x), free(full), free(bias), free(wide), free(y), free(expected), free(halves);
}

/* A LoRA that is added as the weights are packed. */
static void test_lora(size_t rows, size_t k, size_t n, size_t rank) {
    float *x = normal(rows * k, 1), *weight = normal(k * n, 2), *up = normal(n * rank, 3), *down = normal(k * rank, 4);
    float *sum = normal(k * n, 2), *y = zeros(rows * n), *expected = zeros(rows * n);
    plain_gemm(0, 1, n, k, rank, 1, up, down, 1, sum);
    spoil(y, rows * n);
    ck_linear(x, (ck_weight){.data = weight, .element = CK_F32, .up = up, .down = down, .rank = rank}, 0, NULL, y, rows, k, n);
    plain_gemm(0, 1, rows, n, k, 1, x, sum, 0, expected);
    check_close("linear with a LoRA", y, expected, rows * n, 1e-6);
    /* the way back: the weights' rows are the product's depth */
    float *dx = zeros(rows * k), *expected_dx = zeros(rows * k), *dy = normal(rows * n, 5);
    spoil(dx, rows * k);
    ck_linear(dy, (ck_weight){.data = weight, .element = CK_F32, .up = up, .down = down, .rank = rank}, 1, NULL, dx, rows, n, k);
    plain_gemm(0, 0, rows, k, n, 1, dy, sum, 0, expected_dx);
    check_close("linear with a LoRA, pulled back", dx, expected_dx, rows * k, 1e-6);
    free(x), free(weight), free(up), free(down), free(sum), free(y), free(expected), free(dx), free(expected_dx), free(dy);
}

void test_products(void) {
    test_gemm(7, 5, 3);
    test_gemm(129, 67, 71);
    test_gemm(33, 301, 50);
    test_linear(1, 5, 1);
    test_linear(37, 70, 45);
    test_linear(29, 701, 33);
    test_linear(131, 64, 259);
    test_lora(37, 70, 45, 5);
    test_lora(29, 701, 33, 16);
    double before = ck_work_done();
    test_linear(2, 3, 4);
    check("work is counted", ck_work_done() - before == 12 * 2.0 * 2 * 3 * 4);
}
