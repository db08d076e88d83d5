package org.qlif.simd;

/**
 * What a program's class is made for: all that the compiler may take as constant.
 *
 * @param structure the options
 * @param mode forward or backward
 */
record Specialisation(Structure structure, Mode mode) {}
