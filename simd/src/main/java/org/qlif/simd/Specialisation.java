// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

/**
 * What a program's class is specialized for: everything that the compiler may treat as constant.
 *
 * @param program the class that is defined as a hidden class
 * @param structure the model's record of the options that determine its operations
 * @param mode forward or backward
 */
record Specialisation(Class<? extends Program> program, Record structure, Mode mode) {}
