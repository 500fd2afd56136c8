#pragma once
#include <stddef.h>

/* Calls body(context, i) for every i in 0 ..< count, on up to ck_threads() threads. A call from inside a body, or while
 * another caller holds the threads, runs on the calling thread alone. */
void ck_parallel(size_t count, void (*body)(void *context, size_t i), void *context);
