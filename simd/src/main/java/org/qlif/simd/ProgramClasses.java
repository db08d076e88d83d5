// SPDX-License-Identifier: Apache-2.0
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
import java.util.concurrent.ConcurrentHashMap;

/**
 * The classes of programs, one for each specialization in use, and of their passes. Kernels of the same specialization share its class and
 * compiled code. A class is unloaded when no kernel uses it, so that a process that keeps opening new configurations doesn't fill up with
 * classes; the most recent ones stay, for callers that close a kernel and open a similar one.
 */
final class ProgramClasses {
    /** Number of classes kept without a kernel: about 35 KiB of metaspace each, besides their code. */
    private static final int KEPT = 48;

    private static final MethodHandles.Lookup LOOKUP = MethodHandles.lookup();

    /** All loaded classes. Apart from {@link #LATEST}, only their instances may hold them strongly. */
    private static final Map<Specialisation, WeakReference<Class<?>>> LIVING = new HashMap<>();

    /** The most recently used classes, in the order of use. */
    private static final Map<Specialisation, Class<?>> LATEST = new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Specialisation, Class<?>> eldest) {
            return size() > KEPT;
        }
    };

    /** The bytes of the classes that others are made from. */
    private static final ClassValue<byte[]> BYTES = new ClassValue<>() {
        @Override
        protected byte[] computeValue(Class<?> template) {
            String name = template.getSimpleName() + ".class";
            try (InputStream in = template.getResourceAsStream(name)) {
                return in.readAllBytes();
            } catch (IOException failure) {
                throw new UncheckedIOException("can't read " + name, failure);
            }
        }
    };

    /** The constructors of a program class's passes, by method name; they live as long as that class. */
    private static final ClassValue<Map<String, MethodHandle>> PASSES = new ClassValue<>() {
        @Override
        protected Map<String, MethodHandle> computeValue(Class<?> program) {
            return new ConcurrentHashMap<>();
        }
    };

    private ProgramClasses() {}

    /** Creates a program of this specialisation by its only constructor, which takes the model's constants. */
    static Program program(Specialisation specialisation, Record constants) {
        return (Program) make(constructor(classOf(specialisation), constants.getClass()), constants);
    }

    /** Creates the pass that calls {@code program}'s method {@code name}. */
    static Pass pass(Program program, String name) {
        MethodHandle constructor = PASSES.get(program.getClass()).computeIfAbsent(name, _ -> {
            MethodHandle body = method(program.getClass(), name);
            return constructor(define(ProgramPass.class, body), Program.class);
        });
        return (Pass) make(constructor, program);
    }

    /** Returns what the hidden class of this lookup was defined for; null in the original class. */
    static <T> T madeFor(MethodHandles.Lookup made, Class<T> type) {
        try {
            return MethodHandles.classData(made, ConstantDescs.DEFAULT_NAME, type);
        } catch (IllegalAccessException impossible) {
            throw new LinkageError("class data", impossible);
        }
    }

    private static synchronized Class<?> classOf(Specialisation specialisation) {
        WeakReference<Class<?>> known = LIVING.get(specialisation);
        Class<?> program = known == null ? null : known.get();
        if (program == null) {
            LIVING.values().removeIf(reference -> reference.refersTo(null));
            program = define(specialisation.program(), specialisation);
            LIVING.put(specialisation, new WeakReference<>(program));
        }
        LATEST.put(specialisation, program);
        return program;
    }

    private static Class<?> define(Class<?> template, Object madeFor) {
        try {
            return LOOKUP.defineHiddenClassWithClassData(BYTES.get(template), madeFor, true)
                    .lookupClass();
        } catch (ReflectiveOperationException failure) {
            throw new LinkageError("can't define " + template + " for " + madeFor, failure);
        }
    }

    private static MethodHandle method(Class<?> program, String name) {
        try {
            return LOOKUP.findVirtual(program, name, MethodType.methodType(void.class, Tile.class))
                    .asType(MethodType.methodType(void.class, Program.class, Tile.class));
        } catch (ReflectiveOperationException failure) {
            throw new LinkageError("no pass " + name + " in " + program, failure);
        }
    }

    private static MethodHandle constructor(Class<?> made, Class<?> argument) {
        try {
            return LOOKUP.findConstructor(made, MethodType.methodType(void.class, argument));
        } catch (ReflectiveOperationException failure) {
            throw new LinkageError("no constructor of " + made + " takes " + argument, failure);
        }
    }

    private static Object make(MethodHandle constructor, Object argument) {
        try {
            return constructor.invoke(argument);
        } catch (RuntimeException | Error failure) {
            throw failure;
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }
}
