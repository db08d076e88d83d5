/** The plain scalar CPU backend, device {@code cpu:scalar}: the specification's equations, one neuron at a time. */
module org.qlif.scalar {
    requires org.qlif;
}
