// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.platform.commons.support.AnnotationSupport;
import org.qlif.DeviceInfo;
import org.qlif.Devices;

/**
 * Skips tests where a device can't run, and says why. Where {@code -Dqlif.test.require=cuda:0,cpu:native} names the device, the tests
 * fail instead: a run that is meant to test it must not pass without it.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@ExtendWith(RequiresDevice.Condition.class)
@interface RequiresDevice {
    /** The full name. */
    String value();

    /** Looks for the device. */
    final class Condition implements ExecutionCondition {
        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            return AnnotationSupport.findAnnotation(context.getTestClass(), RequiresDevice.class)
                    .map(required -> evaluate(context, required.value()))
                    .orElseGet(() -> ConditionEvaluationResult.enabled("no device asked for"));
        }

        private static ConditionEvaluationResult evaluate(ExtensionContext context, String device) {
            List<String> obstacles = Devices.list().stream()
                    .filter(info -> info.device().text().equals(device))
                    .findFirst()
                    .map(DeviceInfo::obstacles)
                    .orElse(List.of("no installed backend has it"));
            if (obstacles.isEmpty()) {
                return ConditionEvaluationResult.enabled(device + " can run");
            }
            String reason = device + " can't run here: " + String.join("; ", obstacles);
            if (Arrays.asList(System.getProperty("qlif.test.require", "").split(","))
                    .contains(device)) {
                throw new IllegalStateException(reason);
            }
            if (context.getTestMethod().isEmpty()) {
                System.out.println("skipped: " + context.getDisplayName() + ": " + reason);
            }
            return ConditionEvaluationResult.disabled(reason);
        }
    }
}
