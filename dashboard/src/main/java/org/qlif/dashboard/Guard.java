// SPDX-License-Identifier: Apache-2.0
package org.qlif.dashboard;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Decides which requests the server answers: those under a name that its user would use, from its own pages. A page of another site can
 * make a browser send requests here, under that site's name if the name resolves to this machine (DNS rebinding). Such a name is not an
 * address, so all addresses are accepted.
 */
final class Guard {
    private static final Pattern HOST = Pattern.compile("(\\[[0-9a-f:.%a-z]+]|[^:\\[\\]/@]+)(:[0-9]{1,5})?");
    private static final Pattern ADDRESS = Pattern.compile("\\[[0-9a-f:.%a-z]+]|(?:[0-9]{1,3}\\.){3}[0-9]{1,3}");

    private final Set<String> names = new HashSet<>();

    /** @param host the host that the server was told to listen on */
    Guard(String host) {
        names.add("localhost");
        names.add(host.toLowerCase(Locale.ROOT));
        try {
            if (InetAddress.getByName(host).isAnyLocalAddress()) {
                names.add(InetAddress.getLocalHost().getHostName().toLowerCase(Locale.ROOT));
            }
        } catch (UnknownHostException _) {
            // The machine doesn't know a name of its own, so there is none to accept.
        }
    }

    /** Whether a request with this Host header is meant for this server. */
    boolean knows(@Nullable String host) {
        if (host == null) {
            return false;
        }
        Matcher parts = HOST.matcher(host.toLowerCase(Locale.ROOT));
        return parts.matches()
                && (names.contains(parts.group(1))
                        || ADDRESS.matcher(parts.group(1)).matches());
    }

    /**
     * Whether a request comes from a page of this server, or from no page at all.
     *
     * @param origin the Origin header
     * @param host the Host header, which {@link #knows} has accepted
     */
    static boolean isOwn(@Nullable String origin, String host) {
        return origin == null || origin.equalsIgnoreCase("http://" + host);
    }
}
