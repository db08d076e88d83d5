// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The BOM has the version of every module that is published, and of no other. */
class PublishedTest {
    private static final Pattern ARTIFACT = Pattern.compile("<artifactId>(qlif-[a-z-]+)</artifactId>");

    @Test
    void bomNamesWhatIsPublished() throws IOException {
        Path root = Golden.folder().toRealPath().getParent();
        List<String> published = new ArrayList<>();
        List<String> others = new ArrayList<>();
        try (Stream<Path> folders = Files.list(root)) {
            for (Path pom : (Iterable<Path>) folders.map(folder -> folder.resolve("pom.xml"))::iterator) {
                if (Files.exists(pom) && !pom.equals(root.resolve("bom/pom.xml"))) {
                    String text = Files.readString(pom);
                    // The first is the parent's.
                    Matcher own = ARTIFACT.matcher(text.substring(text.indexOf("</parent>")));
                    assertThat(own.find()).as("%s names its artifact", pom).isTrue();
                    (text.contains("<unpublished>true</unpublished>") ? others : published).add(own.group(1));
                }
            }
        }
        assertThat(published).contains("qlif-api", "qlif-native");
        assertThat(others).contains("qlif-cli", "qlif-benchmarks");
        String bom = Files.readString(root.resolve("bom/pom.xml"));
        assertThat(ARTIFACT.matcher(bom.substring(bom.indexOf("<dependencyManagement>")))
                        .results()
                        .map(artifact -> artifact.group(1))
                        .distinct())
                .containsExactlyInAnyOrderElementsOf(published);
    }
}
