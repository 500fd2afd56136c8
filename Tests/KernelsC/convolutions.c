#include "check.h"

typedef struct {
    size_t samples, height, width, in, out, kernel, stride, pad, dilation_in;
    double bound;
} shape;

#define DIRECT 1e-6
#define WINOGRAD 4e-6 /* its transforms cost a few bits; on at least 3,072 pixels of 64 channels */

static const shape shapes[] = {
    {2, 19, 12, 19, 33, 1, 1, 0, 1, DIRECT},
    {2, 19, 12, 19, 33, 3, 1, 1, 1, DIRECT},
    {2, 19, 12, 19, 33, 3, 2, 1, 1, DIRECT},
    {1, 20, 12, 19, 33, 4, 4, 0, 1, DIRECT},
    {1, 9, 13, 700, 70, 1, 1, 0, 1, DIRECT},
    {3, 5, 4, 130, 50, 3, 1, 1, 1, DIRECT},
    {1, 32, 48, 3, 20, 16, 16, 0, 1, DIRECT},
    {2, 9, 7, 21, 18, 3, 1, 1, 2, DIRECT}, /* the way back of a stride of two */
    {1, 57, 55, 64, 80, 3, 1, 1, 1, WINOGRAD},
    {2, 40, 41, 80, 64, 3, 1, 1, 1, WINOGRAD},
};

static ck_convolution convolution(const shape *s, int pulled_back) {
    size_t height = (s->height - 1) * s->dilation_in + 1, width = (s->width - 1) * s->dilation_in + 1;
    return (ck_convolution){.samples = s->samples, .height = s->height, .width = s->width, .channels_in = s->in,
                            .out_height = (height + 2 * s->pad - s->kernel) / s->stride + 1,
                            .out_width = (width + 2 * s->pad - s->kernel) / s->stride + 1, .channels_out = s->out,
                            .kernel_height = s->kernel, .kernel_width = s->kernel, .stride = s->stride,
                            .dilation_in = s->dilation_in, .pad_top = (ptrdiff_t)s->pad, .pad_left = (ptrdiff_t)s->pad,
                            .pulled_back = pulled_back};
}

static void test_forward(const shape *s) {
    float *x = normal(s->samples * s->height * s->width * s->in, 1);
    float *weight = normal(s->kernel * s->kernel * s->in * s->out, 2), *bias = normal(s->samples * s->out, 3);
    for (int variant = 0; variant < 6; variant++) {
        int per_sample = variant % 3 == 2;
        const float *added = variant % 3 ? bias : NULL;
        ck_convolution p = convolution(s, variant / 3);
        size_t count = p.samples * p.out_height * p.out_width * p.channels_out;
        float *y = zeros(count), *expected = zeros(count);
        spoil(y, count);
        ck_convolve(&p, x, (ck_weight){.data = weight, .element = CK_F32}, added, per_sample, y);
        ck_convolve_reference(&p, x, weight, added, per_sample, expected);
        check_close("convolution", y, expected, count, s->bound);
        free(y);
        free(expected);
    }
    free(x), free(weight), free(bias);
}

/* The pull-backs to the input and to the weights, by definition: <dy, convolve(x)> has the derivatives
 * sum of dy * weight and sum of dy * x, over all places where an input, a weight and an output meet. */
static void test_gradients(const shape *s) {
    ck_convolution p = convolution(s, 0);
    size_t taps = s->kernel * s->kernel, inputs = s->samples * s->height * s->width * s->in;
    size_t outputs = s->samples * p.out_height * p.out_width * s->out, weights = taps * s->in * s->out;
    float *x = normal(inputs, 1), *weight = normal(weights, 2), *dy = normal(outputs, 3);
    double *dx = calloc(inputs, sizeof *dx), *dweight = calloc(weights, sizeof *dweight);
    for (size_t i = 0; i < outputs / s->out * taps; i++) {
        size_t t = i % taps, at = i / taps, sample = at / p.out_width / p.out_height;
        size_t sy = at / p.out_width % p.out_height * s->stride + t / s->kernel - s->pad; /* wraps below 0 */
        size_t sx = at % p.out_width * s->stride + t % s->kernel - s->pad;
        if (sy >= s->height || sx >= s->width) continue;
        for (size_t o = 0; o < s->out; o++)
            for (size_t c = 0; c < s->in; c++) {
                size_t from = ((sample * s->height + sy) * s->width + sx) * s->in + c, w = (o * s->in + c) * taps + t;
                dx[from] += (double)dy[at * s->out + o] * weight[w];
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
                           .pulled_back = 1};
    ck_convolve(&back, dy, (ck_weight){.data = weight, .element = CK_F32}, NULL, 0, found);
    for (size_t i = 0; i < inputs; i++) expected[i] = (float)dx[i];
    check_close("convolution's input gradient", found, expected, inputs, s->bound);
    ck_convolve_weight_gradient(&p, x, dy, found_weight);
    for (size_t i = 0; i < weights; i++) expected[i] = (float)dweight[i];
    check_close("convolution's weight gradient", found_weight, expected, weights, 1e-6);
    free(x), free(weight), free(dy), free(dx), free(dweight), free(found), free(found_weight), free(expected);
}

void test_convolutions(void) {
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        test_forward(&shapes[i]);
        if (shapes[i].dilation_in == 1) test_gradients(&shapes[i]);
    }
}
