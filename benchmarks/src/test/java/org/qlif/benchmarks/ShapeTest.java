// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ShapeTest {
    @Test
    void aShapeIsReadAndWritten() {
        Shape shape = Shape.parse("20x128x512");

        assertThat(shape).isEqualTo(new Shape(20, 128, 512)).hasToString("20x128x512");
        assertThat(shape.elements()).isEqualTo(65_536);
        assertThat(shape.neuronSteps()).isEqualTo(1_310_720);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "20x128", "1x2x3x4", "0x1x1", "-1x1x1", "ax1x1", "1x1x1x"})
    void anythingElseIsRefused(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Shape.parse(text))
                .withMessageContaining("such as 20x128x512");
    }
}
