// Attention inside one group of candidates (E3): a dozen tokens, so plain loops beat a matrix
// product. No mask and no positions: the result does not depend on the order of the candidates.
#include "CKernels.h"
#include "Dispatch.h"

#include <math.h>

LS_DISPATCH void ls_attention(
    const float *qkv, float *probabilities, float *y, size_t tokens, size_t width, size_t heads) {
    LS_REASSOCIATE
    size_t size = width / heads, stride = 3 * width;
    float scale = 1.0f / sqrtf((float)size);
    for (size_t h = 0; h < heads; h++) {
        const float *q = qkv + h * size, *k = q + width, *v = k + width;
        for (size_t i = 0; i < tokens; i++) {
            float *p = probabilities + (h * tokens + i) * tokens;
            float greatest = -INFINITY, sum = 0;
            for (size_t j = 0; j < tokens; j++) {
                float dot = 0;
                for (size_t c = 0; c < size; c++) dot += q[i * stride + c] * k[j * stride + c];
                p[j] = dot * scale;
                greatest = p[j] > greatest ? p[j] : greatest;
            }
            for (size_t j = 0; j < tokens; j++) {
                p[j] = expf(p[j] - greatest);
                sum += p[j];
            }
            float *out = y + i * width + h * size;
            for (size_t c = 0; c < size; c++) out[c] = 0;
            for (size_t j = 0; j < tokens; j++) {
                p[j] /= sum;
                for (size_t c = 0; c < size; c++) out[c] += p[j] * v[j * stride + c];
            }
        }
    }
}

LS_DISPATCH void ls_attention_backward(
    const float *qkv, const float *probabilities, const float *dy, float *dqkv, float *scratch,
    size_t tokens, size_t width, size_t heads) {
    LS_REASSOCIATE
    size_t size = width / heads, stride = 3 * width;
    float scale = 1.0f / sqrtf((float)size);
    for (size_t i = 0; i < tokens * stride; i++) dqkv[i] = 0;
    for (size_t h = 0; h < heads; h++) {
        const float *q = qkv + h * size, *k = q + width, *v = k + width;
        float *dq = dqkv + h * size, *dk = dq + width, *dv = dk + width;
        for (size_t i = 0; i < tokens; i++) {
            const float *p = probabilities + (h * tokens + i) * tokens;
            const float *g = dy + i * width + h * size;
            float *dp = scratch, along = 0;
            for (size_t j = 0; j < tokens; j++) {
                float dot = 0;
                for (size_t c = 0; c < size; c++) dot += g[c] * v[j * stride + c];
                for (size_t c = 0; c < size; c++) dv[j * stride + c] += p[j] * g[c];
                dp[j] = dot;
                along += dot * p[j];
            }
            for (size_t j = 0; j < tokens; j++) {
                float ds = p[j] * (dp[j] - along) * scale;
                for (size_t c = 0; c < size; c++) {
                    dq[i * stride + c] += ds * k[j * stride + c];
                    dk[j * stride + c] += ds * q[i * stride + c];
                }
            }
        }
    }
}
