// The vector loops that Swift compiles less well: plain arrays in, plain arrays out, no state.
// Every matrix is row-major. Each function picks the widest instructions the processor has when
// the program starts; results may differ in the last bits between processors, never between calls.
#ifndef LS_CKERNELS_H
#define LS_CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Exact widening to float32.
void ls_widen_f16(const uint16_t *x, float *y, size_t count);
void ls_widen_bf16(const uint16_t *x, float *y, size_t count);
// Whether no element is infinite or not a number.
bool ls_finite_f16(const uint16_t *x, size_t count);
bool ls_finite_bf16(const uint16_t *x, size_t count);
bool ls_finite_f32(const float *x, size_t count);

// y[row, :] = bias
void ls_fill_rows(const float *bias, float *y, size_t rows, size_t width);
// total[j] += sum over rows of x[row, j]
void ls_add_column_sums(const float *x, float *total, size_t rows, size_t width);
// y += x
void ls_add(const float *x, float *y, size_t count);

// E4. normalised = (x - mean) / sqrt(variance + 1e-5); y = normalised * weight + bias.
void ls_layer_norm(
    const float *x, const float *weight, const float *bias, float *normalised,
    float *inverse_deviation, float *y, size_t rows, size_t width);
// dx += the gradient to x; dweight and dbias are added to.
void ls_layer_norm_backward(
    const float *dy, const float *normalised, const float *inverse_deviation, const float *weight,
    float *dx, float *dweight, float *dbias, size_t rows, size_t width);

// E5. y = x Phi(x), Phi the normal distribution function (erf form); dx = dy (Phi + x phi).
void ls_gelu(const float *x, float *y, size_t count);
void ls_gelu_backward(const float *x, const float *dy, float *dx, size_t count);
void ls_relu(const float *x, float *y, size_t count);
void ls_relu_backward(const float *x, const float *dy, float *dx, size_t count);

// E3. One group's attention: qkv [tokens, 3 width] with q, k, v side by side, heads contiguous in
// each; probabilities [heads, tokens, tokens]; y [tokens, width].
void ls_attention(
    const float *qkv, float *probabilities, float *y, size_t tokens, size_t width, size_t heads);
// dqkv is overwritten; scratch holds `tokens` numbers.
void ls_attention_backward(
    const float *qkv, const float *probabilities, const float *dy, float *dqkv, float *scratch,
    size_t tokens, size_t width, size_t heads);

// E6. One group's cosines: token 0 against tokens 1...; norms [tokens] are kept, clamped at 1e-8.
void ls_cosine(const float *x, float *norms, float *cosines, size_t tokens, size_t width);
// dx [tokens, width] is overwritten; dcosines [tokens - 1].
void ls_cosine_backward(
    const float *x, const float *norms, const float *cosines, const float *dcosines, float *dx,
    size_t tokens, size_t width);

// E11. m = momentum m + (g + decay w); w -= rate m. On the first step m = g + decay w.
void ls_sgd(
    float *w, const float *g, float *m, size_t count, float rate, float momentum, float decay,
    bool first);
// E12. AdamW; correction1 = 1 - beta1^t, correction2 = 1 - beta2^t.
void ls_adamw(
    float *w, const float *g, float *m, float *v, size_t count, float rate, float beta1,
    float beta2, float epsilon, float decay, float correction1, float correction2);

#endif
