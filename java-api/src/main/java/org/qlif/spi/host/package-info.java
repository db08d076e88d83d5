/**
 * What backends that run on the host share: the model's constants, threads, tapes, broadcasting and the fixed order of sums.
 * None of it is the model's arithmetic, which every backend writes once for itself.
 */
package org.qlif.spi.host;
