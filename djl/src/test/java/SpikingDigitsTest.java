// SPDX-License-Identifier: Apache-2.0
import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.engine.Engine;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The example learns: on a few images, far better than one digit in ten by chance. */
class SpikingDigitsTest {
    @Test
    void learns() throws Exception {
        Engine.getEngine("PyTorch").setRandomSeed(1);
        assertThat(SpikingDigits.train(Path.of("..", "data", "mnist"), 1000, 4)).isGreaterThan(0.5f);
    }
}
