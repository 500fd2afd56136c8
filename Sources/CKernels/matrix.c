/* Matrix products through OpenBLAS, in blocks of our own, so that results do not depend on the thread count. */
#include "CKernels.h"
#include "threads.h"
#include <cblas.h>
#include <pthread.h>

extern void openblas_set_num_threads(int);

static void one_blas_thread(void) { openblas_set_num_threads(1); }

static void multiply_block(int transposed_a, int transposed_b, size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda,
                     const float *b, size_t ldb, float beta, float *c, size_t ldc) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, one_blas_thread);
    cblas_sgemm(CblasRowMajor, transposed_a ? CblasTrans : CblasNoTrans, transposed_b ? CblasTrans : CblasNoTrans, (blasint)m,
                (blasint)n, (blasint)k, alpha, a, (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
}

typedef struct {
    int transposed_a, transposed_b;
    size_t m, n, k, lda, ldb, ldc, rows, columns, blocks_down;
    float alpha, beta;
    const float *a, *b;
    float *c;
} gemm_job;

static void gemm_block(void *context, size_t i) {
    const gemm_job *j = context;
    size_t row = i % j->blocks_down * j->rows, column = i / j->blocks_down * j->columns;
    size_t m = j->m - row < j->rows ? j->m - row : j->rows;
    size_t n = j->n - column < j->columns ? j->n - column : j->columns;
    const float *a = j->a + (j->transposed_a ? row : row * j->lda);
    const float *b = j->b + (j->transposed_b ? column * j->ldb : column);
    multiply_block(j->transposed_a, j->transposed_b, m, n, j->k, j->alpha, a, j->lda, b, j->ldb, j->beta,
                    j->c + row * j->ldc + column, j->ldc);
}

/* Large enough blocks for BLAS to pack well, small enough for threads to share evenly. */
void ck_gemm(int transposed_a, int transposed_b, size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda,
             const float *b, size_t ldb, float beta, float *c, size_t ldc) {
    if (m == 0 || n == 0) return;
    gemm_job job = {transposed_a, transposed_b, m, n, k, lda, ldb, ldc, m, n, 1, alpha, beta, a, b, c};
    if (m * n * k > 1u << 18) {
        job.rows = m >= 4096 ? 512 : m >= 128 ? (m / 4 + 15) / 16 * 16 : m;
        if (m < 128 && n >= 256) job.columns = (n / 4 + 15) / 16 * 16;
    }
    job.blocks_down = (m + job.rows - 1) / job.rows;
    ck_parallel(job.blocks_down * ((n + job.columns - 1) / job.columns), gemm_block, &job);
}
