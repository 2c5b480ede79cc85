// Rows, columns and layer norm (E4).
#include "CKernels.h"
#include "Dispatch.h"

#include <math.h>
#include <string.h>

void ls_fill_rows(const float *bias, float *y, size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++) memcpy(y + r * width, bias, width * sizeof(float));
}

LS_DISPATCH void ls_add_column_sums(const float *x, float *total, size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < width; j++) total[j] += x[r * width + j];
}

LS_DISPATCH void ls_add(const float *x, float *y, size_t count) {
    for (size_t i = 0; i < count; i++) y[i] += x[i];
}

LS_DISPATCH void ls_layer_norm(
    const float *x, const float *weight, const float *bias, float *normalised,
    float *inverse_deviation, float *y, size_t rows, size_t width) {
    LS_REASSOCIATE
    for (size_t r = 0; r < rows; r++, x += width, normalised += width, y += width) {
        float sum = 0, squares = 0;
        for (size_t j = 0; j < width; j++) sum += x[j];
        float mean = sum / (float)width;
        for (size_t j = 0; j < width; j++) squares += (x[j] - mean) * (x[j] - mean);
        float inverse = 1.0f / sqrtf(squares / (float)width + 1e-5f);
        inverse_deviation[r] = inverse;
        for (size_t j = 0; j < width; j++) {
            normalised[j] = (x[j] - mean) * inverse;
            y[j] = normalised[j] * weight[j] + bias[j];
        }
    }
}

LS_DISPATCH void ls_layer_norm_backward(
    const float *dy, const float *normalised, const float *inverse_deviation, const float *weight,
    float *dx, float *dweight, float *dbias, size_t rows, size_t width) {
    LS_REASSOCIATE
    for (size_t r = 0; r < rows; r++, dy += width, normalised += width, dx += width) {
        float sum = 0, along = 0;
        for (size_t j = 0; j < width; j++) {
            float g = dy[j] * weight[j];
            sum += g;
            along += g * normalised[j];
        }
        float mean = sum / (float)width, slope = along / (float)width;
        for (size_t j = 0; j < width; j++) {
            dx[j] += inverse_deviation[r] * (dy[j] * weight[j] - mean - normalised[j] * slope);
            dweight[j] += dy[j] * normalised[j];
            dbias[j] += dy[j];
        }
    }
}
