// Starts the real programs, as a person would, and kills them. Nothing here knows what is inside.
import Foundation
import Testing

/// What a program that has ended left behind.
struct Ending: Sendable, CustomStringConvertible {
    let status: Int32
    let output: String
    let errors: String

    var description: String { "status \(status)\n\(output)\n\(errors)" }
}

enum Programs {
    /// Where the build put them: beside the running tests.
    static let directory: URL = {
        let executable = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        return executable.deletingLastPathComponent()
    }()

    static func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

    /// The repository: this file is Tests/EndToEndTests/Program.swift.
    static let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func demo(_ subject: String, _ split: String) -> String {
        repository.appendingPathComponent("deploy/demo/math/\(subject)/\(split).safetensors").path
    }
}

/// One running program, its output going to a file.
final class Program: @unchecked Sendable {
    let process: ChildProcess
    let log: URL

    init(_ executable: String, _ arguments: [String], environment: [String: String] = [:], log: URL)
        throws
    {
        self.log = log
        process = try ChildProcess(
            executable, arguments, environment: environment, output: log.path)
    }

    var text: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }

    /// SIGKILL: no goodbye.
    func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// SIGTERM, then SIGKILL when it does not leave.
    func stop(within seconds: Double = 40) {
        guard process.isRunning else { return }
        process.terminate()
        let deadline = Date().addingTimeInterval(seconds)
        while process.isRunning, Date() < deadline { usleep(20_000) }
        if process.isRunning { kill() }
    }

    deinit { if process.isRunning { Foundation.kill(process.processIdentifier, SIGKILL) } }
}

/// Runs to the end; output through files, so that no pipe can fill up.
func run(
    _ executable: String, _ arguments: [String], environment: [String: String] = [:],
    in workingDirectory: URL? = nil, within seconds: Double = 120
) async throws -> Ending {
    let directory = FileManager.default.temporaryDirectory
        .appendingPathComponent("ls-run-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let (out, err) = (
        directory.appendingPathComponent("out"), directory.appendingPathComponent("err")
    )
    let process = try ChildProcess(
        executable, arguments, environment: environment, output: out.path, errors: err.path,
        workingDirectory: workingDirectory?.path)
    let deadline = Date().addingTimeInterval(seconds)
    while process.isRunning {
        if Date() > deadline {
            Foundation.kill(process.processIdentifier, SIGKILL)
            try #require(
                Bool(false), "\(executable) \(arguments) did not end within \(seconds) s")
        }
        try await Task.sleep(for: .milliseconds(20))
    }
    return Ending(
        status: process.terminationStatus,
        output: try String(contentsOf: out, encoding: .utf8),
        errors: try String(contentsOf: err, encoding: .utf8))
}

/// Asks again and again until `condition` holds; a test never waits longer than it must.
func eventually(
    within seconds: Double, _ what: String, sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let deadline = Date().addingTimeInterval(seconds)
    while true {
        if try await condition() { return }
        try #require(
            Date() < deadline, "\(what): not within \(seconds) s", sourceLocation: sourceLocation)
        try await Task.sleep(for: .milliseconds(100))
    }
}

/// A port nobody listens on now, and none that the system gives to outgoing connections: a program
/// that is killed and started again must get it a second time.
func freePort() throws -> Int {
    for _ in 0..<200 {
        let port = UInt16.random(in: 15_000..<32_000)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = port.bigEndian
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        if bound { return Int(port) }
    }
    throw FreePortError()
}

private struct FreePortError: Error, CustomStringConvertible {
    var description: String { "no free port was found in 200 tries" }
}
