// A secret given as an argument can be read by every user of the machine (ps, /proc/PID/cmdline).
// Once they are read, the program overwrites its own copy there. Between its start and that moment
// it stands open: a variable of the environment or a file never does.
import Foundation

enum HiddenArguments {
    /// Before anything else: `CommandLine.arguments` keeps what was said.
    ///
    /// - Parameter flags: Whose values are overwritten: `--flag value` and `--flag=value`.
    static func hide(valuesOf flags: [String]) {
        // Made from the originals at its first use.
        _ = CommandLine.arguments
        let count = Int(CommandLine.argc)
        for index in 0..<count {
            guard let argument = CommandLine.unsafeArgv[index] else { continue }
            for flag in flags {
                let length = flag.utf8.count
                if strcmp(argument, flag) == 0, index + 1 < count {
                    overwrite(CommandLine.unsafeArgv[index + 1])
                } else if strncmp(argument, flag + "=", length + 1) == 0 {
                    overwrite(argument + length + 1)
                }
            }
        }
    }

    private static func overwrite(_ text: UnsafeMutablePointer<CChar>?) {
        guard let text else { return }
        for index in 0..<strlen(text) { text[index] = CChar(bitPattern: UInt8(ascii: "x")) }
    }
}
