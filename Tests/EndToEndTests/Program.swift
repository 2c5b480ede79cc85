// Starts the real programs, as a person would, and kills them. Nothing here knows what is inside.
import Foundation
import PostgresTesting
import Synchronization
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

    /// Where installations are made.
    static let temporaryDirectory = URL(fileURLWithPath: FastDirectory.path)

    static func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

    /// The repository: this file is Tests/EndToEndTests/Program.swift.
    static let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func demo(_ subject: String, _ split: String) -> String {
        repository.appendingPathComponent("deploy/examples/math")
            .appendingPathComponent("\(subject)/\(split).safetensors").path
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
    func stop() {
        guard process.isRunning else { return }
        process.terminate()
        let deadline = Patience.end(of: 20)
        while process.isRunning, .now < deadline { usleep(20_000) }
        if process.isRunning { kill() }
    }

    deinit { if process.isRunning { Foundation.kill(process.processIdentifier, SIGKILL) } }
}

/// How long a test waits at most. It goes on as soon as it has what it waits for, so
/// patience costs nothing.
enum Patience {
    /// Tests write down what is plenty on a machine that does nothing else; this one may do a lot.
    private static let factor = 8.0

    static func end(of seconds: Double) -> ContinuousClock.Instant {
        .now + .seconds(seconds * factor)
    }
}

/// Runs to the end; output through files, so that no pipe can fill up.
func run(
    _ executable: String, _ arguments: [String], environment: [String: String] = [:],
    in workingDirectory: URL? = nil, within seconds: Double = 120
) async throws -> Ending {
    let directory = Programs.temporaryDirectory
        .appendingPathComponent("ls-run-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let (out, err) = (
        directory.appendingPathComponent("out"), directory.appendingPathComponent("err")
    )
    let process = try ChildProcess(
        executable, arguments, environment: environment, output: out.path, errors: err.path,
        workingDirectory: workingDirectory?.path)
    let (began, deadline) = (ContinuousClock.now, Patience.end(of: seconds))
    while process.isRunning {
        if .now > deadline {
            Foundation.kill(process.processIdentifier, SIGKILL)
            let waited = (ContinuousClock.now - began).rounded
            try #require(
                Bool(false), "\(executable) \(arguments) did not end within \(waited)")
        }
        try await Task.sleep(for: .milliseconds(20))
    }
    return Ending(
        status: process.terminationStatus,
        output: try String(contentsOf: out, encoding: .utf8),
        errors: try String(contentsOf: err, encoding: .utf8))
}

/// Asks again and again until `condition` holds; a test never waits longer than it must.
///
/// - Parameter seconds: Plenty on a machine that does nothing else.
func eventually(
    within seconds: Double, _ what: String, sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let (began, deadline) = (ContinuousClock.now, Patience.end(of: seconds))
    while true {
        if try await condition() { return }
        try #require(
            .now < deadline, "\(what): not within \((ContinuousClock.now - began).rounded)",
            sourceLocation: sourceLocation)
        try await Task.sleep(for: .milliseconds(100))
    }
}

/// A port nobody listens on now, and none that the system gives to outgoing connections: a program
/// that is killed and started again must get it a second time. Nor one of tests in another process.
func freePort() throws -> Int { try PortShare.ours.get().next() }

/// The ports of this process: one is found free long before a program listens there, and another
/// process must not find it, too, meanwhile. A share is ours as long as we keep its first port.
private final class PortShare: Sendable {
    static let ours = Result { try PortShare() }

    private static let size: UInt16 = 500
    private static let firsts = Array(stride(from: UInt16(15_000), to: 32_000, by: Int(size)))

    private let keeping: Int32
    private let first: UInt16
    /// After the first; each once before any comes again.
    private let offset = Mutex(UInt16(0))

    private init() throws {
        for first in Self.firsts.shuffled() {
            if let descriptor = Self.bound(first) {
                keeping = descriptor
                self.first = first
                return
            }
        }
        throw NoFreePort()
    }

    func next() throws -> Int {
        for _ in 1..<Self.size {
            let port =
                first + 1
                + offset.withLock { offset in
                    defer { offset = (offset + 1) % (Self.size - 1) }
                    return offset
                }
            if let descriptor = Self.bound(port) {
                close(descriptor)
                return Int(port)
            }
        }
        throw NoFreePort()
    }

    private static func bound(_ port: UInt16) -> Int32? {
        // Kept by us alone, not by programs that we start.
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_INET, kind, 0)
        guard descriptor >= 0 else { return nil }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = port.bigEndian
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        if isBound { return descriptor }
        close(descriptor)
        return nil
    }

    private struct NoFreePort: Error, CustomStringConvertible {
        var description: String { "no free port was found between 15000 and 32000" }
    }
}
