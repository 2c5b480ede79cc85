// GELU in its exact form (E5) and ReLU. erf and exp are polynomials good to about one unit in
// the last place, without branches, so that the loops run in vector lanes.
#include "CKernels.h"
#include "Dispatch.h"
#include "Exponential.h"

#include <math.h>

static inline float erf_one(float x) {
    float t = fabsf(x), s = x * x;
    float far = -1.72853470e-5f * t + 3.83197126e-4f;
    float u = -3.88396438e-3f * t + 2.42546219e-2f;
    far = far * s + u;
    far = far * t - 1.06777877e-1f;
    far = far * t - 6.34846687e-1f;
    far = far * t - 1.28717512e-1f;
    far = far * t - t;
    far = 1.0f - exp_negative(far);
    far = x < 0 ? -far : far;
    float near = -5.96761703e-4f;
    near = near * s + 4.99119423e-3f;
    near = near * s - 2.67681349e-2f;
    near = near * s + 1.12819925e-1f;
    near = near * s - 3.76125336e-1f;
    near = near * s + 1.28379166e-1f;
    near = near * x + x;
    return t > 0.927734375f ? far : near;
}

LS_DISPATCH void ls_gelu(const float *restrict x, float *restrict y, size_t count) {
    for (size_t i = 0; i < count; i++)
        y[i] = 0.5f * x[i] * (1.0f + erf_one(x[i] * 0.70710678f));
}

LS_DISPATCH void ls_gelu_backward(const float *restrict x, float *restrict d, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float distribution = 0.5f * (1.0f + erf_one(x[i] * 0.70710678f));
        float density = 0.39894228f * exp_negative(-0.5f * x[i] * x[i]);
        d[i] *= distribution + x[i] * density;
    }
}

LS_DISPATCH void ls_relu(const float *restrict x, float *restrict y, size_t count) {
    for (size_t i = 0; i < count; i++) y[i] = x[i] > 0 ? x[i] : 0;
}

LS_DISPATCH void ls_relu_backward(const float *restrict x, float *restrict d, size_t count) {
    for (size_t i = 0; i < count; i++) d[i] = x[i] > 0 ? d[i] : 0;
}
