/* Elementwise loops, cut into pieces for the threads. */
#include "CKernels.h"
#include "threads.h"
#include "vector.h"
#include <string.h>

#define PIECE 16384 /* floats */

typedef struct {
    const float *x, *y, *extra;
    float *out;
    float a, b;
    size_t count, saved, width;
    int kind;
    const ck_vector *v;
} piece_job;

static size_t piece(const piece_job *j, size_t i, size_t *first) {
    *first = i * PIECE;
    return j->count - *first < PIECE ? j->count - *first : PIECE;
}

static size_t pieces(size_t count) { return (count + PIECE - 1) / PIECE; }

static void activate_piece(void *context, size_t i) {
    const piece_job *j = context;
    size_t first, n = piece(j, i, &first);
    j->v->activate(j->kind, j->x + first, j->out + first, n);
}

void ck_activate(ck_activation kind, const float *x, float *y, size_t count) {
    piece_job j = {.x = x, .out = y, .count = count, .kind = kind, .v = ck_vector_current()};
    ck_parallel(pieces(count), activate_piece, &j);
}

static void activate_gradient_piece(void *context, size_t i) {
    const piece_job *j = context;
    size_t per = pieces(j->count), first, n = piece(j, i % per, &first), at = i / per * j->count + first;
    j->v->activate_gradient(j->kind, j->x + first, j->y + at, j->out + at, n);
}

void ck_activate_gradient(ck_activation kind, const float *x, const float *dy, float *dx, size_t count,
                          size_t cotangents) {
    piece_job j = {.x = x, .y = dy, .out = dx, .count = count, .kind = kind, .v = ck_vector_current()};
    ck_parallel(pieces(count) * cotangents, activate_gradient_piece, &j);
}

static void geglu_row(void *context, size_t r) {
    const piece_job *j = context;
    size_t w = j->width;
    j->v->geglu(j->x + 2 * r * w, j->x + (2 * r + 1) * w, j->out + r * w, w);
}

void ck_geglu(const float *x, float *y, size_t rows, size_t width) {
    piece_job j = {.x = x, .out = y, .width = width, .v = ck_vector_current()};
    ck_parallel(rows, geglu_row, &j);
}

static void geglu_gradient_row(void *context, size_t r) {
    const piece_job *j = context;
    size_t w = j->width, s = r % j->saved;
    j->v->geglu_gradient(j->x + 2 * s * w, j->x + (2 * s + 1) * w, j->y + r * w, j->out + 2 * r * w,
                         j->out + (2 * r + 1) * w, w);
}

void ck_geglu_gradient(const float *x, const float *dy, float *dx, size_t rows, size_t width, size_t cotangents) {
    piece_job j = {.x = x, .y = dy, .out = dx, .saved = rows, .width = width, .v = ck_vector_current()};
    ck_parallel(rows * cotangents, geglu_gradient_row, &j);
}

static void combine_piece(void *context, size_t i) {
    const piece_job *j = context;
    size_t first, n = piece(j, i, &first);
    j->v->linear_combination(j->a, j->x + first, j->b, j->y ? j->y + first : NULL, j->out + first, n);
}

void ck_linear_combination(float a, const float *x, float b, const float *y, float *out, size_t count) {
    piece_job j = {.x = x, .y = y, .out = out, .a = a, .b = b, .count = count, .v = ck_vector_current()};
    ck_parallel(pieces(count), combine_piece, &j);
}

void ck_channel_affine(const float *x, const float *scale, const float *shift, float *y, size_t rows,
                       size_t channels) {
    ck_vector_current()->channel_affine(x, scale, shift, y, rows, channels);
}

void ck_copy_rows(const float *from, size_t from_stride, float *to, size_t to_stride, size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++) memcpy(to + r * to_stride, from + r * from_stride, width * sizeof(float));
}

void ck_adam(float *value, const float *gradient, float *first, float *second, size_t count, float beta1,
             float beta2, float step_size, float correction2_root, float epsilon, float decay) {
    ck_vector_current()->adam(value, gradient, first, second, count, beta1, beta2, step_size, correction2_root,
                              epsilon, decay);
}
