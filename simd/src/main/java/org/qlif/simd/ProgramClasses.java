package org.qlif.simd;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.constant.ConstantDescs;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.ref.WeakReference;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The classes of programs, one for each specialisation in use. Kernels of one specialisation share its class and what the JVM has
 * compiled for it. A class goes once no kernel uses it, so that a process that meets ever new configurations does not fill up with
 * them; the latest stay a while, for who closes a kernel and opens its like again.
 */
final class ProgramClasses {
    /** Classes that stay without a kernel: some 35 KiB of metaspace each, beside their code. */
    private static final int KEPT = 48;

    private static final MethodHandles.Lookup LOOKUP = MethodHandles.lookup();

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

    /** A program of this specialisation, made by its one constructor, which takes the model's numbers. */
    static Program program(Specialisation specialisation, Record constants) {
        try {
            MethodHandle constructor = LOOKUP.findConstructor(
                    classOf(specialisation), MethodType.methodType(void.class, constants.getClass()));
            return (Program) constructor.invoke(constants);
        } catch (RuntimeException | Error failure) {
            throw failure;
        } catch (Throwable impossible) {
            throw new LinkageError("can't make a program for " + specialisation, impossible);
        }
    }

    /** What {@code program}, a class made here, was made for; null for the class it was made from. */
    static Specialisation specialisationOf(MethodHandles.Lookup program) {
        try {
            return MethodHandles.classData(program, ConstantDescs.DEFAULT_NAME, Specialisation.class);
        } catch (IllegalAccessException impossible) {
            throw new LinkageError("class data", impossible);
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
        String name = specialisation.program().getSimpleName() + ".class";
        try (InputStream in = specialisation.program().getResourceAsStream(name)) {
            return LOOKUP.defineHiddenClassWithClassData(in.readAllBytes(), specialisation, true)
                    .lookupClass();
        } catch (IOException failure) {
            throw new UncheckedIOException("can't read " + name, failure);
        } catch (ReflectiveOperationException failure) {
            throw new LinkageError("can't define " + name + " for " + specialisation, failure);
        }
    }
}
