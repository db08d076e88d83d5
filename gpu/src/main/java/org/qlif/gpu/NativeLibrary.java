// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReader;
import java.lang.module.ModuleReference;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.qlif.KernelOptions;
import org.qlif.QlifConfig;
import org.qlif.gpu.ffi.qlif.qlif_device_info;
import org.qlif.gpu.ffi.qlif.qlif_h;

/**
 * The library {@code libqlif.so}: found, loaded and checked once per class loader, or the reason why it is not available. The bindings look
 * up functions in what this module's class loader has loaded, so nothing may use them before that.
 *
 * <p>It is unpacked from the jar with this platform's classifier to a folder that only this user can enter, and deleted as soon as it is
 * loaded, so nobody can replace it and nothing is left behind. The system property {@code qlif.library} names a file to load instead.
 */
final class NativeLibrary {
    private static final String PROPERTY = "qlif.library";
    private static final String ARCHITECTURE = System.getProperty("os.arch").equals("aarch64") ? "aarch64" : "x86_64";
    private static final String PLATFORM = "linux-" + ARCHITECTURE;
    /** The classifier of the library's jar, which also names the CUDA version that its GPU code is built with. */
    private static final String CLASSIFIER = PLATFORM + "-cuda13";

    private static final String FILE = "libqlif.so";
    /** Not a package name, so that no module can encapsulate it. */
    private static final String RESOURCE = "org/qlif/gpu/" + PLATFORM + "/" + FILE;
    /** Its name in the manifest of the classifier jar. */
    private static final String MODULE = "org.qlif.gpu.linux_" + ARCHITECTURE;

    /** Names that are tried for the folder to unpack to. */
    private static final int ATTEMPTS = 1000;

    /** The character that the JVM uses for a byte of a file name that its encoding doesn't have. */
    private static final char UNKNOWN = '\uFFFD';

    private static @Nullable NativeLibrary library;

    private final @Nullable String obstacle;

    private NativeLibrary(@Nullable String obstacle) {
        this.obstacle = obstacle;
    }

    /** Why the library can't be loaded, with what would help. */
    private static final class Unloadable extends Exception {
        private static final long serialVersionUID = 1L;

        Unloadable(String message) {
            super(message);
        }
    }

    /** The library, loaded by the first call. Never fails: see {@link #obstacle()}. */
    static synchronized NativeLibrary get() {
        if (library == null) {
            String obstacle = null;
            try {
                load();
            } catch (Unloadable reason) {
                obstacle = reason.getMessage();
            } catch (RuntimeException | LinkageError failure) {
                obstacle = "the native library can't be loaded: " + failure;
            }
            library = new NativeLibrary(obstacle);
        }
        return library;
    }

    /** Why the library is not available; null if it is. */
    @Nullable
    String obstacle() {
        return obstacle;
    }

    /** The library's own version. */
    String version() {
        return text(qlif_h.qlif_version());
    }

    /** The pointer that the library has written to {@code out}. Read as a number: a handle for pointers takes a new process milliseconds to create. */
    static MemorySegment handle(MemorySegment out) {
        return MemorySegment.ofAddress(out.get(qlif_h.C_LONG, 0));
    }

    /** The text that a {@code char *} of the library points to. */
    static String text(MemorySegment address) {
        return address.reinterpret(Long.MAX_VALUE).getString(0);
    }

    private static void load() throws Unloadable {
        String system = System.getProperty("os.name") + " on " + System.getProperty("os.arch");
        if (!system.equals("Linux on amd64") && !system.equals("Linux on aarch64")) {
            throw new Unloadable("the native library runs on Linux on amd64 (x86-64) and aarch64; this is " + system);
        }
        String given = System.getProperty(PROPERTY);
        if (given == null) {
            loadBundled();
        } else {
            loadGiven(given);
        }
        String source = given == null ? "the bundled library" : given;
        if (SymbolLookup.loaderLookup().find("qlif_abi_version").isEmpty()) {
            throw new Unloadable(source + " is not a QLIF library: it has no function qlif_abi_version");
        }
        int version = qlif_h.qlif_abi_version();
        if (version != qlif_h.QLIF_ABI_VERSION()) {
            throw new Unloadable(source + " has interface version " + version + ", this jar needs "
                    + qlif_h.QLIF_ABI_VERSION() + ": use a library and a jar of the same release");
        }
        if (SymbolLookup.loaderLookup().find("qlif_held_forward").isEmpty()) {
            throw new Unloadable(source
                    + " has no function qlif_held_forward, which this jar needs:"
                    + " use a library and a jar of the same release");
        }
        requireSameStructs(source);
    }

    private static void loadGiven(String given) throws Unloadable {
        if (given.isBlank()) {
            throw new Unloadable("system property " + PROPERTY + ": got '" + given + "', expected a file");
        }
        try {
            Path file = given.indexOf(UNKNOWN) < 0 ? Path.of(given) : named(given);
            if (!file.isAbsolute() && System.getProperty("user.dir").indexOf(UNKNOWN) >= 0) {
                file = Path.of("/proc/self/cwd").resolve(file);
            }
            if (!Files.isRegularFile(file)) {
                throw new Unloadable("system property " + PROPERTY + ": there is no file " + file.toAbsolutePath());
            }
            Path whole = file.toAbsolutePath();
            // The JVM resolves links before it passes on a name.
            if (file.toRealPath().toString().indexOf(UNKNOWN) < 0) {
                load(whole, whole.toString());
                return;
            }
            // The JVM can't pass this name to the system's loader; a copy has a name that it can.
            try (InputStream original = Files.newInputStream(file)) {
                loadCopy(original, "a copy of " + given);
            }
        } catch (IOException | InvalidPathException failure) {
            throw new Unloadable("system property " + PROPERTY + ": " + given + " can't be read: " + failure);
        }
    }

    /** The file that {@code given} names in bytes that the JVM's encoding of file names can't decode but a URI can express. */
    private static Path named(String given) throws Unloadable {
        StringBuilder uri = new StringBuilder(given.startsWith("/") ? "file://" : "file:///proc/self/cwd/");
        for (byte next : bytes(given)) {
            uri.append(String.format("%%%02X", next));
        }
        return Path.of(URI.create(uri.toString().replace("%2F", "/")));
    }

    /** The property's value in the system's bytes: on the command line, or in an environment variable that adds to it. */
    private static byte[] bytes(String given) throws Unloadable {
        String encoding = System.getProperty("sun.jnu.encoding");
        try {
            for (String file : List.of("/proc/self/cmdline", "/proc/self/environ")) {
                // ISO 8859-1 maps each byte to one character.
                String all = Files.readString(Path.of(file), StandardCharsets.ISO_8859_1);
                Matcher setting = Pattern.compile("-D" + PROPERTY.replace(".", "\\.") + "=([^\0]*)")
                        .matcher(all);
                while (setting.find()) {
                    // In a variable, a blank or a quotation mark ends the value.
                    for (String value :
                            List.of(setting.group(1), setting.group(1).split("[\\s'\"]", 2)[0])) {
                        byte[] bytes = value.getBytes(StandardCharsets.ISO_8859_1);
                        if (new String(bytes, encoding).equals(given)) {
                            return bytes;
                        }
                    }
                }
            }
        } catch (IOException unreadable) {
            // Without these files, the bytes are unknown.
        }
        throw new Unloadable("system property " + PROPERTY + ": the JVM reads file names as " + encoding
                + ", which has no characters for '" + given + "'; start it with LC_ALL=C.UTF-8");
    }

    private static void loadBundled() throws Unloadable {
        try (InputStream resource = open()) {
            if (resource == null) {
                throw new Unloadable("there is no native library: add the artifact qlif-native with the classifier "
                        + CLASSIFIER
                        + " to the class path or module path, or name a file with -D" + PROPERTY + "="
                        + FILE);
            }
            loadCopy(resource, "the bundled library");
        } catch (IOException failure) {
            throw new Unloadable("the native library can't be read: " + failure);
        }
    }

    /** Unpacks the library to a folder that only this user can enter, loads it and removes it. */
    private static void loadCopy(InputStream original, String description) throws Unloadable {
        CountDownLatch removed = new CountDownLatch(1);
        Thread end = new Thread(() -> await(removed), "qlif-end");
        try {
            Runtime.getRuntime().addShutdownHook(end);
        } catch (IllegalStateException late) {
            // The process is already ending. If this is a daemon, such as WarmUp's, its work is probably in vain, and
            // the process would end before the copy is removed. Another thread is probably a shutdown hook, for which
            // the process waits.
            if (Thread.currentThread().isDaemon()) {
                throw new Unloadable("the native library is not loaded any more, since the process is ending");
            }
        }
        try {
            loadFromCopy(original, description);
        } finally {
            removed.countDown();
            remove(end);
        }
    }

    private static void remove(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException late) {
            // The process is ending: the hook runs, or has run.
        }
    }

    /** Keeps the process from ending before the copy that a thread loads, or is about to load, is removed. */
    private static void await(CountDownLatch removed) {
        try {
            removed.await();
        } catch (InterruptedException hurry) {
            Thread.currentThread().interrupt();
        }
    }

    private static void loadFromCopy(InputStream original, String description) throws Unloadable {
        Path folder = null;
        Path file = null;
        try {
            // Checked here, where an exception says what is wrong with it.
            Path temporary = Path.of(System.getProperty("java.io.tmpdir"));
            folder = newFolder(temporary);
            file = folder.resolve(FILE);
            Files.copy(original, file);
            load(
                    file,
                    description + ", unpacked to " + folder
                            + " (a folder that forbids execution? -Djava.io.tmpdir names another),");
        } catch (IOException | InvalidPathException failure) {
            throw new Unloadable("the native library can't be unpacked: " + failure
                    + " (-Djava.io.tmpdir=FOLDER chooses another folder)");
        } finally {
            delete(file);
            delete(folder);
        }
    }

    /**
     * Creates a folder that only this user can enter. Its name need not be secret: if it is taken, the next name is tried. {@link
     * Files#createTempDirectory} would load the classes for secure random numbers, which takes longer than copying the library.
     */
    private static Path newFolder(Path parent) throws IOException {
        FileAttribute<?> mine = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
        long name = System.nanoTime();
        for (int attempt = 1; ; attempt++) {
            try {
                return Files.createDirectory(parent.resolve("qlif" + Long.toUnsignedString(name, 36)), mine);
            } catch (FileAlreadyExistsException taken) {
                if (attempt == ATTEMPTS) {
                    throw taken;
                }
                name++;
            }
        }
    }

    /**
     * The resource, or null. A jar without classes is a module that nothing requires, so on the module path the JVM does not see it
     * unless told to; then it is looked for there.
     */
    private static @Nullable InputStream open() throws IOException {
        InputStream seen = NativeLibrary.class.getClassLoader().getResourceAsStream(RESOURCE);
        String modulePath = System.getProperty("jdk.module.path");
        if (seen != null || modulePath == null) {
            return seen;
        }
        Path[] entries = Arrays.stream(modulePath.split(java.io.File.pathSeparator))
                .map(Path::of)
                .toArray(Path[]::new);
        Optional<ModuleReference> module = ModuleFinder.of(entries).find(MODULE);
        if (module.isEmpty()) {
            return null;
        }
        try (ModuleReader reader = module.get().open();
                InputStream resource = reader.open(RESOURCE).orElse(null)) {
            // Closing the reader closes its streams.
            return resource == null ? null : new java.io.ByteArrayInputStream(resource.readAllBytes());
        }
    }

    private static void load(Path file, String description) throws Unloadable {
        try {
            System.load(file.toString());
        } catch (UnsatisfiedLinkError failure) {
            throw new Unloadable(description + " can't be loaded: " + failure.getMessage());
        } catch (IllegalCallerException refused) {
            throw new Unloadable(
                    "Java refuses native access: start it with --enable-native-access=org.qlif.gpu, or ALL-UNNAMED on the"
                            + " class path");
        }
    }

    private static void delete(@Nullable Path path) {
        try {
            if (path != null) {
                Files.deleteIfExists(path);
            }
        } catch (IOException left) {
            // A file left in a temporary folder does no harm.
            System.getLogger("org.qlif").log(System.Logger.Level.DEBUG, "left behind: " + path, left);
        }
    }

    /**
     * Throws if the structs that describe devices and open kernels differ in size, which the library itself checks. It checks the structs
     * of calls when they are made.
     */
    private static void requireSameStructs(String source) throws Unloadable {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment kernel = arena.allocate(qlif_h.C_POINTER);
            int status = qlif_h.qlif_device_describe(qlif_h.QLIF_HOST(), newDeviceInfo(arena));
            if (status == qlif_h.QLIF_SUCCESS()) {
                MemorySegment config = NativeConfig.of(QlifConfig.defaults(), arena);
                MemorySegment options =
                        NativeKernel.struct(KernelOptions.defaults().withThreads(1), arena);
                status = qlif_h.qlif_kernel_open(qlif_h.QLIF_HOST(), config, options, kernel);
            }
            if (status == qlif_h.QLIF_SUCCESS()) {
                status = qlif_h.qlif_kernel_close(handle(kernel));
            }
            if (status == qlif_h.QLIF_INVALID_ARGUMENT()) {
                throw new Unloadable(source + " does not fit this jar: " + text(qlif_h.qlif_last_error())
                        + "; use a library and a jar of the same release");
            }
        }
    }

    /** A {@code qlif_device_info} to be filled by the library. */
    static MemorySegment newDeviceInfo(Arena arena) {
        MemorySegment info = arena.allocate(qlif_device_info.layout());
        qlif_device_info.size(info, (int) info.byteSize());
        return info;
    }
}
