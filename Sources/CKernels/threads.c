/* A small team of threads. Between kernels it spins for up to about a millisecond before it sleeps. A U-Net pass is
 * hundreds of short parallel loops, and waking a sleeping thread costs more than many of them, above all on a virtual
 * machine whose core has halted. (With much shorter spinning, waking took a fifth of a pass.) */
#include "threads.h"
#include "CKernels.h"
#include "path.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define TEAM_MAX 256
#define SPINS 50000

static pthread_mutex_t team_lock = PTHREAD_MUTEX_INITIALIZER; /* the caller whose loop the team runs holds it */
static pthread_mutex_t sleep_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;

static atomic_int wanted_threads = 1;
static int helpers; /* threads started so far; guarded by team_lock */

/* One loop. `generation` is odd while helpers may join it. */
static struct {
    void (*body)(void *, size_t);
    void *context;
    size_t count;
    const ck_path *path;
    int seats; /* how many helpers may take part */
} loop;
static atomic_ulong generation;
static atomic_size_t next_index;
static atomic_int seats_taken, helpers_inside;

static _Thread_local int inside_loop;

static inline void pause_briefly(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void run_share(void) {
    inside_loop = 1;
    const ck_path *own = ck_path_current();
    ck_path_adopt(loop.path);
    for (;;) {
        size_t i = atomic_fetch_add_explicit(&next_index, 1, memory_order_relaxed);
        if (i >= loop.count) break;
        loop.body(loop.context, i);
    }
    ck_path_adopt(own);
    inside_loop = 0;
}

static void *helper_main(void *unused) {
    (void)unused;
    unsigned long seen = 0;
    for (;;) {
        unsigned long now = atomic_load_explicit(&generation, memory_order_acquire);
        for (int spin = 0; (now == seen || !(now & 1)) && spin < SPINS; spin++) {
            pause_briefly();
            now = atomic_load_explicit(&generation, memory_order_acquire);
        }
        if (now == seen || !(now & 1)) {
            pthread_mutex_lock(&sleep_lock);
            while ((now = atomic_load(&generation)) == seen || !(now & 1)) pthread_cond_wait(&wake, &sleep_lock);
            pthread_mutex_unlock(&sleep_lock);
        }
        seen = now;
        /* Enter first, then check whether the loop is still open: the caller closes it, then waits for all inside. */
        atomic_fetch_add(&helpers_inside, 1);
        if (atomic_load(&generation) == now && atomic_fetch_add(&seats_taken, 1) < loop.seats) run_share();
        atomic_fetch_sub(&helpers_inside, 1);
    }
    return NULL;
}

static void start_helpers(int wanted) {
    while (helpers < wanted) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, helper_main, NULL) != 0) return; /* fewer threads, same result */
        pthread_detach(thread);
        helpers++;
    }
}

void ck_parallel(size_t count, void (*body)(void *, size_t), void *context) {
    int threads = atomic_load_explicit(&wanted_threads, memory_order_relaxed);
    if (count < 2 || threads < 2 || inside_loop || pthread_mutex_trylock(&team_lock) != 0) {
        for (size_t i = 0; i < count; i++) body(context, i);
        return;
    }
    start_helpers(threads - 1);
    loop.body = body;
    loop.context = context;
    loop.count = count;
    loop.path = ck_path_current();
    loop.seats = threads - 1;
    atomic_store(&next_index, 0);
    atomic_store(&seats_taken, 0);
    pthread_mutex_lock(&sleep_lock); /* so that no helper falls asleep between its check and its wait */
    atomic_fetch_add(&generation, 1);
    pthread_cond_broadcast(&wake);
    pthread_mutex_unlock(&sleep_lock);
    run_share();
    atomic_fetch_add(&generation, 1);
    for (int spin = 0; atomic_load(&helpers_inside) != 0; spin++) {
        if (spin < SPINS) pause_briefly();
        else sched_yield(); /* a helper lost its core to another process */
    }
    pthread_mutex_unlock(&team_lock);
}

void ck_set_threads(int count) {
    atomic_store(&wanted_threads, count < 1 ? 1 : count > TEAM_MAX ? TEAM_MAX : count);
}

int ck_threads(void) { return atomic_load(&wanted_threads); }
