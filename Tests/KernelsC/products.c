#include "check.h"

static void plain_gemm(int transposed_a, int transposed_b, size_t m, size_t n, size_t k, float alpha, const float *a, const float *b,
                       float beta, float *c) {
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t l = 0; l < k; l++) sum += (double)a[transposed_a ? l * m + i : i * k + l] * b[transposed_b ? j * k + l : l * n + j];
            c[i * n + j] = (float)(alpha * sum + beta * c[i * n + j]);
        }
}

static void test_gemm(size_t m, size_t n, size_t k) {
    float *a = normal(m * k, 1), *b = normal(k * n, 2);
    for (int trans = 0; trans < 4; trans++) {
        float *c = normal(m * n, 3), *expected = normal(m * n, 3);
        int transposed_a = trans & 1, transposed_b = trans >> 1;
        ck_gemm(transposed_a, transposed_b, m, n, k, 0.5f, a, transposed_a ? m : k, b, transposed_b ? k : n, 2, c, n);
        plain_gemm(transposed_a, transposed_b, m, n, k, 0.5f, a, b, 2, expected);
        check_close("gemm", c, expected, m * n, 1e-6);
        free(c);
        free(expected);
    }
    free(a);
    free(b);
}

/* y = x W + bias, with W a matrix of stored weights and, where there is one, a LoRA, added in f32 before W is rounded. */
static void plain_linear(const float *x, const float *stored, ck_weight weight, int transposed, const float *bias, sums y,
                         size_t rows, size_t k, size_t n) {
    for (size_t i = 0; i < rows * n; i++) {
        y.value[i] = bias ? bias[i % n] : 0;
        y.doubt[i] = 0;
    }
    for (size_t j = 0; j < n; j++)
        for (size_t l = 0; l < k; l++) {
            size_t row = transposed ? l : j, column = transposed ? j : l;
            double sum = stored[row * (transposed ? n : k) + column], size = fabs(sum);
            for (size_t r = 0; r < weight.rank; r++) {
                double product = (double)weight.up[row * weight.rank + r] * weight.down[column * weight.rank + r];
                sum += product;
                size += fabs(product);
            }
            factor w = as_factor(sum, (double)weight.rank * 0x1p-23 * size);
            for (size_t i = 0; i < rows; i++) add_product(y, i * n + j, w, as_factor(x[i * k + l], 0).value);
        }
}

/* Weights of every stored type: their bits are random, their values of ordinary size. A rank of 0: no LoRA. */
static void test_linear(size_t rows, size_t k, size_t n, size_t rank) {
    size_t larger = k > n ? k : n;
    float *x = normal(rows * k, 1), *full = normal(k * n, 2), *bias = normal(n, 3), *wide = zeros(k * n), *y = zeros(rows * n);
    float *up = normal(larger * rank, 4), *down = normal(larger * rank, 5);
    sums expected = make_sums(rows * n);
    uint16_t *halves = malloc(k * n * sizeof *halves);
    for (ck_element element = CK_F32; element <= CK_BF16; element++) {
        for (size_t i = 0; i < k * n; i++) {
            uint32_t bits;
            memcpy(&bits, full + i, 4);
            halves[i] = element == CK_BF16 ? (uint16_t)(bits >> 16) : (uint16_t)(bits >> 9 & 0xbfff);
        }
        ck_weight weight = {.data = element == CK_F32 ? (const void *)full : halves, .element = element};
        if (rank) weight.up = up, weight.down = down, weight.rank = rank;
        ck_widen_weight(weight, 0, k * n, wide);
        for (int variant = 0; variant < 4; variant++) {
            int transposed = variant & 1;
            const float *added = variant & 2 ? bias : NULL;
            spoil(y, rows * n);
            ck_linear(x, weight, transposed, added, y, rows, k, n);
            plain_linear(x, wide, weight, transposed, added, expected, rows, k, n);
            check_sums(rank ? "linear with a LoRA" : "linear", y, expected, 1e-6);
        }
    }
    free(x), free(full), free(bias), free(wide), free(y), free(up), free(down), free(halves), free_sums(expected);
}

void test_products(void) {
    test_gemm(7, 5, 3);
    test_gemm(129, 67, 71);
    test_gemm(33, 301, 50);
    test_linear(1, 5, 1, 0);
    test_linear(37, 70, 45, 0);
    test_linear(29, 701, 33, 0);
    test_linear(131, 64, 259, 0);
    test_linear(37, 70, 45, 5);
    test_linear(29, 701, 33, 16);
    test_linear(3, 17, 1, 1);
    double before = ck_work_done();
    test_linear(2, 3, 4, 0);
    check("work is counted", ck_work_done() - before == 12 * 2.0 * 2 * 3 * 4);
}
