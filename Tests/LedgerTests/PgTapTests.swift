// Runs every file of sql/tests with psql, each in a database of its own, and reads what pgTAP says.
import Foundation
import PostgresTesting
import Testing

@Suite struct `SQL functions` {
    @Test func `SQL functions have their tests`() {
        #expect(PgTap.files.count >= 25)
    }

    @Test(arguments: PgTap.files)
    func `SQL functions do what their pgTAP test says`(file: String) async throws {
        let output = try await ThrowAwayDatabase.with(TestLedger.template) { database in
            try await PgTap.run(file, in: database)
        }
        let report = TapReport(output)
        #expect(report.failures == [], "\(output)")
        #expect(report.planned == report.passedCount, "\(output)")
    }
}

/// The files of sql/tests.
enum PgTap {
    static let folder = TestLedger.sqlFolder.appending(path: "tests")
    static let files = try! FileManager.default.contentsOfDirectory(
        at: folder, includingPropertiesForKeys: nil
    ).filter { $0.pathExtension == "sql" }.map(\.lastPathComponent).sorted()

    /// What psql prints for one of them, errors included.
    static func run(_ file: String, in database: ThrowAwayDatabase) async throws -> String {
        try await psql(database.connectionInfo, folder.appending(path: file).path)
    }
}

/// What a pgTAP file printed.
private struct TapReport {
    /// Nil when no plan was printed.
    var planned: Int?
    var passedCount = 0
    var failures: [String] = []

    init(_ output: String) {
        for line in output.split(separator: "\n") {
            if line.hasPrefix("1..") {
                planned = Int(line.dropFirst(3))
            } else if line.hasPrefix("ok ") {
                passedCount += 1
            } else if line.hasPrefix("not ok") || line.contains("ERROR:")
                || line.hasPrefix("# Looks like")
            {
                failures.append(String(line))
            }
        }
    }
}

/// What psql printed for the file, errors included.
private func psql(_ connectionInfo: String, _ path: String) async throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [
        "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", connectionInfo, "-f", path,
    ]
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    return try await withCheckedThrowingContinuation { continuation in
        // A thread of its own: reading blocks until psql ends.
        Thread.detachNewThread {
            do {
                try process.run()
                let bytes = try pipe.fileHandleForReading.readToEnd() ?? Data()
                process.waitUntilExit()
                continuation.resume(returning: String(decoding: bytes, as: UTF8.self))
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }
}
