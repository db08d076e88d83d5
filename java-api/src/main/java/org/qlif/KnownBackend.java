// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.qlif.spi.Backend;

/**
 * The backends of this library, each an artifact of its own. They are known here by name only, to say what is missing if one of them is not
 * found.
 */
enum KnownBackend {
    SIMD("simd.SimdBackend", "qlif-simd", Device.of("cpu:simd"), "cpu(:simd)?"),
    SCALAR("scalar.ScalarBackend", "qlif-scalar", Device.of("cpu:scalar"), "cpu(:scalar)?"),
    NATIVE("gpu.NativeBackend", "qlif-native", Device.of("cpu:native"), "cpu:native"),
    CUDA("gpu.CudaBackend", "qlif-native", Device.of("cuda:0"), "cuda(:\\d+)?");

    /** The system properties that they read. */
    static final List<String> PROPERTIES = List.of("qlif.cuda", "qlif.library", "qlif.simd");

    private final String className;
    private final String artifact;
    private final List<Device> devices;
    private final String names;

    /**
     * A backend.
     *
     * @param nameInPackage the class's name below this package, so that it stays right if packages are renamed
     * @param artifact what to depend on
     * @param device the device it offers on any machine
     * @param names the names by which its devices are asked for, a regular expression
     */
    KnownBackend(String nameInPackage, String artifact, Device device, String names) {
        this.className = KnownBackend.class.getPackageName() + "." + nameInPackage;
        this.artifact = artifact;
        this.devices = List.of(device);
        this.names = names;
    }

    /** The name of its class. */
    String className() {
        return className;
    }

    /** The devices it offers on any machine. */
    List<Device> devices() {
        return devices;
    }

    /** The one whose class is {@code className}. */
    static Optional<KnownBackend> of(String className) {
        return Arrays.stream(values())
                .filter(known -> known.className.equals(className))
                .findFirst();
    }

    /** What to add to get {@code device}, if it is a device of one of these backends. */
    static Optional<String> remedy(Device device) {
        return Arrays.stream(values())
                .filter(known -> device.text().matches(known.names))
                .findFirst()
                .map(known -> "'" + device + "' comes with the artifact " + known.artifact
                        + (known == NATIVE || known == CUDA
                                ? ", which is needed twice, as it is and with the classifier linux-"
                                        + (System.getProperty("os.arch").equals("aarch64") ? "aarch64" : "x86_64")
                                        + "-cuda13"
                                : "")
                        + "; add it to the class path or module path");
    }

    /** Whether its class is on the class path or module path. */
    boolean isThere() {
        String resource = className.replace('.', '/') + ".class";
        ClassLoader loader = KnownBackend.class.getClassLoader();
        return (loader == null ? ClassLoader.getSystemResource(resource) : loader.getResource(resource)) != null;
    }

    /** Why backends are not found although their classes are there, and what would help. */
    static String unregistered(List<KnownBackend> backends) {
        String service = Backend.class.getName();
        String classes = backends.stream().map(KnownBackend::className).collect(Collectors.joining(" or "));
        return KnownBackend.class.getModule().isNamed()
                ? "no module provides " + service + " with " + classes
                        + ", though the class is there; declare it in module-info.java"
                : "no file META-INF/services/" + service + " names " + classes
                        + ", though the class is there; where jars are merged into one, merge these files, too: with"
                        + " ServicesResourceTransformer in Maven's shade plugin, mergeServiceFiles() in Gradle's shadow plugin";
    }
}
