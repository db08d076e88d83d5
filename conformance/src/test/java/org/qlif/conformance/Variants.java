// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.util.LinkedHashMap;
import java.util.Map;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;
import org.qlif.Surrogate;

/**
 * The configurations for which a backend may have code of its own, by name: those that most callers use, whose numbers or options it
 * may fix. Random configurations hardly ever meet them.
 */
final class Variants {
    private Variants() {}

    static Map<String, NeuronConfig> all() {
        Map<String, NeuronConfig> variants = new LinkedHashMap<>();
        variants.put("default", QlifConfig.defaults());
        variants.put(
                "default, noiseless",
                QlifConfig.builder().noise(QlifConfig.Noise::off).build());
        for (QlifConfig.Preset preset : QlifConfig.Preset.values()) {
            for (QlifConfig.Decision decision : QlifConfig.Decision.values()) {
                for (boolean noise : new boolean[] {true, false}) {
                    variants.put(
                            preset + " " + decision + (noise ? "" : ", noiseless"),
                            preset.builder(decision)
                                    .noise(n -> n.withEnabled(noise))
                                    .build());
                }
            }
        }
        for (Surrogate surrogate : Surrogate.values()) {
            for (double alpha : new double[] {1, 2.5}) {
                variants.put(
                        "plain-lif " + surrogate + " of " + alpha,
                        QlifConfig.plainLif().toBuilder()
                                .surrogate(surrogate)
                                .surrogateAlpha(alpha)
                                .build());
            }
            for (double alpha : new double[] {100, 2.5}) {
                variants.put(
                        "lif " + surrogate + " of " + alpha,
                        LifConfig.builder()
                                .surrogate(surrogate)
                                .surrogateAlpha(alpha)
                                .build());
            }
        }
        return variants;
    }
}
