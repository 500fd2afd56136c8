/* Memory of tensors. malloc serves small ones. Each large one has a mapping of its own, so that freeing it returns its pages
 * to the system. The kernel must clear fresh pages, which costs more than many kernels here, and a network's levels need the
 * same sizes again and again. So freed memory waits for the next tensor of its size, as long as used and waiting memory
 * together stay below the peak of used memory: waiting memory never raises the peak. */
#define _GNU_SOURCE
#include "CKernels.h"
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#define LARGE ((size_t)1 << 20)
#define HUGE_PAGE ((size_t)2 << 20)
#define KEPT_BLOCKS 256
#define SMALL_PEAK ((size_t)256 << 20) /* below it, keep everything */

static struct {
    pthread_mutex_t lock;
    struct { void *base; size_t size; } blocks[KEPT_BLOCKS]; /* kept, oldest first */
    size_t count, kept, used, peak;                          /* all in bytes except count; peak is that of used */
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .peak = SMALL_PEAK};

static size_t mapped_size(size_t bytes) { return (bytes + 65535) & ~(size_t)65535; }

static void *take(size_t i) {
    void *base = pool.blocks[i].base;
    pool.kept -= pool.blocks[i].size;
    for (pool.count--; i < pool.count; i++) pool.blocks[i] = pool.blocks[i + 1];
    return base;
}

static void unmap_oldest(void) {
    size_t size = pool.blocks[0].size;
    munmap(take(0), size);
}

static void *map(size_t size) {
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) return NULL;
    if (size >= 2 * HUGE_PAGE) madvise(base, size, MADV_HUGEPAGE);
    return base;
}

void *ck_allocate(size_t bytes) {
    if (bytes < LARGE) return aligned_alloc(64, (bytes + 64) & ~(size_t)63);
    size_t size = mapped_size(bytes);
    void *base = NULL;
    pthread_mutex_lock(&pool.lock);
    for (size_t i = pool.count; i-- > 0 && !base;)
        if (pool.blocks[i].size == size) base = take(i);
    pool.used += size;
    if (pool.used > pool.peak) pool.peak = pool.used;
    while (pool.count && pool.used + pool.kept > pool.peak) unmap_oldest();
    pthread_mutex_unlock(&pool.lock);
    return base ? base : map(size);
}

void ck_release(void *base, size_t bytes) {
    if (bytes < LARGE) {
        free(base);
        return;
    }
    size_t size = mapped_size(bytes);
    pthread_mutex_lock(&pool.lock);
    if (pool.count == KEPT_BLOCKS) unmap_oldest();
    pool.blocks[pool.count].base = base;
    pool.blocks[pool.count++].size = size;
    pool.used -= size;
    pool.kept += size;
    pthread_mutex_unlock(&pool.lock);
}

void ck_trim_memory(void) {
    pthread_mutex_lock(&pool.lock);
    while (pool.count) unmap_oldest();
    pthread_mutex_unlock(&pool.lock);
}
