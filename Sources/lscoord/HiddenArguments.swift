// A database's URL given as an argument may hold a password, and every user of the machine may read
// arguments (ps, /proc/PID/cmdline). Once they are read, the program overwrites its own copy there.
// Between its start and that moment it stands open: LSCOORD_DATABASE or a settings file never does.
import Foundation

enum HiddenArguments {
    /// Before anything else: `CommandLine.arguments` keeps what was said.
    static func hide() {
        // Made from the originals at its first use.
        _ = CommandLine.arguments
        let count = Int(CommandLine.argc)
        for index in 0..<count {
            guard let argument = CommandLine.unsafeArgv[index] else { continue }
            if strcmp(argument, "--database") == 0, index + 1 < count {
                overwrite(CommandLine.unsafeArgv[index + 1])
            } else if strncmp(argument, "--database=", 11) == 0 {
                overwrite(argument + 11)
            }
        }
    }

    private static func overwrite(_ text: UnsafeMutablePointer<CChar>?) {
        guard let text else { return }
        for index in 0..<strlen(text) { text[index] = CChar(UInt8(ascii: "x")) }
    }
}
