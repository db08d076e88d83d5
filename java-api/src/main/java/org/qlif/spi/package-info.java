/** What a backend implements. Callers of kernels do not need this package. */
package org.qlif.spi;
