package org.qlif.simd;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.ref.WeakReference;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.qlif.spi.host.QlifConstants;

/**
 * The classes of programs, one for each specialisation in use. Kernels of one specialisation share its class and what the JVM has
 * compiled for it. A class goes once no kernel uses it, so that a process that meets ever new configurations does not fill up with
 * them; the latest stay a while, for who closes a kernel and opens its like again.
 */
final class ProgramClasses {
    /** Classes that stay without a kernel: some 35 KiB of metaspace each, beside their code. */
    private static final int KEPT = 48;

    private static final MethodHandles.Lookup LOOKUP = MethodHandles.lookup();
    private static final MethodType CONSTRUCTOR = MethodType.methodType(void.class, QlifConstants.class);

    /** All that live. Nothing else here may hold a class: its instances do. */
    private static final Map<Specialisation, WeakReference<Class<?>>> LIVING = new HashMap<>();

    /** The latest, in the order of use. */
    private static final Map<Specialisation, Class<?>> LATEST = new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Specialisation, Class<?>> eldest) {
            return size() > KEPT;
        }
    };

    private ProgramClasses() {}

    /** The constructor of the class for {@code specialisation}. */
    static MethodHandle constructor(Specialisation specialisation) {
        try {
            return LOOKUP.findConstructor(classOf(specialisation), CONSTRUCTOR);
        } catch (ReflectiveOperationException impossible) {
            throw new LinkageError("can't make a program for " + specialisation, impossible);
        }
    }

    private static synchronized Class<?> classOf(Specialisation specialisation) {
        WeakReference<Class<?>> known = LIVING.get(specialisation);
        Class<?> program = known == null ? null : known.get();
        if (program == null) {
            LIVING.values().removeIf(reference -> reference.refersTo(null));
            program = define(specialisation);
            LIVING.put(specialisation, new WeakReference<>(program));
        }
        LATEST.put(specialisation, program);
        return program;
    }

    private static Class<?> define(Specialisation specialisation) {
        String name = SpecialisedProgram.class.getSimpleName() + ".class";
        try (InputStream in = SpecialisedProgram.class.getResourceAsStream(name)) {
            return LOOKUP.defineHiddenClassWithClassData(in.readAllBytes(), specialisation, true)
                    .lookupClass();
        } catch (IOException failure) {
            throw new UncheckedIOException("can't read " + name, failure);
        } catch (ReflectiveOperationException failure) {
            throw new LinkageError("can't define " + name + " for " + specialisation, failure);
        }
    }
}
