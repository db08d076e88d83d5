/** The Vector API CPU backend, device {@code cpu:simd}. */
module org.qlif.simd {
    requires jdk.incubator.vector;
    requires org.qlif;
}
