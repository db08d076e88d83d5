// SPDX-License-Identifier: Apache-2.0
package org.qlif.documentation;

import com.sun.source.doctree.DocCommentTree;
import com.sun.source.doctree.ParamTree;
import java.io.File;
import java.lang.module.FindException;
import java.lang.module.ModuleFinder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import javax.lang.model.SourceVersion;
import javax.lang.model.element.Element;
import javax.lang.model.element.ElementKind;
import javax.lang.model.element.ModuleElement;
import javax.lang.model.element.PackageElement;
import javax.lang.model.element.RecordComponentElement;
import javax.lang.model.element.TypeElement;
import javax.lang.model.util.ElementFilter;
import javax.lang.model.util.Elements;
import javax.tools.DocumentationTool;
import javax.tools.ToolProvider;
import jdk.javadoc.doclet.Doclet;
import jdk.javadoc.doclet.DocletEnvironment;
import jdk.javadoc.doclet.Reporter;

/**
 * Requirements for the Javadoc of what users compile against: a description of everything, and an example for each type that a user starts
 * from. Its form is checked by the build, which fails on the tool's warnings.
 *
 * @param modules the modules to check
 * @param sources the source folders of these and of our modules that they read, by module
 * @param libraries other modules that they read, which are on the class path
 * @param withExamples the packages whose types need examples
 * @param withoutExample types in these packages that are only results, or that are explained by others
 */
public record Javadoc(
        Set<String> modules,
        Map<String, List<Path>> sources,
        Set<String> libraries,
        Set<String> withExamples,
        Set<String> withoutExample) {
    /** The tool instantiates the doclet itself. */
    private static final ThreadLocal<Javadoc> CHECKED = new ThreadLocal<>();

    private static final ThreadLocal<List<String>> FOUND = new ThreadLocal<>();

    /** The elements without a description. */
    public List<String> faults() {
        List<String> options = new ArrayList<>(List.of("--module", String.join(",", modules)));
        sources.forEach((module, folders) -> {
            String path = folders.stream().map(Path::toString).collect(Collectors.joining(File.pathSeparator));
            options.addAll(List.of("--module-source-path", module + "=" + path));
        });
        options.addAll(List.of("--module-path", modulePath()));
        return faults(options);
    }

    /**
     * The elements without a description in a package outside modules, each of whose types needs an example.
     *
     * @param name the package
     * @param sources the folder of sources
     */
    public static List<String> faults(String name, Path sources) {
        Javadoc javadoc = new Javadoc(Set.of(), Map.of(), Set.of(), Set.of(name), Set.of());
        String classPath = System.getProperty("java.class.path");
        return javadoc.faults(
                List.of("-subpackages", name, "--source-path", sources.toString(), "--class-path", classPath));
    }

    private List<String> faults(List<String> options) {
        CHECKED.set(this);
        FOUND.set(new ArrayList<>());
        DocumentationTool tool = ToolProvider.getSystemDocumentationTool();
        boolean read =
                tool.getTask(null, null, null, Faults.class, options, null).call();
        if (!read) {
            throw new IllegalStateException("the Javadoc tool could not read the sources; it has said why");
        }
        return FOUND.get();
    }

    private String modulePath() {
        return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(this::isLibrary)
                .collect(Collectors.joining(File.pathSeparator));
    }

    private boolean isLibrary(String entry) {
        try {
            return ModuleFinder.of(Path.of(entry)).findAll().stream()
                    .anyMatch(module -> libraries.contains(module.descriptor().name()));
        } catch (FindException noModule) {
            return false;
        }
    }

    /** Writes nothing, but collects elements without a description. */
    public static final class Faults implements Doclet {
        private final List<String> found = FOUND.get();
        private final Set<String> withExamples = CHECKED.get().withExamples;
        private final Set<String> withoutExample = CHECKED.get().withoutExample;
        private DocletEnvironment environment;

        /** For the tool. */
        public Faults() {}

        @Override
        public void init(Locale locale, Reporter reporter) {}

        @Override
        public String getName() {
            return "faults";
        }

        @Override
        public Set<? extends Option> getSupportedOptions() {
            return Set.of();
        }

        @Override
        public SourceVersion getSupportedSourceVersion() {
            return SourceVersion.latest();
        }

        @Override
        public boolean run(DocletEnvironment environment) {
            this.environment = environment;
            Set<? extends Element> included = environment.getIncludedElements();
            for (ModuleElement module : ElementFilter.modulesIn(included)) {
                if (!module.isUnnamed()) {
                    check(module);
                }
            }
            for (PackageElement inPackage : ElementFilter.packagesIn(included)) {
                check(inPackage);
            }
            for (TypeElement type : ElementFilter.typesIn(included)) {
                check(type);
                type.getEnclosedElements().stream()
                        .filter(member -> environment.isIncluded(member)
                                && !member.getKind().isDeclaredType()
                                && !isImplied(member))
                        .forEach(this::check);
            }
            return true;
        }

        /** Members that the compiler adds or that repeat what is described elsewhere. */
        private boolean isImplied(Element member) {
            return environment.getDocTrees().getTree(member) == null
                    || environment.getElementUtils().getOrigin(member) != Elements.Origin.EXPLICIT
                    || member.getKind() == ElementKind.RECORD_COMPONENT
                    || member.getAnnotation(Override.class) != null;
        }

        private void check(Element element) {
            DocCommentTree comment = environment.getDocTrees().getDocCommentTree(element);
            if (comment == null || comment.getFirstSentence().isEmpty()) {
                found.add(name(element) + ": has no comment");
                return;
            }
            if (element instanceof TypeElement type) {
                checkComponents(type, comment);
                if (needsExample(type) && !comment.toString().contains("<pre>")) {
                    found.add(name(type) + ": has no example");
                }
            }
        }

        private void checkComponents(TypeElement type, DocCommentTree comment) {
            Set<String> described = comment.getBlockTags().stream()
                    .filter(ParamTree.class::isInstance)
                    .map(tag -> ((ParamTree) tag).getName().toString())
                    .collect(Collectors.toSet());
            for (RecordComponentElement component : type.getRecordComponents()) {
                if (!described.contains(component.getSimpleName().toString())) {
                    found.add(name(type) + ": has no @param for " + component);
                }
            }
        }

        /** Top-level types except enums and service providers. */
        private boolean needsExample(TypeElement type) {
            String backend = "org.qlif.spi.Backend";
            return type.getEnclosingElement() instanceof PackageElement inPackage
                    && withExamples.contains(inPackage.toString())
                    && type.getKind() != ElementKind.ENUM
                    && type.getInterfaces().stream()
                            .noneMatch(implemented -> implemented.toString().equals(backend))
                    && !withoutExample.contains(type.toString());
        }

        private static String name(Element element) {
            return element instanceof TypeElement
                            || element instanceof PackageElement
                            || element instanceof ModuleElement
                    ? element.toString()
                    : element.getEnclosingElement() + "." + element;
        }
    }
}
