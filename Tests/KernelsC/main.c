/* Runs every test on every vector path of this CPU, and in bf16 where it computes in that, with one thread and with three:
 * the bytes must be the same. With --without-bf16: only what is tested where bf16 is refused, as it must be then. */
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

/* Notes a result and its error. */
static void note(const char *what, const float *found, size_t count, double error, double bound) {
    checks++;
    if (!(error < bound)) {
        failures++;
        printf("FAILED %s, %d threads: %s: error %.3g, bound %.3g\n", path, ck_threads(), what, error, bound);
    } else if (error / bound > worst) {
        worst = error / bound;
    }
    if (ck_threads() == 1) digests[recorded++] = digest(found, count);
    else check("the same bytes as with one thread", digests[known++] == digest(found, count));
    if (recorded == sizeof digests / sizeof *digests) abort();
}

void check_close(const char *what, const float *x, const float *y, size_t count, double bound) {
    double difference = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
        size += (double)y[i] * y[i];
    }
    note(what, x, count, sqrt(size > 0 ? difference / size : difference), bound);
}

static double nearest_bf16(double x) {
    if (x == 0) return 0;
    double unit = ldexp(1, ilogb(x) - 7); /* bf16 has eight bits */
    return nearbyint(x / unit) * unit;
}

factor as_factor(double x, double spread) {
    if (ck_current_precision() == CK_COMPUTE_F32) return (factor){x, 0};
    double value = nearest_bf16(x);
    if (spread == 0) return (factor){value, 0};
    return (factor){value, fmax(fabs(nearest_bf16(x + spread) - value), fabs(nearest_bf16(x - spread) - value))};
}

sums make_sums(size_t count) {
    sums s = {calloc(count + 1, sizeof(double)), calloc(count + 1, sizeof(double)), count};
    if (!s.value || !s.doubt) abort();
    return s;
}

void add_product(sums s, size_t at, factor a, double b) {
    s.value[at] += a.value * b;
    s.doubt[at] += a.doubt * fabs(b);
}

void free_sums(sums s) { free(s.value), free(s.doubt); }

void check_sums(const char *what, const float *found, sums expected, double bound) {
    double difference = 0, size = 0, doubt = 0;
    for (size_t i = 0; i < expected.count; i++) {
        double error = fabs(found[i] - expected.value[i]);
        if (error <= expected.doubt[i]) error = 0;
        else error -= expected.doubt[i];
        difference += error * error;
        size += expected.value[i] * expected.value[i];
        doubt += expected.doubt[i] * expected.doubt[i];
    }
    note(what, found, expected.count, sqrt(size > 0 ? difference / size : difference), bound);
    /* Unrounded factors would give an error of 2e-3. With few values a single one may be large. */
    check("little is in doubt", doubt <= size * 5e-4 * 5e-4 || expected.count < 16);
}

static void test_all(void) {
    test_products();
    test_convolutions();
    test_attention();
    test_norms();
    test_elementwise();
    test_resampling();
    test_halves();
    test_memory();
}

/* Runs tests on the path that was chosen. */
static void run(const char *name, void (*tests)(void)) {
    path = name;
    int before = checks;
    recorded = known = 0;
    worst = 0;
    ck_set_threads(1);
    tests();
    ck_set_threads(3);
    tests();
    check("as many results with three threads", known == recorded);
    printf("%s: %d checks, the largest error at %.0f %% of its bound\n", path, checks - before, 100 * worst);
}

int main(int count, char **arguments) {
    int without_bf16 = count > 1 && strcmp(arguments[1], "--without-bf16") == 0;
    path = path_names[CK_ISA_PORTABLE];
#if !defined(__x86_64__)
    without_bf16 = 1;
    check("only x86-64 has other paths", ck_best_isa() == CK_ISA_PORTABLE && ck_select_isa(CK_ISA_AVX2) == -1);
#endif
    for (ck_isa isa = CK_ISA_PORTABLE; count == 1 && isa <= ck_best_isa(); isa++) {
        path = path_names[isa];
        check("the path can be chosen", ck_select_isa(isa) == 0 && ck_current_isa() == isa);
        check("a path computes in f32", ck_current_precision() == CK_COMPUTE_F32);
        run(path, test_all);
    }
    if (ck_select_precision(CK_COMPUTE_BF16) == 0) {
        check("bf16 is refused", !without_bf16);
        check("bf16 was chosen", ck_current_precision() == CK_COMPUTE_BF16 && ck_current_isa() == CK_ISA_AVX512);
        run("bf16", test_all);
        check("f32 comes back", ck_select_precision(CK_COMPUTE_F32) == 0 && ck_current_precision() == CK_COMPUTE_F32);
    } else {
        check("after bf16 was refused all is f32", ck_current_precision() == CK_COMPUTE_F32 && ck_current_isa() == ck_best_isa());
        run("f32, bf16 refused", test_products);
    }
    printf("%d checks, %d failed\n", checks, failures);
    return failures != 0;
}
