#include "check.h"

/* The algorithms. Winograd's transforms cost a few bits; it takes at least 3,072 pixels of 64 channels, fewer of 256:
 * 500 in f32 and 2,000 beside products in bf16. It stays f32 always. */
typedef enum { DIRECT, WINOGRAD, WINOGRAD_IN_F32 } way;

typedef struct {
    size_t samples, height, width, in, out, kernel, stride, pad, dilation_in;
    way way;
} shape;

static const shape shapes[] = {
    {2, 19, 12, 19, 33, 1, 1, 0, 1, DIRECT},
    {2, 19, 12, 19, 33, 3, 1, 1, 1, DIRECT},
    {2, 19, 12, 19, 33, 3, 2, 1, 1, DIRECT},
    {1, 20, 12, 19, 33, 4, 4, 0, 1, DIRECT},
    {1, 9, 13, 700, 70, 1, 1, 0, 1, DIRECT},
    {3, 5, 4, 130, 50, 3, 1, 1, 1, DIRECT},
    {1, 32, 48, 3, 20, 16, 16, 0, 1, DIRECT},
    {2, 9, 7, 21, 18, 3, 1, 1, 2, DIRECT}, /* the pull-back of a stride of two */
    {1, 57, 55, 64, 80, 3, 1, 1, 1, WINOGRAD},
    {2, 40, 41, 80, 64, 3, 1, 1, 1, WINOGRAD},
    {1, 23, 22, 256, 272, 3, 1, 1, 1, WINOGRAD_IN_F32},
};

static ck_convolution convolution(const shape *s, int transposed) {
    size_t height = (s->height - 1) * s->dilation_in + 1, width = (s->width - 1) * s->dilation_in + 1;
    return (ck_convolution){.samples = s->samples, .height = s->height, .width = s->width, .channels_in = s->in,
                            .out_height = (height + 2 * s->pad - s->kernel) / s->stride + 1,
                            .out_width = (width + 2 * s->pad - s->kernel) / s->stride + 1, .channels_out = s->out,
                            .kernel_height = s->kernel, .kernel_width = s->kernel, .stride = s->stride,
                            .dilation_in = s->dilation_in, .pad_top = (ptrdiff_t)s->pad, .pad_left = (ptrdiff_t)s->pad,
                            .transposed = transposed};
}

static int is_direct(const shape *s) {
    return s->way == DIRECT || (s->way == WINOGRAD_IN_F32 && ck_current_precision() == CK_COMPUTE_BF16);
}

static double bound(const shape *s) { return is_direct(s) ? 1e-6 : 4e-6; }

/* x as the convolution takes it for a factor. */
static float *factors(const shape *s, const float *x, size_t count) {
    float *y = zeros(count);
    for (size_t i = 0; i < count; i++) y[i] = is_direct(s) ? (float)as_factor(x[i], 0).value : x[i];
    return y;
}

static void test_forward(const shape *s) {
    size_t inputs = s->samples * s->height * s->width * s->in, weights = s->kernel * s->kernel * s->in * s->out;
    float *x = normal(inputs, 1), *weight = normal(weights, 2), *bias = normal(s->samples * s->out, 3);
    float *plain_x = factors(s, x, inputs), *plain_weight = factors(s, weight, weights);
    int is_large = s->way == WINOGRAD_IN_F32; /* the plain version is slow: only the largest cases */
    for (int variant = is_large ? 2 : 0; variant < 6; variant += is_large ? 3 : 1) {
        int per_sample = variant % 3 == 2;
        const float *added = variant % 3 ? bias : NULL;
        ck_convolution p = convolution(s, variant / 3);
        size_t count = p.samples * p.out_height * p.out_width * p.channels_out;
        float *y = zeros(count), *expected = zeros(count);
        spoil(y, count);
        ck_convolve(&p, x, (ck_weight){.data = weight, .element = CK_F32}, added, per_sample, y);
        ck_convolve_reference(&p, plain_x, plain_weight, added, per_sample, expected);
        check_close("convolution", y, expected, count, bound(s));
        free(y);
        free(expected);
    }
    free(x), free(weight), free(bias), free(plain_x), free(plain_weight);
}

/* The pull-backs to the input and to the weights, by definition: <dy, convolve(x)> has the derivatives
 * sum of dy * weight and sum of dy * x, over all places where an input, a weight and an output meet. */
static void test_gradients(const shape *s) {
    ck_convolution p = convolution(s, 0);
    size_t taps = s->kernel * s->kernel, inputs = s->samples * s->height * s->width * s->in;
    size_t outputs = s->samples * p.out_height * p.out_width * s->out, weights = taps * s->in * s->out;
    float *x = normal(inputs, 1), *weight = normal(weights, 2), *dy = normal(outputs, 3);
    float *plain_weight = factors(s, weight, weights), *plain_dy = factors(s, dy, outputs); /* of dx; dweight is f32 always */
    double *dx = calloc(inputs, sizeof *dx), *dweight = calloc(weights, sizeof *dweight);
    for (size_t i = 0; i < outputs / s->out * taps; i++) {
        size_t t = i % taps, at = i / taps, sample = at / p.out_width / p.out_height;
        size_t sy = at / p.out_width % p.out_height * s->stride + t / s->kernel - s->pad; /* wraps below 0 */
        size_t sx = at % p.out_width * s->stride + t % s->kernel - s->pad;
        if (sy >= s->height || sx >= s->width) continue;
        for (size_t o = 0; o < s->out; o++)
            for (size_t c = 0; c < s->in; c++) {
                size_t from = ((sample * s->height + sy) * s->width + sx) * s->in + c, w = (o * s->in + c) * taps + t;
                dx[from] += (double)plain_dy[at * s->out + o] * plain_weight[w];
                dweight[w] += (double)dy[at * s->out + o] * x[from];
            }
    }
    float *found = zeros(inputs), *found_weight = zeros(weights), *expected = zeros(inputs > weights ? inputs : weights);
    spoil(found, inputs);
    spoil(found_weight, weights);
    ck_convolution back = {.samples = s->samples, .height = p.out_height, .width = p.out_width, .channels_in = s->out,
                           .out_height = s->height, .out_width = s->width, .channels_out = s->in,
                           .kernel_height = s->kernel, .kernel_width = s->kernel, .stride = 1, .dilation_in = s->stride,
                           .pad_top = (ptrdiff_t)(s->kernel - 1 - s->pad), .pad_left = (ptrdiff_t)(s->kernel - 1 - s->pad),
                           .transposed = 1};
    ck_convolve(&back, dy, (ck_weight){.data = weight, .element = CK_F32}, NULL, 0, found);
    for (size_t i = 0; i < inputs; i++) expected[i] = (float)dx[i];
    check_close("convolution's input gradient", found, expected, inputs, bound(s));
    ck_convolve_weight_gradient(&p, x, dy, found_weight);
    for (size_t i = 0; i < weights; i++) expected[i] = (float)dweight[i];
    check_close("convolution's weight gradient", found_weight, expected, weights, 1e-6);
    free(x), free(weight), free(plain_weight), free(dy), free(plain_dy), free(dx), free(dweight);
    free(found), free(found_weight), free(expected);
}

/* So many weights that Winograd computes two groups of output channels, each independent of the other. */
static void test_groups(void) {
    enum { IN = 1280, OUT = 640, PIXELS = 23 * 22 };
    shape s = {1, 23, 22, IN, OUT, 3, 1, 1, 1, WINOGRAD_IN_F32};
    ck_convolution p = convolution(&s, 0), half = p;
    half.channels_out = OUT / 2;
    float *x = normal(PIXELS * IN, 1), *weight = normal((size_t)IN * OUT * 9, 2), *y = zeros(PIXELS * OUT);
    float *part = zeros(PIXELS * OUT / 2);
    spoil(y, PIXELS * OUT);
    ck_convolve(&p, x, (ck_weight){.data = weight, .element = CK_F32}, NULL, 0, y);
    for (size_t first = 0; first < OUT; first += OUT / 2) {
        int equal = 1;
        spoil(part, PIXELS * OUT / 2);
        ck_convolve(&half, x, (ck_weight){.data = weight + first * IN * 9, .element = CK_F32}, NULL, 0, part);
        for (size_t i = 0; i < PIXELS; i++)
            equal &= !memcmp(y + i * OUT + first, part + i * OUT / 2, OUT / 2 * sizeof *y) && !isnan(part[i * OUT / 2]);
        check("groups of output channels are as if alone", equal);
    }
    free(x), free(weight), free(y), free(part);
}

void test_convolutions(void) {
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        test_forward(&shapes[i]);
        if (shapes[i].dilation_in == 1 && shapes[i].way != WINOGRAD_IN_F32) test_gradients(&shapes[i]);
    }
    test_groups();
}
