/* Runs every test on every vector path of this CPU, with one thread and with three: the bytes must be the same. */
#include "check.h"
#include <stdio.h>

static const char *path_names[] = {"portable", "avx2", "avx512"};
static const char *path;
static int checks, failures, recorded, known;
static double worst;
/* Digests of all results with one thread, to compare those with three. */
static uint64_t digests[4096];

static uint64_t digest(const float *x, size_t count) {
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, 4);
        hash = (hash ^ bits) * 1099511628211u;
    }
    return hash;
}

float *zeros(size_t count) {
    float *x = calloc(count + 1, sizeof(float));
    if (!x) abort();
    return x;
}

float *normal(size_t count, uint64_t seed) {
    float *x = zeros(count);
    uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    for (size_t i = 0; i < count; i++) {
        double sum = -6; /* of twelve uniform values: integers and exact sums, so no library's logarithm shows */
        for (int n = 0; n < 12; n++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            sum += (double)(state >> 40) * 0x1p-24;
        }
        x[i] = (float)sum;
    }
    return x;
}

void spoil(float *x, size_t count) {
    for (size_t i = 0; i < count; i++) x[i] = NAN;
}

void check(const char *what, int holds) {
    checks++;
    if (holds) return;
    failures++;
    printf("FAILED %s, %d threads: %s\n", path, ck_threads(), what);
}

void check_close(const char *what, const float *x, const float *y, size_t count, double bound) {
    double difference = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
        size += (double)y[i] * y[i];
    }
    double error = sqrt(size > 0 ? difference / size : difference);
    checks++;
    if (!(error < bound)) {
        failures++;
        printf("FAILED %s, %d threads: %s: error %.3g, bound %.3g\n", path, ck_threads(), what, error, bound);
    } else if (error / bound > worst) {
        worst = error / bound;
    }
    if (ck_threads() == 1) digests[recorded++] = digest(x, count);
    else check("the same bytes as with one thread", digests[known++] == digest(x, count));
    if (recorded == sizeof digests / sizeof *digests) abort();
}

static void run_all(int threads) {
    ck_set_threads(threads);
    test_products();
    test_convolutions();
    test_attention();
    test_norms();
    test_elementwise();
    test_resampling();
    test_halves();
    test_memory();
}

int main(void) {
#if !defined(__x86_64__)
    path = path_names[CK_ISA_PORTABLE];
    check("only x86-64 has other paths", ck_best_isa() == CK_ISA_PORTABLE && ck_select_isa(CK_ISA_AVX2) == -1);
    check("bf16 is refused", ck_select_precision(CK_COMPUTE_BF16) == -1);
#endif
    for (ck_isa isa = CK_ISA_PORTABLE; isa <= ck_best_isa(); isa++) {
        path = path_names[isa];
        int before = checks;
        recorded = known = 0;
        worst = 0;
        check("the path can be chosen", ck_select_isa(isa) == 0 && ck_current_isa() == isa);
        run_all(1);
        run_all(3);
        check("as many results with three threads", known == recorded);
        printf("%s: %d checks, the largest error at %.0f %% of its bound\n", path, checks - before, 100 * worst);
    }
    printf("%d checks, %d failed\n", checks, failures);
    return failures != 0;
}
