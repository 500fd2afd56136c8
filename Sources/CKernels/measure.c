/* The work done so far and the CPU's peak, for benchmarks. */
#include "measure.h"
#include "path.h"
#include "threads.h"
#include <stdatomic.h>
#include <time.h>

static _Atomic double work;

void ck_count_work(double operations) {
    double before = atomic_load_explicit(&work, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&work, &before, before + operations, memory_order_relaxed,
                                                  memory_order_relaxed)) {
    }
}

double ck_work_done(void) { return atomic_load(&work); }

#define PIECE 20000000

static void peak_piece(void *context, size_t index) {
    float *kept = context;
    const ck_path *path = ck_path_current();
    kept[index] = path->bf16 ? path->bf16->multiply_add(PIECE) : path->tile->multiply_add(PIECE);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double ck_measure_peak(void) {
    float kept[256];
    size_t threads = (size_t)ck_threads();
    const ck_path *path = ck_path_current();
    double best = 0, lanes = path->bf16 ? 32 : path->tile->lanes;
    for (int run = 0; run < 4; run++) {
        double start = now();
        ck_parallel(threads, peak_piece, kept);
        double rate = 12.0 * lanes * PIECE * (double)threads / (now() - start);
        best = rate > best ? rate : best;
    }
    return best;
}
