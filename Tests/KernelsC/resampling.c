#include "check.h"

enum { OUTER = 3, IN = 11, OUT = 17, INNER = 19 };

/* Every resampling is a matrix (OUT, IN) along the axis; its gradient is the transpose. */
static void plain(const double matrix[OUT][IN], int transposed, const float *x, float *y) {
    int from = transposed ? OUT : IN, to = transposed ? IN : OUT;
    for (int o = 0; o < OUTER; o++)
        for (int i = 0; i < to; i++)
            for (int c = 0; c < INNER; c++) {
                double sum = 0;
                for (int s = 0; s < from; s++) sum += (transposed ? matrix[s][i] : matrix[i][s]) * x[(o * from + s) * INNER + c];
                y[(o * to + i) * INNER + c] = (float)sum;
            }
}

void test_resampling(void) {
    size_t in = OUTER * IN * INNER, out = OUTER * OUT * INNER;
    float *x = normal(in, 1), *dy = normal(out, 2), *y = zeros(out), *dx = zeros(in), *expected = zeros(out);
    int32_t low[OUT], high[OUT], first[OUT], last[OUT], count[OUT];
    float fraction[OUT], weights[OUT * 4];
    double matrix[OUT][IN] = {0};
    for (int i = 0; i < OUT; i++) {
        double at = (i + 0.5) * IN / OUT - 0.5;
        at = at < 0 ? 0 : at > IN - 1 ? IN - 1 : at;
        low[i] = (int32_t)at, high[i] = low[i] + 1 < IN ? low[i] + 1 : low[i], fraction[i] = (float)(at - low[i]);
        matrix[i][low[i]] += 1 - (double)fraction[i];
        matrix[i][high[i]] += fraction[i];
    }
    spoil(y, out), spoil(dx, in);
    ck_resample_linear(x, y, OUTER, IN, OUT, INNER, low, high, fraction);
    plain(matrix, 0, x, expected);
    check_close("linear resampling", y, expected, out, 1e-6);
    ck_resample_linear_gradient(dy, dx, OUTER, IN, OUT, INNER, low, high, fraction);
    plain(matrix, 1, dy, expected);
    check_close("linear resampling's gradient", dx, expected, in, 1e-6);

    memset(matrix, 0, sizeof matrix);
    for (int i = 0; i < OUT; i++) {
        first[i] = i * IN / OUT, last[i] = ((i + 1) * IN + OUT - 1) / OUT;
        for (int s = first[i]; s < last[i]; s++) matrix[i][s] = 1.0 / (last[i] - first[i]);
    }
    spoil(y, out), spoil(dx, in);
    ck_average_bins(x, y, OUTER, IN, OUT, INNER, first, last);
    plain(matrix, 0, x, expected);
    check_close("averages of bins", y, expected, out, 1e-6);
    ck_average_bins_gradient(dy, dx, OUTER, IN, OUT, INNER, first, last);
    plain(matrix, 1, dy, expected);
    check_close("averages of bins' gradient", dx, expected, in, 1e-6);

    memset(matrix, 0, sizeof matrix);
    for (int i = 0; i < OUT; i++) {
        first[i] = i * (IN - 4) / OUT, count[i] = 1 + i % 4;
        for (int s = 0; s < 4; s++) {
            weights[i * 4 + s] = (float)(s + 1) / (float)(i + 2);
            if (s < count[i]) matrix[i][first[i] + s] = weights[i * 4 + s];
        }
    }
    spoil(y, out);
    ck_resample_weighted(x, y, OUTER, IN, OUT, INNER, first, count, weights, 4);
    plain(matrix, 0, x, expected);
    check_close("weighted resampling", y, expected, out, 1e-6);
    free(x), free(dy), free(y), free(dx), free(expected);
}
