package org.qlif.training;

/** The extents of a network: T, and the widths of its layers. */
record NetworkShape(int steps, int inputs, int hidden, int classes) {}
