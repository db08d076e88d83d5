// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.host;

import org.qlif.LifConfig;

/**
 * The float32 numbers of the LIF equations, each derived once, in float64, from the configuration, and rounded once.
 *
 * @param dt the time step
 * @param vLeak the potential that the membrane leaks to
 * @param vReset the potential after a spike
 * @param surrogateScale the surrogate's constant: see {@link org.qlif.Surrogate#scale}
 */
public record LifConstants(float dt, float vLeak, float vReset, float surrogateScale) {
    /** The constants of {@code config}. */
    public static LifConstants of(LifConfig config) {
        return new LifConstants((float) config.dt(), (float) config.vLeak(), (float) config.vReset(), (float)
                config.surrogate().scale(config.surrogateAlpha()));
    }
}
