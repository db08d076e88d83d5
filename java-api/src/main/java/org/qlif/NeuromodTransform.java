// SPDX-License-Identifier: Apache-2.0
package org.qlif;

/**
 * The function that is applied to an external modulation before it becomes the state variable M. The built-in transforms run inside the
 * kernels; any other implementation is called back for each element, from the kernel's threads, so it must be thread-safe and
 * pure. Backends outside Java refuse user functions. If a function throws, the call ends with that exception, and its outputs are
 * incomplete.
 *
 * <pre>{@code
 * NeuromodTransform softsign = new NeuromodTransform() {
 *     @Override
 *     public float apply(float m) {
 *         return m / (1 + Math.abs(m));
 *     }
 *
 *     @Override
 *     public float derivative(float m, float value) {
 *         float divisor = 1 + Math.abs(m);
 *         return 1 / (divisor * divisor);
 *     }
 * };
 * QlifConfig config = QlifConfig.builder()
 *         .neuromodulation(modulation -> modulation.withTransform(softsign))
 *         .build();
 * }</pre>
 */
public interface NeuromodTransform {
    /** M = 1 / (1 + exp(-m)). */
    NeuromodTransform SIGMOID = BuiltInTransform.SIGMOID;

    /** M = m. */
    NeuromodTransform IDENTITY = BuiltInTransform.IDENTITY;

    /** M for a modulation {@code m}. Called in forward calls, and again in backward calls. */
    float apply(float m);

    /** dM/dm, given {@code m} and the {@code value} that {@link #apply} returned for it. Called only in backward calls. */
    float derivative(float m, float value);
}
