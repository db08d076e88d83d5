package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.source.doctree.DocCommentTree;
import com.sun.source.doctree.ParamTree;
import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
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
import org.junit.jupiter.api.Test;

/**
 * What the Javadoc says of what users compile against: something of everything, and an example of each type that a user starts from.
 * That it has no mistakes of form is for the build, which runs the tool without warnings.
 */
class JavadocTest {
    /** Types of the public packages that come as results, or are there for others to be seen through. */
    private static final Set<String> WITHOUT_EXAMPLE = Set.of(
            "org.qlif.DeviceInfo",
            "org.qlif.KernelOptions",
            "org.qlif.NeuronParameter",
            "org.qlif.ParameterRange",
            "org.qlif.StateVariable",
            "org.qlif.Trace",
            "org.qlif.network.DivergenceException",
            "org.qlif.network.StepResult",
            "org.qlif.network.StepTimes");

    private static final Set<String> WITH_EXAMPLES =
            Set.of("org.qlif", "org.qlif.gpu", "org.qlif.network", "org.qlif.simulation");

    @Test
    void describesEverything() {
        Path root = Golden.folder().toAbsolutePath().getParent();
        List<String> options = new ArrayList<>(
                List.of("--module", "org.qlif,org.qlif.gpu,org.qlif.network,org.qlif.simulation,org.qlif.conformance"));
        source(options, "org.qlif", root.resolve("java-api/src/main/java"));
        source(options, "org.qlif.gpu", root.resolve("gpu/src/main/java"), root.resolve("gpu/src/generated/java"));
        source(options, "org.qlif.network", root.resolve("network/src/main/java"));
        source(options, "org.qlif.simulation", root.resolve("simulation/src/main/java"));
        source(options, "org.qlif.conformance", root.resolve("conformance/src/main/java"));
        options.addAll(List.of("--module-path", libraries()));
        Faults.found.clear();
        DocumentationTool tool = ToolProvider.getSystemDocumentationTool();
        assertThat(tool.getTask(null, null, null, Faults.class, options, null).call())
                .isTrue();
        assertThat(Faults.found).isEmpty();
    }

    private static void source(List<String> options, String module, Path... folders) {
        String path = Arrays.stream(folders).map(Path::toString).collect(Collectors.joining(File.pathSeparator));
        options.addAll(List.of("--module-source-path", module + "=" + path));
    }

    /** The modules of others, from the class path. */
    private static String libraries() {
        return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> ForkedJvm.modules(entry)
                        .anyMatch(module ->
                                Set.of("com.google.gson", "org.jspecify").contains(module.name())))
                .collect(Collectors.joining(File.pathSeparator));
    }

    /** Writes nothing; collects what is not described. */
    public static final class Faults implements Doclet {
        private static final List<String> found = new ArrayList<>();

        private DocletEnvironment environment;

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
                check(module);
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

        /** Top-level types but enums and what the service loader makes. */
        private boolean needsExample(TypeElement type) {
            String backend = "org.qlif.spi.Backend";
            return type.getEnclosingElement() instanceof PackageElement inPackage
                    && WITH_EXAMPLES.contains(inPackage.toString())
                    && type.getKind() != ElementKind.ENUM
                    && type.getInterfaces().stream()
                            .noneMatch(implemented -> implemented.toString().equals(backend))
                    && !WITHOUT_EXAMPLE.contains(type.toString());
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
