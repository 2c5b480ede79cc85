// One optimiser step on a run of parameters, with PyTorch's semantics (E11, E12).
#include "CKernels.h"
#include "Dispatch.h"

#include <math.h>

LS_DISPATCH void ls_sgd(
    float *w, const float *g, float *m, size_t count, float rate, float momentum, float decay,
    bool first) {
    if (momentum == 0) {
        for (size_t i = 0; i < count; i++) w[i] -= rate * (g[i] + decay * w[i]);
        return;
    }
    float kept = first ? 0 : momentum;
    for (size_t i = 0; i < count; i++) {
        m[i] = kept * m[i] + (g[i] + decay * w[i]);
        w[i] -= rate * m[i];
    }
}

LS_DISPATCH void ls_adamw(
    float *w, const float *g, float *m, float *v, size_t count, float rate, float beta1,
    float beta2, float epsilon, float decay, float correction1, float correction2) {
    float step = rate / correction1, root = sqrtf(correction2);
    for (size_t i = 0; i < count; i++) {
        float kept = w[i] * (1.0f - rate * decay);
        m[i] = beta1 * m[i] + (1.0f - beta1) * g[i];
        v[i] = beta2 * v[i] + (1.0f - beta2) * g[i] * g[i];
        w[i] = kept - step * m[i] / (sqrtf(v[i]) / root + epsilon);
    }
}
