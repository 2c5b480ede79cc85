// Cosine similarity of the instruction (token 0) with each candidate of one group (E6).
#include "CKernels.h"
#include "Dispatch.h"

#include <float.h>
#include <math.h>

static const float smallest_norm = 1e-8f;

LS_DISPATCH void ls_cosine(
    const float *x, float *norms, float *cosines, size_t tokens, size_t width) {
    LS_REASSOCIATE
    for (size_t t = 0; t < tokens; t++) {
        const float *r = x + t * width;
        float squares = 0, dot = 0;
        for (size_t j = 0; j < width; j++) {
            squares += r[j] * r[j];
            dot += x[j] * r[j];
        }
        float norm = sqrtf(squares);
        // What is not a number stays none: it is not less than anything.
        norms[t] = norm < smallest_norm ? smallest_norm : norm;
        if (t == 0) continue;
        float product = norms[0] * norms[t];
        cosines[t - 1] = dot / product;
        // The cosine is 0 then, and would pass for one.
        if (product > FLT_MAX) norms[t] = INFINITY;
    }
}

LS_DISPATCH void ls_cosine_backward(
    const float *x, const float *norms, const float *cosines, const float *dcosines, float *dx,
    size_t tokens, size_t width) {
    float inverse0 = 1.0f / norms[0];
    // A clamped norm is a constant: only the product then carries a gradient.
    float free0 = norms[0] > smallest_norm ? 1.0f : 0.0f;
    for (size_t j = 0; j < width; j++) dx[j] = 0;
    for (size_t t = 1; t < tokens; t++) {
        const float *r = x + t * width;
        float *dr = dx + t * width;
        float g = dcosines[t - 1], c = cosines[t - 1];
        float inverse = 1.0f / norms[t];
        float free = norms[t] > smallest_norm ? 1.0f : 0.0f;
        float product = g * inverse0 * inverse;
        float own = free * g * c * inverse * inverse;
        float other = free0 * g * c * inverse0 * inverse0;
        for (size_t j = 0; j < width; j++) {
            dr[j] = product * x[j] - own * r[j];
            dx[j] += product * r[j] - other * x[j];
        }
    }
}
