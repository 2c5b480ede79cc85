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
// The bits of the element of the greatest magnitude, without its sign; x need not be aligned. An
// infinite one is greater than all finite ones, one that is not a number is greater than those.
uint16_t ls_greatest_16(const void *x, size_t count);
uint32_t ls_greatest_32(const void *x, size_t count);

// How a feature is stored.
typedef enum { LS_STORED_F16, LS_STORED_BF16, LS_STORED_F32 } ls_stored;

// E1 where the processor has AVX-512: call only what the question before it allows.
//
// ls_has_products_f32 allows ls_product_f32 and ls_widen_panels:
//   C[i, j] = start[i, j] + sum over k of A[i, k] B[k, j]      C [m, n], start null: zero
// A[i, k] lies at a[i a_row + k a_k], so that A and its transpose read alike; B [k, n] has ldb
// numbers from row to row; ld_start 0 starts every row with the same numbers (a bias).
bool ls_has_products_f32(void);
void ls_product_f32(
    const float *a, size_t a_row, size_t a_k, const float *b, size_t ldb, float *c, size_t ldc,
    size_t m, size_t n, size_t k, const float *start, size_t ld_start);
// A stored row to float32, cut into panels of 64 columns: column c goes to y[c / 64 stride + c %
// 64].
void ls_widen_panels(ls_stored type, const void *x, float *y, size_t count, size_t stride);
//
// ls_has_products_bf16 allows what works on pairs of bfloat16; sums in float32, k counts pairs:
//   C[i, j] = start[i, j] + sum over k of A[i, k].low B[k, j].low + A[i, k].high B[k, j].high
bool ls_has_products_bf16(void);
void ls_product_bf16(
    const uint32_t *a, size_t a_row, size_t a_k, const uint32_t *b, size_t ldb, float *c,
    size_t ldc, size_t m, size_t n, size_t k, const float *start, size_t ld_start);
// The same where `ls_prefers_widened_pairs`: A [m, 2 k] is float32, a_k 2, and B's pairs are
// widened on the way.
bool ls_prefers_widened_pairs(void);
void ls_product_widened(
    const float *a, size_t a_row, size_t a_k, const uint32_t *b, size_t ldb, float *c, size_t ldc,
    size_t m, size_t n, size_t k, const float *start, size_t ld_start);
// The same on the processor's matrix unit. Asked once before: whether there is one and the system
// lets this process use it.
bool ls_request_tiles(void);
// A [m, k] pairs, row-major; `start` is needed; k and n are multiples of 16.
void ls_product_tiles(
    const uint32_t *a, size_t lda, const uint32_t *b, size_t ldb, float *c, size_t ldc, size_t m,
    size_t n, size_t k, const float *start, size_t ld_start);
// A stored row rounded to bfloat16, as float32; zero follows an odd last one.
void ls_round_bf16(ls_stored type, const void *x, float *y, size_t count);
// Two stored rows to pairs (x0[c], x1[c]), cut into panels in the same way.
void ls_pair_panels(
    ls_stored type, const void *x0, const void *x1, uint32_t *y, size_t count, size_t stride);
// A stored row to pairs (x[2 i], x[2 i + 1]); an odd last one is paired with zero.
void ls_narrow(ls_stored type, const void *x, uint32_t *y, size_t count);
// x [rows, width] to pairs of rows y [(rows + 1) / 2, width].
void ls_pair_rows(const float *x, uint32_t *y, size_t rows, size_t width);
// w [rows, columns] to pairs of its columns, transposed: t [(columns + 1) / 2, rows].
void ls_pair_columns(
    const float *w, size_t ldw, uint32_t *t, size_t ldt, size_t rows, size_t columns);

// Asks for memory to be brought into the second cache, and does not wait for it.
void ls_prefetch(const void *x, size_t byte_count);
// t [columns, rows] = w [rows, columns]'
void ls_transpose(
    const float *w, size_t ldw, float *t, size_t ldt, size_t rows, size_t columns);

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

// E5. y = x Phi(x), Phi the normal distribution function (erf form). Backward turns dL/dy in `d`
// into dL/dx in place. x and y, x and d must not overlap.
void ls_gelu(const float *restrict x, float *restrict y, size_t count);
void ls_gelu_backward(const float *restrict x, float *restrict d, size_t count);
void ls_relu(const float *restrict x, float *restrict y, size_t count);
void ls_relu_backward(const float *restrict x, float *restrict d, size_t count);

// E3. One group's attention: qkv [tokens, 3 width] with q, k, v side by side, heads contiguous in
// each; y [tokens, width]; probabilities [heads, tokens, T], T the tokens rounded up to 16.
// Scratch holds T (width + tokens) numbers.
void ls_attention(
    const float *qkv, float *probabilities, float *y, float *scratch, size_t tokens, size_t width,
    size_t heads);
// dqkv is overwritten.
void ls_attention_backward(
    const float *qkv, const float *probabilities, const float *dy, float *dqkv, float *scratch,
    size_t tokens, size_t width, size_t heads);

// E6. One group's cosines: token 0 against tokens 1...; norms [tokens] are kept, clamped at 1e-8. A
// norm that overflows, or whose product with token 0's does, is infinite; a norm of what is not a
// number is none.
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
