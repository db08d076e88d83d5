// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** Turns the library's refusals of a value into those of the option that it came from. */
final class Refusal {
    private Refusal() {}

    /**
     * The library's messages begin with the argument's name, such as {@code clipGrad: got …}; the option has the same name in the style of
     * the command line, {@code --clip-grad}.
     */
    static ParameterException of(CommandSpec command, IllegalArgumentException refusal) {
        StringBuilder message = new StringBuilder("--");
        String text = refusal.getMessage();
        int name = Math.max(0, text.indexOf(':'));
        for (char letter : text.substring(0, name).toCharArray()) {
            if (Character.isUpperCase(letter)) {
                message.append('-');
            }
            message.append(Character.toLowerCase(letter));
        }
        message.append(text, name, text.length());
        return new ParameterException(command.commandLine(), message.toString(), refusal);
    }
}
